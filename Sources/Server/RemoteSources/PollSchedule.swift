import Core

/// When a source is asked next: regularly while it answers, at growing distances while it fails.
struct PollSchedule: Equatable {
    let interval: Nanoseconds
    private var failures = 0

    /// Of the interval: the first pause after a failure, and the longest.
    private static let firstShare: UInt64 = 8
    private static let mostIntervals: UInt64 = 4
    private static let shortest = Nanoseconds.milliseconds(100)

    init(interval: Nanoseconds) { self.interval = interval }

    /// The pause after a fetch that succeeded. `random`, from 0 to 1, spreads a fleet's requests
    /// over a fifth of it.
    mutating func succeed(random: Double) -> Nanoseconds {
        failures = 0
        return Self.spread(interval, random)
    }

    /// The pause after a fetch that failed.
    mutating func fail(random: Double) -> Nanoseconds {
        let first = interval.count / Self.firstShare
        let most = interval.count.multipliedReportingOverflow(by: Self.mostIntervals)
        let doubled = first.multipliedReportingOverflow(by: 1 << UInt64(min(failures, 16)))
        failures += 1
        let pause = min(
            doubled.overflow ? .max : doubled.partialValue,
            most.overflow ? .max : most.partialValue)
        return Self.spread(max(Nanoseconds(pause), Self.shortest), random)
    }

    private static func spread(_ pause: Nanoseconds, _ random: Double) -> Nanoseconds {
        let tenth = pause.count / 10
        return Nanoseconds(pause.count - tenth + UInt64(Double(tenth) * 2 * random))
    }
}
