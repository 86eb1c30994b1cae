import Core

/// What becomes of a source that nobody can ask: who blocks it must not keep an authority alive
/// for ever (security rule S20).
struct Freshness: Equatable {
    /// How much time has passed without the source saying what counts.
    enum Standing: UInt64, Comparable {
        /// Less than half of what may.
        case fresh
        /// Half of it: time to look.
        case ageing
        /// All of it.
        case stale

        static func < (left: Standing, right: Standing) -> Bool { left.rawValue < right.rawValue }
    }

    let maxStale: Nanoseconds
    private var lastAlert: Instant?
    private var alerted = Standing.fresh

    /// Alerts are no closer than this, but for the first of each kind.
    private static let longestSilence = Nanoseconds.seconds(3_600)

    init(maxStale: Nanoseconds) { self.maxStale = maxStale }

    /// What a source is whose last word is `age` old.
    func standing(age: Nanoseconds) -> Standing {
        if age >= maxStale { return .stale }
        return age.count >= maxStale.count / 2 ? .ageing : .fresh
    }

    /// How long it stays that; nil for ever.
    func remaining(age: Nanoseconds) -> Nanoseconds? {
        switch standing(age: age) {
        case .fresh: Nanoseconds(maxStale.count / 2 - age.count)
        case .ageing: Nanoseconds(maxStale.count - age.count)
        case .stale: nil
        }
    }

    /// Whether it is time to say that it is no longer fresh.
    mutating func isAlertDue(_ standing: Standing, at now: Instant) -> Bool {
        guard standing != .fresh else {
            alerted = .fresh
            lastAlert = nil
            return false
        }
        let silence = min(Self.longestSilence, Nanoseconds(maxStale.count / 8))
        if standing == alerted, let lastAlert, now < lastAlert + silence { return false }
        alerted = standing
        lastAlert = now
        return true
    }
}
