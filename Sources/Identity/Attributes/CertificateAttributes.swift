internal import Crypto
public import TLS

/// Everything that a verified certificate says about its holder, parsed once, as plain values.
///
/// Names keep the certificate's order. Nothing here is a decision: rules and headers are.
public struct CertificateAttributes: Sendable {
    /// The certificate itself, with serial number and validity.
    public let certificate: PeerCertificate
    /// The validated chain, DER: the leaf first, the anchor last.
    public let chain: [[UInt8]]
    /// The subject, relative names in the certificate's order.
    public let subject: DistinguishedName
    /// The issuer, relative names in the certificate's order.
    public let issuer: DistinguishedName
    /// Version of the certificate: 1, 2 or 3.
    public let version: Int
    /// The serial number as it is encoded: big-endian, two's complement, perhaps a leading zero.
    public let encodedSerialNumber: [UInt8]
    /// Algorithm of the issuer's signature, dotted.
    public let signatureAlgorithm: String
    /// The certificate's key.
    public let key: PublicKey
    /// The subject's alternative names, in the certificate's order.
    public let alternativeNames: [AlternativeName]
    /// Extended key usages, dotted, in the certificate's order.
    public let extendedKeyUsages: [String]
    /// Certificate policies, dotted, in the certificate's order.
    public let policies: [String]
    /// What the key may be used for; nil where the certificate does not say.
    public let keyUsage: KeyUsage?
    /// Whether it is an authority's.
    public let isAuthority: Bool
    /// How many authorities may stand below it, where it limits them.
    public let pathLength: Int?
    /// Identifier of its key, as the certificate gives it.
    public let subjectKeyIdentifier: [UInt8]?
    /// Identifier of its issuer's key, as the certificate gives it.
    public let authorityKeyIdentifier: [UInt8]?
    /// SHA-256 of the certificate, DER: 32 bytes.
    public let sha256: [UInt8]
    /// SHA-1 of the certificate, DER: 20 bytes. For peers that know no other; decide nothing by it.
    public let sha1: [UInt8]
    /// The SPIFFE identity: the only SPIFFE URI, if it is a valid one. Several are none (S10).
    public let spiffeID: String?

    /// Parses the leaf of `chain`.
    ///
    /// - Throws: for a certificate, or an extension of those above, that is not what RFC 5280 says,
    ///   and for alternative names with characters that no such name has (security rule S10).
    public init(_ chain: ValidatedChain) throws(CertificateMistake) {
        try self.init(chain.leaf, sha256: chain.fingerprint.bytes, chain: chain.certificates)
    }

    /// Parses a certificate that stands in a chain, and vouches for nothing.
    init(der: [UInt8]) throws(CertificateMistake) {
        guard let certificate = PeerCertificate(der: der) else {
            throw CertificateMistake(part: "structure")
        }
        try self.init(certificate, sha256: certificate.sha256Fingerprint, chain: [der])
    }

    init(
        _ leaf: PeerCertificate, sha256: [UInt8], chain: [[UInt8]]
    ) throws(CertificateMistake) {
        certificate = leaf
        self.chain = chain
        subject = leaf.subject
        issuer = leaf.issuer
        let outline = try CertificateOutline(leaf.der)
        version = outline.version
        encodedSerialNumber = outline.serialNumber
        signatureAlgorithm = outline.signatureAlgorithm
        key = try PublicKey(outline.publicKey)
        let extensions = try outline.extensions()
        alternativeNames = try extensions.alternativeNames()
        extendedKeyUsages = try extensions.extendedKeyUsages()
        policies = try extensions.policies()
        keyUsage = try extensions.keyUsage()
        let constraints = try extensions.basicConstraints()
        isAuthority = constraints.isAuthority
        pathLength = constraints.pathLength
        subjectKeyIdentifier = try extensions.subjectKeyIdentifier()
        authorityKeyIdentifier = try extensions.authorityKeyIdentifier()
        self.sha256 = sha256
        sha1 = SHA1.hash(leaf.der)
        spiffeID = SPIFFEIdentity.of(alternativeNames)
    }

    /// First second of validity, since 1970.
    public var notBefore: Int64 { certificate.notBefore }
    /// Last second of validity, since 1970.
    public var notAfter: Int64 { certificate.notAfter }
    /// The serial number: big-endian magnitude, no sign, at least one byte.
    public var serialNumber: [UInt8] { certificate.serialNumber }
    /// Host names, as written.
    public var dnsNames: [String] { alternativeNames.compactMap(\.dns) }
    /// URIs, as written.
    public var uris: [String] { alternativeNames.compactMap(\.uri) }
    /// Mail addresses, as written.
    public var emails: [String] { alternativeNames.compactMap(\.email) }
    /// Addresses as text: dotted, or RFC 5952 §4.
    public var addresses: [String] { alternativeNames.compactMap(\.ip) }
}

/// What is wrong with a certificate that OpenSSL could verify all the same.
public struct CertificateMistake: Error, Equatable, Sendable, CustomStringConvertible {
    /// The part at fault, such as `subjectAltName`.
    public let part: String

    /// Says which part is at fault.
    public var description: String { "\(part) of the certificate is malformed" }
}

/// What a key may be used for (RFC 5280 §4.2.1.3).
public struct KeyUsage: OptionSet, Equatable, Sendable {
    /// Bit 0 of the extension is bit 0 here.
    public let rawValue: Int

    /// Names of the bits, in order.
    public static let names = [
        "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
        "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
    ]

    /// The usages with these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Names of the usages that are set.
    public var names: [String] {
        Self.names.indices.filter { rawValue >> $0 & 1 == 1 }.map { Self.names[$0] }
    }
}
