public import Core

/// One server of an upstream: how busy it is, and whether it is to be left out.
///
///     healthy ──failures in a row──▶ ejected ──time over──▶ on trial ──success──▶ healthy
///                                       ▲──────failure, longer──────┘
public struct Member: Sendable, Equatable {
    /// Where it listens.
    public let address: SocketAddress
    /// Connections in use or being opened.
    public internal(set) var busy = 0
    /// The connection to it that became idle last; -1 when there is none.
    var latestIdle = -1
    /// Failures since the last success.
    public private(set) var failures = 0
    /// Ejections since the last success.
    public private(set) var ejections = 0
    /// Until when it is left out.
    public private(set) var ejectedUntil: Instant?

    init(address: SocketAddress) { self.address = address }

    /// Whether it is left out at `now`.
    public func isEjected(at now: Instant) -> Bool {
        guard let until = ejectedUntil else { return false }
        return now < until
    }

    mutating func succeeded() {
        failures = 0
        ejections = 0
        ejectedUntil = nil
    }

    /// - Returns: whether this failure ejected it.
    mutating func failed(at now: Instant, _ options: EjectionOptions) -> Bool {
        guard options.consecutiveFailures > 0 else { return false }
        failures += 1
        let isOnTrial = ejectedUntil != nil && !isEjected(at: now)
        guard isOnTrial || failures >= options.consecutiveFailures else { return false }
        guard !isEjected(at: now) else { return false }
        let factor = UInt64(1) << UInt64(min(ejections, 16))
        let length = Nanoseconds(
            min(options.baseDuration.count &* factor, options.maximumDuration.count))
        ejections += 1
        failures = 0
        ejectedUntil = now + length
        return true
    }
}
