public import Core
public import HTTP

/// How long each phase of a connection may take.
public struct ProxyTimeouts: Sendable {
    /// From accept to the end of the TLS handshake.
    public var handshake = Nanoseconds.seconds(10)
    /// From a request's first byte to the end of its head.
    public var head = Nanoseconds.seconds(10)
    /// Window in which a body, in either direction, has to make `minimumRate` of progress.
    public var body = Nanoseconds.seconds(30)
    /// Bytes per second that a body has to make over a window; 1 byte a window when 0.
    public var minimumRate: UInt64 = 0
    /// Between two requests of a connection.
    public var idle = Nanoseconds.seconds(60)
    /// To get an upstream connection: waiting in the queue and connecting.
    public var upstreamConnect = Nanoseconds.seconds(5)
    /// From the end of the request to the response's head.
    public var upstreamHead = Nanoseconds.seconds(60)
    /// Of a whole exchange; no limit when zero.
    public var total = Nanoseconds.zero
    /// Silence in a WebSocket tunnel, both directions together.
    public var tunnel = Nanoseconds.seconds(3_600)
    /// For the client to read the last response and close.
    public var lingering = Nanoseconds.seconds(5)
    /// For a connection to finish what it is at, when it may not go on.
    public var drain = Nanoseconds.seconds(10)

    /// The defaults.
    public init() {}
}

/// How large the parts of a request may be.
public struct ProxyLimits: Sendable {
    /// Head, fields and target.
    public var head = HeadLimits()
    /// Bytes of a request body; no limit when 0.
    public var bodyBytes: UInt64 = 0
    /// Requests after which a client's connection is closed; no limit when 0.
    public var requestsPerConnection: UInt64 = 0

    /// The defaults.
    public init() {}
}
