public import Core

/// Lets a bounded rate of events into the log, and says how many were left out: a token bucket,
/// kept as the instant at which it will be full again.
public struct EventLimiter {
    /// Events that were not let through since the last one that was.
    private(set) var suppressed: UInt64 = 0
    private var fullAt = Instant(nanoseconds: 0)
    private let cost: Nanoseconds
    private let depth: Nanoseconds

    /// At most `perSecond` events a second for long, and `burst` at once.
    public init(perSecond: UInt64, burst: UInt64) {
        precondition(perSecond > 0 && burst > 0)
        cost = Nanoseconds(1_000_000_000 / perSecond)
        depth = Nanoseconds(cost.count * burst)
    }

    /// Asks for an event; how many were left out before it, or nil when it is to be left out too.
    public mutating func admit(now: Instant) -> UInt64? {
        let next = max(fullAt, now) + cost
        guard next.since(now).count <= depth.count else {
            suppressed += 1
            return nil
        }
        fullAt = next
        defer { suppressed = 0 }
        return suppressed
    }
}
