/// Everything about a certificate revocation list that its issuer decides (RFC 5280 §5).
public struct RevocationListRequest: Sendable {
    /// One revoked certificate.
    public struct Entry: Sendable {
        /// Its serial number, big-endian.
        public var serialNumber: [UInt8]
        /// Why: a code of RFC 5280 §5.3.1, such as 1 for a lost key; nil leaves it out.
        public var reason: Int?
        /// Whether the entry names another issuer, which makes the list an indirect one.
        public var namesItsIssuer = false
        /// Whether it has a critical extension that nobody knows.
        public var hasUnknownExtension = false

        /// The certificate with that number.
        public init(_ serialNumber: [UInt8], reason: Int? = nil) {
            self.serialNumber = serialNumber
            self.reason = reason
        }
    }

    /// The revoked certificates.
    public var entries: [Entry]
    /// The list's own number (RFC 5280 §5.2.3); nil leaves it out.
    public var number: UInt64?
    /// When it was made, seconds since 1970.
    public var thisUpdate: Int64
    /// When the next one is due, seconds since 1970; nil leaves it out.
    public var nextUpdate: Int64?
    /// Number of the list that this one adds to; nil for a complete list.
    public var deltaBase: UInt64?
    /// Value of issuingDistributionPoint as OpenSSL writes it, such as `onlyuser:TRUE`.
    public var distributionPoint: String?
    /// Whether it has a critical extension that nobody knows.
    public var hasUnknownExtension = false

    /// A complete list of `entries`.
    public init(
        _ entries: [Entry], number: UInt64?, thisUpdate: Int64, nextUpdate: Int64?
    ) {
        self.entries = entries
        self.number = number
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
    }
}
