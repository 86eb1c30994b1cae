/// A point on the monotonic clock, in nanoseconds from an arbitrary origin.
///
/// No target but `EventLoop` reads a clock: an instant is always a parameter.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's origin.
    public var nanoseconds: UInt64

    /// The instant `nanoseconds` after the clock's origin.
    @inline(__always)
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// A deadline that never comes.
    public static let distantFuture = Instant(nanoseconds: .max)

    /// Whether `left` comes first.
    @inline(__always)
    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `interval` later; saturates at `distantFuture`.
    @inline(__always)
    public static func + (instant: Instant, interval: Nanoseconds) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(interval.count)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// Time from `earlier` to this instant; zero when `earlier` is not earlier.
    @inline(__always)
    public func since(_ earlier: Instant) -> Nanoseconds {
        Nanoseconds(
            nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0)
    }
}

/// A length of time in whole nanoseconds, never negative.
///
/// `Duration` is 128 bits wide; the data path counts in 64.
public struct Nanoseconds: Comparable, Hashable, Sendable {
    /// How many.
    public var count: UInt64

    /// A length of `count` nanoseconds.
    @inline(__always)
    public init(_ count: UInt64) { self.count = count }

    /// The same length as `duration`; a negative one becomes zero, one over 584 years saturates.
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else {
            self.init(0)
            return
        }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
        self.init(overflow || carry ? .max : sum)
    }

    /// `count` seconds.
    public static func seconds(_ count: UInt64) -> Nanoseconds { .init(count &* 1_000_000_000) }
    /// `count` milliseconds.
    public static func milliseconds(_ count: UInt64) -> Nanoseconds { .init(count &* 1_000_000) }
    /// `count` microseconds.
    public static func microseconds(_ count: UInt64) -> Nanoseconds { .init(count &* 1_000) }
    /// No time at all.
    public static let zero = Nanoseconds(0)

    /// Whether `left` is shorter.
    @inline(__always)
    public static func < (left: Nanoseconds, right: Nanoseconds) -> Bool {
        left.count < right.count
    }
}

/// The time of one turn of a worker's loop: both clocks, read once.
public struct Now: Equatable, Sendable {
    /// The monotonic clock: deadlines and durations.
    public var monotonic: Instant
    /// Seconds since 1970-01-01T00:00:00Z: certificate validity, log lines.
    public var wallSeconds: Int64

    /// The given readings of the two clocks.
    public init(monotonic: Instant, wallSeconds: Int64) {
        self.monotonic = monotonic
        self.wallSeconds = wallSeconds
    }
}
