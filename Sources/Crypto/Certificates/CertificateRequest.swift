/// Everything about a certificate that its issuer decides.
public struct CertificateRequest: Sendable {
    /// One attribute of a distinguished name.
    public struct Attribute: Equatable, Sendable {
        /// The type: a short name such as `CN`, or dotted.
        public var type: String
        /// The value, UTF-8.
        public var value: [UInt8]
        /// Whether it stands in the same relative name as the attribute before it.
        public var joinsPrevious: Bool
        /// Whether to write a UTF8String even where a PrintableString would do.
        public var isAlwaysUTF8: Bool

        /// An attribute with a text value.
        public init(_ type: String, _ value: String, joinsPrevious: Bool = false) {
            self.init(type, bytes: Array(value.utf8), joinsPrevious: joinsPrevious)
        }

        /// An attribute with any UTF-8 value, NUL included: for tests of what refuses it.
        public init(
            _ type: String, bytes: [UInt8], joinsPrevious: Bool = false,
            isAlwaysUTF8: Bool = true
        ) {
            self.type = type
            value = bytes
            self.joinsPrevious = joinsPrevious
            self.isAlwaysUTF8 = isAlwaysUTF8
        }
    }

    /// Another name of the subject (RFC 5280 §4.2.1.6).
    public enum AlternativeName: Equatable, Sendable {
        /// A host name.
        case dns(String)
        /// An IPv4 or IPv6 literal.
        case ip(String)
        /// A URI, such as a SPIFFE identity.
        case uri(String)
        /// A mail address.
        case email(String)
    }

    /// What the key may be used for, beyond `basicConstraints`.
    public enum ExtendedUsage: String, Sendable {
        /// TLS servers.
        case serverAuth
        /// TLS clients.
        case clientAuth
        /// Code signing: a wrong usage for tests.
        case codeSigning
        /// Any usage, which OpenSSL does not accept for TLS.
        case any = "anyExtendedKeyUsage"
    }

    /// Whether the subject is an authority.
    public enum Constraint: Equatable, Sendable {
        /// It is, with at most that many intermediates below it.
        case authority(pathLength: Int?)
        /// It is not.
        case leaf
        /// The extension is absent.
        case absent
    }

    /// The subject's attributes, in order.
    public var subject: [Attribute]
    /// Its other names.
    public var alternativeNames: [AlternativeName] = []
    /// Its usages; none leaves the extension out.
    public var extendedUsages: [ExtendedUsage] = []
    /// Whether it is an authority.
    public var constraint = Constraint.leaf
    /// Whether an authority may sign revocation lists.
    public var signsRevocationLists = true
    /// First second of validity, since 1970.
    public var notBefore: Int64
    /// Last second of validity, since 1970.
    public var notAfter: Int64
    /// The serial number, big-endian; nil takes 16 random bytes.
    public var serialNumber: [UInt8]?
    /// 3, or 1 for a certificate without any extension.
    public var version = 3
    /// URLs for AIA and CRL distribution points, which nobody must ever fetch (S11).
    public var informationURLs: [String] = []

    /// A request for `subject`, valid from `notBefore` to `notAfter`.
    public init(subject: [Attribute], notBefore: Int64, notAfter: Int64) {
        self.subject = subject
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// A root or an intermediate called `name`.
    public static func authority(
        _ name: String, notBefore: Int64, notAfter: Int64, pathLength: Int? = nil
    ) -> CertificateRequest {
        var request = CertificateRequest(
            subject: [Attribute("CN", name)], notBefore: notBefore, notAfter: notAfter)
        request.constraint = .authority(pathLength: pathLength)
        return request
    }

    /// A server's certificate for `names`, host names or IP literals.
    public static func server(
        _ names: [String], notBefore: Int64, notAfter: Int64
    ) -> CertificateRequest {
        var request = CertificateRequest(
            subject: names.first.map { [Attribute("CN", $0)] } ?? [], notBefore: notBefore,
            notAfter: notAfter)
        request.alternativeNames = names.map { isAddress($0) ? .ip($0) : .dns($0) }
        request.extendedUsages = [.serverAuth]
        return request
    }

    /// A client's certificate for `subject`.
    public static func client(
        _ subject: [Attribute], notBefore: Int64, notAfter: Int64
    ) -> CertificateRequest {
        var request = CertificateRequest(
            subject: subject, notBefore: notBefore, notAfter: notAfter)
        request.extendedUsages = [.clientAuth]
        return request
    }

    private static func isAddress(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: ":"))
            || name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    }
}
