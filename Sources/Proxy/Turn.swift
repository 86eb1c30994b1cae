public import Core
public import HTTP
public import Telemetry

/// What every session of one worker shares.
public struct SessionEnvironment {
    /// Chunks for heads: the limit on a head, plus room for the lines we add.
    public let heads: BufferPool
    /// Chunks for bodies and ciphertext.
    public let chunks: BufferPool
    /// Chunks for questions to external authorizers, each of which may name a head's parts thrice.
    public let questions: BufferPool
    /// Counters of this worker.
    public let metrics: WorkerMetrics
    /// Where access-log lines go; nil when the log is off.
    public let accessLog: AccessLogQueue?
    /// How long each phase may take. A reload may change it.
    public var timeouts: ProxyTimeouts
    /// How large the parts of a request may be. A reload may change it, but for the limits on a
    /// head that buffers were made for.
    public var limits: ProxyLimits
    /// Distinguishes this worker's request ids from every other's.
    public let requestIDPrefix: UInt64

    /// The environment with the given parts.
    public init(
        heads: BufferPool, chunks: BufferPool, questions: BufferPool, metrics: WorkerMetrics,
        accessLog: AccessLogQueue?, timeouts: ProxyTimeouts, limits: ProxyLimits,
        requestIDPrefix: UInt64
    ) {
        self.heads = heads
        self.chunks = chunks
        self.questions = questions
        self.metrics = metrics
        self.accessLog = accessLog
        self.timeouts = timeouts
        self.limits = limits
        self.requestIDPrefix = requestIDPrefix
    }
}

/// What an event brings besides its bytes: the time, the worker's shared resources and scratch
/// space, and the list that takes the actions.
public struct Turn: ~Copyable {
    /// Both clocks, read once per turn of the loop.
    public var now: Now
    /// What all sessions share.
    public var environment: SessionEnvironment
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
    /// How many failed handshakes may be logged.
    var handshakeEvents = EventLimiter(perSecond: 50, burst: 50)

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
