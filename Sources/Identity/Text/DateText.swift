/// Points in time as text, all UTC.
struct DateText {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private let year: Int64
    private let month: Int64
    private let day: Int64
    private let second: Int64

    /// `seconds` since 1970 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    init(_ seconds: Int64) {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    private var clock: String {
        "\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))"
    }

    /// `2026-01-05T01:02:03`, without a zone.
    private var date: String { "\(padded(year, 4))-\(two(month))-\(two(day))T\(clock)" }

    /// `2026-01-05T01:02:03Z` (RFC 3339).
    var iso: String { date + "Z" }

    /// `2026-01-05T01:02:03+00:00`.
    var isoWithOffset: String { date + "+00:00" }

    /// `2026-01-05T01:02:03.000Z`.
    var isoWithMilliseconds: String { date + ".000Z" }

    /// `Jan  5 01:02:03 2026 GMT` (`ASN1_TIME_print`): the day is padded with a blank.
    var openSSL: String {
        "\(Self.months[Int(month) - 1]) \(day < 10 ? " " : "")\(day) \(clock) \(year) GMT"
    }

    /// `260105010203Z`, the UTCTime of a certificate; nil from 2050 on, which it cannot say.
    var utcTime: String? {
        guard (1950..<2050).contains(year) else { return nil }
        let time = two(second / 3_600) + two(second / 60 % 60) + two(second % 60)
        return two(year % 100) + two(month) + two(day) + time + "Z"
    }

    private func two(_ number: Int64) -> String { padded(number, 2) }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
