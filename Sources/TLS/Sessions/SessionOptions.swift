/// How TLS sessions are resumed.
public struct SessionOptions: Sendable, Hashable {
    /// Whether sessions are kept at all.
    public var isEnabled = true
    /// Most sessions kept by the process.
    public var capacity = 20_000
    /// Most sessions of one certificate on one virtual host; its own oldest goes first (S15).
    public var mostPerCertificate = 8
    /// How long after the full handshake a session may be resumed, in seconds, at most an hour.
    /// Sessions made by resuming inherit the end (S17).
    public var lifetime: Int64 = 300

    /// The longest lifetime, in seconds.
    public static let longestLifetime: Int64 = 3_600

    /// The default settings.
    public init() {}
}
