internal import Core

/// Points in time as text, all UTC.
struct DateText {
    private let time: CalendarTime

    /// `seconds` since 1970.
    init(_ seconds: Int64) { time = CalendarTime(seconds) }

    private var clock: String {
        "\(two(time.second / 3_600)):\(two(time.second / 60 % 60)):\(two(time.second % 60))"
    }

    /// `2026-01-05T01:02:03`, without a zone.
    private var date: String {
        "\(padded(time.year, 4))-\(two(time.month))-\(two(time.day))T\(clock)"
    }

    /// `2026-01-05T01:02:03Z` (RFC 3339).
    var iso: String { date + "Z" }

    /// `2026-01-05T01:02:03+00:00`.
    var isoWithOffset: String { date + "+00:00" }

    /// `2026-01-05T01:02:03.000Z`.
    var isoWithMilliseconds: String { date + ".000Z" }

    /// `Jan  5 01:02:03 2026 GMT` (`ASN1_TIME_print`): the day is padded with a blank.
    var openSSL: String { time.certificateText }

    /// `260105010203Z`, the UTCTime of a certificate; nil from 2050 on, which it cannot say.
    var utcTime: String? {
        guard (1950..<2050).contains(time.year) else { return nil }
        let digits = clock.replacing(":", with: "")
        return two(time.year % 100) + two(time.month) + two(time.day) + digits + "Z"
    }

    private func two(_ number: Int64) -> String { padded(number, 2) }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
