public import Core

/// How an upstream picks the member for a request, on a new connection or a reused one.
public enum Balancing: String, Sendable, CaseIterable {
    /// Members in turn.
    case roundRobin
    /// The member with the fewest connections in use.
    case leastConnections
}

/// When a member that keeps failing is left out, and for how long.
public struct EjectionOptions: Sendable, Equatable {
    /// Failures in a row after which a member is ejected; never when 0.
    public var consecutiveFailures = 5
    /// Length of the first ejection; doubles with each further one.
    public var baseDuration = Nanoseconds.seconds(1)
    /// Longest ejection.
    public var maximumDuration = Nanoseconds.seconds(60)

    /// The defaults.
    public init() {}
}

/// One upstream: a group of equal servers, and how connections to them are kept.
public struct UpstreamOptions: Sendable, Equatable {
    /// Name in the configuration.
    public var name: String
    /// Addresses of the servers. May be empty until names are resolved.
    public var members: [SocketAddress]
    /// How a member is picked.
    public var balancing = Balancing.roundRobin
    /// Connections at once, per worker, idle ones included.
    public var maxConnections = 256
    /// Idle connections kept, per worker.
    public var maxIdle = 64
    /// How long an idle connection is kept.
    public var idleTimeout = Nanoseconds.seconds(60)
    /// Exchanges after which a connection is closed; no limit when 0.
    public var maxRequestsPerConnection: UInt64 = 0
    /// Requests that may wait for a connection.
    public var queueLimit = 1_024
    /// How long a request may wait.
    public var queueTimeout = Nanoseconds.seconds(5)
    /// Further members that a request may try when a connect fails.
    public var connectRetries = 2
    /// When failing members are left out.
    public var ejection = EjectionOptions()

    /// An upstream of `members` with the default limits.
    public init(name: String, members: [SocketAddress]) {
        self.name = name
        self.members = members
    }
}
