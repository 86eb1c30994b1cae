/// How large one worker may become.
struct WorkerOptions: Sendable {
    /// Room for connections to upstreams that a reload adds.
    static let spareConnections = 1_024
    /// Client connections at once.
    var clientLimit = 16_384
    /// TLS handshakes at once.
    var handshakeLimit = 1_024
    /// Failed handshakes of one source in a minute; 0 for no limit.
    var handshakeFailuresPerSource = 0
}
