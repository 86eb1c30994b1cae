/// A point in time in UTC: its parts, and texts of it that protocols prescribe. The texts allocate
/// and are not for the data path.
public struct CalendarTime {
    /// The year of the Gregorian calendar.
    public let year: Int64
    /// 1 to 12.
    public let month: Int64
    /// 1 to 31.
    public let day: Int64
    /// Seconds since midnight.
    public let second: Int64

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The time `seconds` after 1970 began.
    public init(_ seconds: Int64) {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        second = seconds - days * 86_400
        // H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": the era of 400 years begins on
        // 1 March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// `12/Mar/2020:19:03:58 +0000`, as web servers log it.
    public var logText: String {
        "\(Self.two(day))/\(monthName)/\(year):\(clock(":")) +0000"
    }

    /// `May  8 12:30:02 2019 GMT`, as OpenSSL prints the dates of certificates.
    public var certificateText: String {
        let day = day < 10 ? " \(day)" : "\(day)"
        return "\(monthName) \(day) \(clock(":")) \(year) GMT"
    }

    /// `20261123T120000Z` (ISO 8601, basic format).
    public var basicText: String {
        let digits = "\(year)"
        let year = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return "\(year)\(Self.two(month))\(Self.two(day))T\(clock(""))Z"
    }

    private var monthName: String { Self.months[Int(month) - 1] }

    private func clock(_ separator: String) -> String {
        [second / 3_600, second / 60 % 60, second % 60].map(Self.two).joined(separator: separator)
    }

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
