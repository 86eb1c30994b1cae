public import Core

/// What `UpstreamPool.acquire` has for a request.
public enum Acquisition: Equatable {
    /// An idle connection, by its name in the pool and the token bound to it.
    case reuse(UInt32, token: UInt64)
    /// Open a connection to the address; report back under this name.
    case connect(UInt32, SocketAddress)
    /// All connections are busy: the request waits its turn.
    case queued
    /// There will be none.
    case refused(UpstreamFailure)
}

/// Why an upstream has no connection for a request.
public enum UpstreamFailure: Equatable, Sendable {
    /// It has no member with a known address.
    case noMembers
    /// Too many requests are waiting.
    case queueFull
    /// No connection could be opened, and there is no attempt or no other member left.
    case connectsFailed
}

/// What to do about a connection that became free or went away.
public enum PoolAction: Equatable {
    /// Nothing more.
    case none
    /// It stays open for a later request.
    case keepIdle
    /// It is not kept: close it.
    case close
    /// Give it to this waiter.
    case handOver(waiter: UInt64)
    /// Its place is free: open a connection for this waiter.
    case connect(UInt32, SocketAddress, waiter: UInt64)
}

/// Something whose time is over.
public enum PoolExpiry: Equatable {
    /// An idle connection to close, by the token bound to it.
    case idleConnection(token: UInt64)
    /// A waiter to refuse.
    case waiter(UInt64)
}
