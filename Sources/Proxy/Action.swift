/// What a session asks its worker to do; the session itself performs no I/O.
public enum Action: Equatable, Sendable {
    /// Find out what the external authorizer says of the exchange: `findDecision`.
    case authorize
    /// Stop waiting for that: `takeTicket`.
    case cancelAuthorization
    /// Take a connection for the current exchange; `fresh` when a reused one has just failed.
    case acquireUpstream(upstream: Int, fresh: Bool)
    /// Stop waiting for a connection that has not been given yet; `timedOut` when that is the
    /// upstream's fault and not the client's.
    case cancelUpstream(timedOut: Bool)
    /// Give the connection back: to the pool when it can carry another exchange, else close it.
    case releaseUpstream(reusable: Bool, healthy: Bool)
    /// Send what `nextDownstreamSend()` returns.
    case sendDownstream
    /// Send what `nextUpstreamSend()` returns.
    case sendUpstream
    /// Deliver what is held for the client's side, then go on receiving.
    case resumeDownstream
    /// Deliver what is held for the upstream's side, then go on receiving.
    case resumeUpstream
    /// No more bytes will be sent to the client.
    case shutdownDownstreamWrite
    /// No more bytes will be sent to the upstream.
    case shutdownUpstreamWrite
    /// Close the client's connection; `reset` tells it that the response is cut short.
    case closeDownstream(reset: Bool)
    /// The session's next deadline has moved earlier than the armed one.
    case armTimer
}

/// The actions of one event, in the order in which they are to be performed.
///
/// Fixed capacity: an event that asked for more would be a mistake of ours, and traps.
public struct ActionList {
    private var actions: InlineArray<16, Action>
    private var head = 0
    /// Actions not yet performed.
    public private(set) var count = 0

    /// An empty list.
    public init() { actions = InlineArray(repeating: .armTimer) }

    /// Adds `action` at the end.
    @inline(__always)
    public mutating func append(_ action: Action) {
        precondition(count < 16, "one event asked for too many actions")
        actions[(head &+ count) & 15] = action
        count += 1
    }

    /// Takes the first action, or nil when there is none.
    @inline(__always)
    public mutating func popFirst() -> Action? {
        guard count > 0 else { return nil }
        let action = actions[head]
        head = (head &+ 1) & 15
        count -= 1
        return action
    }
}
