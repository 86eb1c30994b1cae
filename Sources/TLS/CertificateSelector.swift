internal import COpenSSL

/// Types of the attributes of names.
public enum AttributeType {
    /// The dotted identifier of the type called `name` (`CN`, `commonName`, `2.5.4.3`), in any
    /// case; nil when OpenSSL knows none.
    public static func identifier(_ name: String) -> String? {
        defer { ErrorQueue.clear() }
        for spelling in [name, name.uppercased(), name.lowercased()] {
            guard let object = unsafe OBJ_txt2obj(spelling, 0) else { continue }
            defer { unsafe ASN1_OBJECT_free(object) }
            var text = [CChar](repeating: 0, count: 128)
            let count = unsafe Int(OBJ_obj2txt(&text, Int32(text.count), object, 1))
            guard (1..<text.count).contains(count) else { return nil }
            return String(
                decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return nil
    }
}

/// Certificates that are meant, in the words of a deny list's line: `sha256:9F86…`,
/// `spki-sha256:n4bQ…=`, `issuer:"CN=CA,C=DE" serial:01AB`, `issuer-sha256:9f86… serial:01AB`.
public struct CertificateSelector: Equatable, Sendable {
    /// What is wrong with a text, and what may stand there.
    public struct Mistake: Error, Equatable, Sendable {
        /// What is wrong.
        public let reason: String
        /// What may stand there.
        public let allowed: String
    }

    private let entry: DenyList.Entry

    /// Parses `text`.
    public init(_ text: String) throws(Mistake) {
        var line = DenyListLine(text.utf8)
        do throws(DenyListLine.Mistake) {
            guard let entry = try line.entry() else {
                throw DenyListLine.Mistake(
                    column: 1, reason: "there is nothing",
                    allowed: "begin it with sha256:, spki-sha256:, issuer: or issuer-sha256:")
            }
            self.entry = entry
        } catch {
            throw Mistake(reason: error.reason, allowed: error.allowed)
        }
    }

    /// Whether `member` is meant. A certificate is meant in both of its encodings.
    public func selects(_ member: ChainMember) -> Bool {
        switch entry {
        case .fingerprint(let digest):
            digest == member.fingerprint || digest == member.twinFingerprint
        case .publicKey(let digest): digest == member.publicKeyHash
        case .canonicalIssuer(let number):
            number.issuer == member.issuerCanonicalHash && number.serial == member.serialNumber
        case .encodedIssuer(let number):
            number.issuer == member.issuerNameHash && number.serial == member.serialNumber
        }
    }
}

/// The issuer of certificates, by name: as people write it (RFC 4514), compared in canonical form,
/// in which case, blanks and string types do not matter.
public struct IssuerSelector: Equatable, Sendable {
    private let digest: Fingerprint

    /// Parses `text`, such as `CN=Issuing CA,O=Acme\, Inc.,C=DE`.
    public init(_ text: String) throws(CertificateSelector.Mistake) {
        var parser = DistinguishedNameText(Array(text.utf8))
        do throws(DistinguishedNameText.Mistake) {
            digest = try parser.name().digest
        } catch {
            throw CertificateSelector.Mistake(reason: error.reason, allowed: error.allowed)
        }
    }

    /// Whether it issued `member`, by name.
    public func selects(_ member: ChainMember) -> Bool { digest == member.issuerCanonicalHash }
}

extension TrustStoreOptions {
    /// SHA-256 of each certificate of the store.
    public func fingerprints(at now: Int64) throws(TLSConfigurationError) -> Set<Fingerprint> {
        let certificates = try TrustStore(self, at: now).certificates
        var fingerprints: Set<Fingerprint> = []
        for index in 0..<certificates.count {
            guard let parsed = unsafe PeerCertificate(certificates[index]) else { continue }
            fingerprints.insert(Fingerprint(of: parsed.der))
        }
        return fingerprints
    }
}
