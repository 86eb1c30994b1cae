public import Core

/// When credentials are read again, as a pure state machine. What is known is used until it
/// expires, whatever goes wrong with the next.
///
///     isDue ──▶ (read) ──▶ obtained │ failed
///     refused ──▶ isDue at once, not more often than every 30 s
public struct AWSCredentialRefresh: Sendable {
    /// The newest ones; nil as long as there were none.
    public private(set) var credentials: SignatureV4.Credentials?
    /// When they are to be read again by the wall clock, seconds since 1970.
    private var refreshAt = Int64.min
    /// Not before that, however much it is due.
    private var earliest = Instant(nanoseconds: 0)
    private var failures: UInt64 = 0
    private var nextRefusal = Instant(nanoseconds: 0)

    /// New ones are wanted that many seconds before the end, or half the time that is left.
    static let lead: Int64 = 300
    /// Jitter before that, so that a fleet does not ask at once.
    static let jitter: UInt64 = 60
    /// Sources that do not say when theirs expire are read again after so many seconds.
    static let rereading: Int64 = 300
    /// Failed attempts are repeated after 1 s, 2 s, … at most this long.
    static let longestPause: UInt64 = 60
    /// A refusal leads to a reading no more often than this.
    static let refusalPause = Nanoseconds.seconds(30)
    /// A wall clock that jumps is noticed within this.
    static let longestSleep = Nanoseconds.seconds(30)

    /// Nothing known, and due.
    public init() {}

    /// Whether they are to be read now.
    public func isDue(_ now: Now) -> Bool {
        now.monotonic >= earliest && now.wallSeconds >= refreshAt
    }

    /// How long nothing has to be done.
    public func pause(_ now: Now) -> Nanoseconds {
        let seconds =
            refreshAt > now.wallSeconds ? UInt64(clamping: refreshAt - now.wallSeconds) : 0
        let untilRefresh = Nanoseconds.seconds(min(seconds, 60))
        return min(max(untilRefresh, earliest.since(now.monotonic)), Self.longestSleep)
    }

    /// `found` have been read. `isStatic` when their source cannot come to say something else.
    /// `random` is any number.
    ///
    /// - Returns: whether they are new.
    public mutating func obtained(
        _ found: SignatureV4.Credentials, isStatic: Bool, now: Now, random: UInt64
    ) -> Bool {
        failures = 0
        earliest = now.monotonic + .seconds(1)
        if let expiry = found.expiry {
            let left = max(expiry - now.wallSeconds, 0)
            let spread = min(Self.jitter, UInt64(left) / 10)
            refreshAt =
                expiry - min(Self.lead, left / 2) - Int64(spread > 0 ? random % (spread + 1) : 0)
        } else {
            refreshAt = isStatic ? .max : now.wallSeconds + Self.rereading
        }
        defer { credentials = found }
        return found != credentials
    }

    /// There are none, or none that are newer.
    public mutating func failed(now: Now, random: UInt64) {
        failures += 1
        let longest = min(Self.longestPause, 1 << min(failures, 6)) * 1_000
        refreshAt = .min
        earliest = now.monotonic + .milliseconds(longest / 2 + random % (longest / 2))
    }

    /// AWS does not accept them.
    public mutating func refused(now: Now) {
        guard now.monotonic >= nextRefusal else { return }
        nextRefusal = now.monotonic + Self.refusalPause
        refreshAt = .min
        earliest = min(earliest, now.monotonic)
    }

    /// Somebody wants them read again.
    public mutating func expedite() {
        refreshAt = .min
        earliest = Instant(nanoseconds: 0)
    }
}
