import Core

/// How large one worker may become.
struct WorkerOptions: Sendable {
    /// Client connections at once.
    var clientLimit = 16_384
    /// TLS handshakes at once.
    var handshakeLimit = 1_024
    /// Chunks for heads.
    var headBuffers = 32_768
    /// Chunks for bodies and ciphertext.
    var relayBuffers = 65_536
}
