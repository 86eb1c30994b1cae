internal import Crypto

/// The key of a certificate, as its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) describes it.
public struct PublicKey: Equatable, Sendable {
    /// The kind of key.
    public enum Kind: Equatable, Sendable {
        /// RSA (RFC 8017).
        case rsa
        /// RSA for PSS signatures only (RFC 4055).
        case rsaPSS
        /// On a named curve (RFC 5480): `P-256` and its like, or the curve's dotted identifier.
        case ec(curve: String)
        /// Ed25519 (RFC 8410).
        case ed25519
        /// Ed448 (RFC 8410).
        case ed448
        /// Another algorithm, dotted.
        case other(String)
    }

    /// The kind of key.
    public let kind: Kind
    /// Bits of the modulus or of the curve; 0 for kinds that are not known.
    public let bits: Int
    /// The SubjectPublicKeyInfo, DER.
    public let encoding: [UInt8]
    /// SHA-256 of the SubjectPublicKeyInfo, DER: 32 bytes.
    public let sha256: [UInt8]

    private static let curves = [
        "1.2.840.10045.3.1.7": ("P-256", 256), "1.3.132.0.34": ("P-384", 384),
        "1.3.132.0.35": ("P-521", 521), "1.3.132.0.33": ("P-224", 224),
        "1.2.840.10045.3.1.1": ("P-192", 192), "1.3.132.0.10": ("secp256k1", 256),
    ]

    /// Describes `info`, a SubjectPublicKeyInfo.
    init(_ info: DERReader.Element) throws(CertificateMistake) {
        encoding = Array(info.whole)
        sha256 = SHA256.hash(encoding)
        do throws(DERReader.Mistake) {
            var reader = info.reader
            var algorithm = try reader.element(DERReader.sequence).reader
            let name = try algorithm.dottedIdentifier()
            let content = try reader.element(DERReader.bitString).content
            try reader.finish()
            guard content.first == 0 else { throw DERReader.Mistake() }
            switch name {
            case "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10":
                kind = name.hasSuffix(".10") ? .rsaPSS : .rsa
                bits = try Self.modulusBits(content.dropFirst())
            case "1.2.840.10045.2.1":
                // Explicit parameters are a SEQUENCE: no curve has a name then.
                let curve =
                    algorithm.isNext(DERReader.objectIdentifier)
                    ? try algorithm.dottedIdentifier() : "explicit"
                let known = Self.curves[curve]
                kind = .ec(curve: known?.0 ?? curve)
                bits = known?.1 ?? 0
            case "1.3.101.112": (kind, bits) = (.ed25519, 256)
            case "1.3.101.113": (kind, bits) = (.ed448, 456)
            default: (kind, bits) = (.other(name), 0)
            }
        } catch {
            throw CertificateMistake(part: "subjectPublicKeyInfo")
        }
    }

    /// For people: `RSA`, `RSA-PSS`, `EC P-256`, `Ed25519`, `Ed448`, or the dotted algorithm.
    public var name: String {
        switch kind {
        case .rsa: "RSA"
        case .rsaPSS: "RSA-PSS"
        case .ec(let curve): "EC \(curve)"
        case .ed25519: "Ed25519"
        case .ed448: "Ed448"
        case .other(let oid): oid
        }
    }

    private static func modulusBits(_ key: ArraySlice<UInt8>) throws(DERReader.Mistake) -> Int {
        var reader = DERReader(key)
        var numbers = try reader.element(DERReader.sequence).reader
        let modulus = try numbers.element(DERReader.integer).content.drop { $0 == 0 }
        guard let first = modulus.first else { return 0 }
        return modulus.count * 8 - first.leadingZeroBitCount
    }
}
