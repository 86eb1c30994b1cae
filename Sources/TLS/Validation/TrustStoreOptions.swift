/// What is asked of the Extended Key Usage of a client's certificate (RFC 5280 §4.2.1.12).
public enum ExtendedKeyUsagePolicy: String, Sendable, CaseIterable {
    /// The leaf must have the extension, and it must allow client authentication.
    case require
    /// Where the leaf or an authority has the extension, it must allow client authentication.
    case ifPresent = "if-present"
    /// The extension is not looked at.
    case off
}

/// Which certificates are trusted, and how far.
public struct TrustStoreOptions: Sendable, Hashable {
    /// Paths of PEM bundles, or of directories whose `.pem`, `.crt` and `.cer` files are. The
    /// system's roots are never used.
    public var sources: [String]
    /// What has been read of their files already, by path; what is missing is read from disk.
    public var contents: [String: [UInt8]] = [:]
    /// The files of those of `sources` that are directories and were listed already, by directory.
    public var listings: [String: [String]] = [:]
    /// Those of `sources` that count for nothing until further notice, as nobody has been able to
    /// say for too long that they are still right (S20). A store may be empty for that.
    public var suspended: Set<String> = []
    /// Whose rules hold beside the following.
    public var mode = TrustStoreMode.standard
    /// Most certificates in a chain, leaf and anchor included (S09).
    public var maximumChainLength = 4
    /// OpenSSL's security level: 2 refuses RSA below 2,048 bits and SHA-1 signatures.
    public var securityLevel = 2
    /// Whether any certificate of the sources is an anchor, not only self-signed ones.
    public var allowsPartialChains = false
    /// Whether certificates must keep to RFC 5280 where OpenSSL is lenient (`X509_STRICT`).
    public var isStrict = false
    /// What is asked of the Extended Key Usage.
    public var extendedKeyUsage = ExtendedKeyUsagePolicy.ifPresent
    /// PEM files of issuers whose leaves are excused from `extendedKeyUsage`.
    public var extendedKeyUsageExceptions: [String] = []
    /// Fewest bits of an RSA key in the chain; 0 leaves it to `securityLevel`.
    public var minimumRSABits = 0
    /// Fewest bits of an elliptic curve's order in the chain; 0 leaves it to `securityLevel`.
    public var minimumECBits = 0
    /// OpenSSL's names of the signature algorithms that may sign a certificate of the chain below
    /// the anchor, such as `ecdsa-with-SHA256`; empty leaves it to `securityLevel`.
    public var signatureAlgorithms: [String] = []

    /// Trust in the certificates of `file`.
    public init(file: String, maximumChainLength: Int = 4) {
        self.init(sources: [file])
        self.maximumChainLength = maximumChainLength
    }

    /// Trust in the certificates of all `sources`.
    public init(sources: [String]) { self.sources = sources }

    /// The rules alone: the same without anything that was read for them, or found out since.
    public var withoutContents: TrustStoreOptions {
        var rules = self
        rules.contents = [:]
        rules.listings = [:]
        rules.suspended = []
        return rules
    }

    /// Whether a file of that name, in a directory of trusted certificates, is one of them.
    public static func isCertificate(_ name: String) -> Bool {
        !name.hasPrefix(".") && [".pem", ".crt", ".cer"].contains { name.hasSuffix($0) }
    }
}
