/// Certificates to refuse whatever their issuers say: a file of the operator's own.
///
/// One entry to a line; `#` begins a comment. Hexadecimal digits may stand in pairs with colons.
///
///     sha256:9F:86:…             a certificate, by the SHA-256 of its DER, and its twin
///                                (`SignatureTwin`)
///     spki-sha256:n4bQ…=         every certificate of a key, by the SHA-256 of its
///                                SubjectPublicKeyInfo: hexadecimal or base64
///     issuer:"CN=CA,C=DE" serial:01AB
///                                a certificate, by issuer (RFC 4514, quotes optional) and number
///     issuer-sha256:9f86… serial:01AB
///                                the same, by the SHA-256 of the issuer's name, DER
///
/// An issuer that is written out is compared in canonical form (`CanonicalName`): case, blanks and
/// string types do not matter. Its hash is that of the DER in the certificate.
final class DenyList: Sendable {
    /// More than this is no list.
    static let sizeLimit = 16 << 20

    /// A certificate as its issuer counts it.
    struct IssuedNumber: Hashable {
        /// Hash of the issuer's name.
        let issuer: Fingerprint
        let serial: SerialNumber
    }

    /// One line of the file.
    enum Entry: Equatable {
        case fingerprint(Fingerprint)
        case publicKey(Fingerprint)
        /// The hash is over the canonical form.
        case canonicalIssuer(IssuedNumber)
        /// The hash is over the DER.
        case encodedIssuer(IssuedNumber)
    }

    let path: String
    private let fingerprints: Set<Fingerprint>
    private let publicKeys: Set<Fingerprint>
    private let canonicalIssuers: Set<IssuedNumber>
    private let encodedIssuers: Set<IssuedNumber>

    /// Reads the file at `path`. A mistake is an error with line and column.
    convenience init(path: String) throws(TLSConfigurationError) {
        try self.init(try FileBytes.contents(of: path, limit: Self.sizeLimit), path: path)
    }

    /// Parses `text`, which came from the file at `path`.
    init(_ text: [UInt8], path: String) throws(TLSConfigurationError) {
        var fingerprints: Set<Fingerprint> = []
        var publicKeys: Set<Fingerprint> = []
        var canonicalIssuers: Set<IssuedNumber> = []
        var encodedIssuers: Set<IssuedNumber> = []
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            var parser = DenyListLine(line)
            do throws(DenyListLine.Mistake) {
                switch try parser.entry() {
                case nil: break
                case .fingerprint(let digest)?: fingerprints.insert(digest)
                case .publicKey(let digest)?: publicKeys.insert(digest)
                case .canonicalIssuer(let number)?: canonicalIssuers.insert(number)
                case .encodedIssuer(let number)?: encodedIssuers.insert(number)
                }
            } catch {
                throw TLSConfigurationError(
                    "\(path):\(index + 1):\(error.column)", error.reason, advice: error.allowed)
            }
        }
        self.path = path
        self.fingerprints = fingerprints
        self.publicKeys = publicKeys
        self.canonicalIssuers = canonicalIssuers
        self.encodedIssuers = encodedIssuers
    }

    /// How many different entries there are.
    var count: Int {
        fingerprints.count + publicKeys.count + canonicalIssuers.count + encodedIssuers.count
    }

    /// Whether an entry names `member`.
    func contains(_ member: ChainMember) -> Bool {
        fingerprints.contains(member.fingerprint)
            || member.twinFingerprint.map(fingerprints.contains) == true
            || publicKeys.contains(member.publicKeyHash)
            || canonicalIssuers.contains(
                IssuedNumber(issuer: member.issuerCanonicalHash, serial: member.serialNumber))
            || encodedIssuers.contains(
                IssuedNumber(issuer: member.issuerNameHash, serial: member.serialNumber))
    }
}
