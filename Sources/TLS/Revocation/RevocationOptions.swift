/// Where revoked certificates are named, and what holds when nobody knows.
public struct RevocationOptions: Sendable, Hashable {
    /// The authorities that must say what they revoked. Others need not have a list.
    public var issuers: [RevocationIssuerOptions]
    /// Paths of files that name certificates to refuse whatever their issuers say.
    public var denyListFiles: [String]

    /// Lists of `issuers`, and files of certificates to refuse.
    public init(issuers: [RevocationIssuerOptions] = [], denyListFiles: [String] = []) {
        self.issuers = issuers
        self.denyListFiles = denyListFiles
    }

    /// Whether nothing can be revoked.
    public var isEmpty: Bool { issuers.isEmpty && denyListFiles.isEmpty }
}

/// One authority whose revocation lists are obeyed.
public struct RevocationIssuerOptions: Sendable, Hashable {
    /// Name for messages, unique.
    public var name: String
    /// Path of a PEM file with the authority's one certificate. Its subject and its key say which
    /// chains are meant, so every other certificate of the same authority is meant as well.
    public var certificate: String
    /// Paths of lists (PEM or DER, several to a file), or of folders of them. Lists of other
    /// authorities may stand there too.
    public var lists: [String]
    /// What holds without a list in force.
    public var whenStale: StalePolicy

    /// The lists of the authority in `certificate`.
    public init(
        name: String, certificate: String, lists: [String], whenStale: StalePolicy = .closed
    ) {
        self.name = name
        self.certificate = certificate
        self.lists = lists
        self.whenStale = whenStale
    }
}

/// What holds for the certificates of an authority that has no list in force: none was found, or
/// its `nextUpdate` (RFC 5280 §5.1.2.5) is over.
public enum StalePolicy: Sendable, Hashable {
    /// They are refused.
    case closed
    /// The last list holds for that many seconds more; then, or without any, they are refused.
    case grace(seconds: Int64)
    /// They are accepted, but for those in the last list.
    case open
}
