import Proxy

/// How large one worker may become, and whom its listeners are for.
struct WorkerOptions: Sendable {
    /// One for each listener.
    var proxyProtocols: [ProxyProtocolPolicy]
    /// Client connections at once.
    var clientLimit = 16_384
    /// TLS handshakes at once.
    var handshakeLimit = 1_024
    /// Failed handshakes of one source in a minute; 0 for no limit.
    var handshakeFailuresPerSource = 0
}
