public import Core
public import HTTP
public import Telemetry

/// What every session of one worker shares: set once at start, never changed.
public struct SessionEnvironment {
    /// Chunks for heads: the limit on a head, plus room for the lines we add.
    public var heads: BufferPool
    /// Chunks for bodies and ciphertext.
    public var chunks: BufferPool
    /// Counters of this worker.
    public var metrics: WorkerMetrics
    /// Where access-log lines go; nil when the log is off.
    public var accessLog: AccessLogQueue?
    /// Virtual hosts, in the order of the TLS context's.
    public var virtualHosts: [VirtualHost]
    /// Which fields never come from a client.
    public var firewall: HeaderFirewall
    /// Which trailers of a request are passed on.
    public var requestTrailers: RequestTrailers
    /// Names of the upstreams, for log lines.
    public var upstreamNames: [String]
    /// How long each phase may take.
    public var timeouts: ProxyTimeouts
    /// How large the parts of a request may be.
    public var limits: ProxyLimits
    /// Which forwarding fields are written; nil for none (inbound ones are removed all the same).
    public var forwarding: ForwardedHeaders.Style?
    /// Peers whose own forwarding fields are kept.
    public var trustedProxies: AddressList
    /// Whether `X-Request-Id` is written.
    public var addsRequestID: Bool
    /// Whether `Via` is added in both directions.
    public var addsVia: Bool
    /// Distinguishes this worker's request ids from every other's.
    public var requestIDPrefix: UInt64

    /// The environment with the given parts.
    public init(
        heads: BufferPool, chunks: BufferPool, metrics: WorkerMetrics,
        accessLog: AccessLogQueue?, virtualHosts: [VirtualHost], firewall: HeaderFirewall,
        upstreamNames: [String], timeouts: ProxyTimeouts, limits: ProxyLimits,
        forwarding: ForwardedHeaders.Style?, trustedProxies: AddressList, addsRequestID: Bool,
        addsVia: Bool, requestIDPrefix: UInt64,
        requestTrailers: RequestTrailers = RequestTrailers()
    ) {
        self.heads = heads
        self.chunks = chunks
        self.metrics = metrics
        self.accessLog = accessLog
        self.virtualHosts = virtualHosts
        self.firewall = firewall
        self.requestTrailers = requestTrailers
        self.upstreamNames = upstreamNames
        self.timeouts = timeouts
        self.limits = limits
        self.forwarding = forwarding
        self.trustedProxies = trustedProxies
        self.addsRequestID = addsRequestID
        self.addsVia = addsVia
        self.requestIDPrefix = requestIDPrefix
    }
}

/// What an event brings besides its bytes: the time, the worker's shared resources and scratch
/// space, and the list that takes the actions.
public struct Turn: ~Copyable {
    /// Both clocks, read once per turn of the loop.
    public var now: Now
    /// What all sessions share.
    public let environment: SessionEnvironment
    /// Field table of the head being parsed.
    public var fields: HeadStorage
    /// Plaintext being put together for one TLS record.
    public var staging: Buffer
    /// What the session asks for.
    public var actions = ActionList()
    /// Set while the worker drains: no connection is kept alive.
    public var isDraining = false
    /// Requests of this worker so far: the second half of a request id.
    public var requestCounter: UInt64 = 0

    /// The turn of a worker with `environment`.
    ///
    /// - Precondition: the chunk pool has a chunk to spare for staging.
    public init(now: Now, environment: SessionEnvironment) {
        self.now = now
        guard let staging = environment.chunks.take() else {
            preconditionFailure("the chunk pool must hold at least one chunk")
        }
        self.staging = staging
        fields = HeadStorage(capacity: environment.limits.head.fieldCount)
        self.environment = environment
    }

    /// Gives the staging chunk back.
    public func release() { environment.chunks.give(staging) }
}
