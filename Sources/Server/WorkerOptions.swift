/// How large one worker may become.
struct WorkerOptions: Sendable {
    /// Client connections at once.
    var clientLimit = 16_384
    /// TLS handshakes at once.
    var handshakeLimit = 1_024
}
