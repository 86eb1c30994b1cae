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

    /// The second, since 1970, that `2026-11-23T12:00:00Z` names (RFC 3339 in UTC; a fraction is
    /// left out); nil for what is no such time.
    public static func seconds(of text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00".utf8)
        guard bytes.count > form.count, bytes.last == UInt8(ascii: "Z") else { return nil }
        let fraction = bytes[form.count..<(bytes.count - 1)]
        guard
            zip(bytes, form).allSatisfy({ isDigit($1) ? isDigit($0) : $0 == $1 }),
            fraction.isEmpty
                || fraction.first == UInt8(ascii: ".") && fraction.count > 1
                    && fraction.dropFirst().allSatisfy(isDigit)
        else { return nil }
        func number(_ range: Range<Int>) -> Int64 {
            bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard hour < 24, minute < 60, second < 60, year > 0, (1...12).contains(month) else {
            return nil
        }
        // The inverse of what `init` does (Hinnant, `days_from_civil`).
        let shifted = month <= 2 ? year - 1 : year
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = shifted / 400 * 146_097 + dayOfEra - 719_468
        let time = CalendarTime(days * 86_400)
        // Days that the month does not have come out as another month's.
        guard time.month == month, time.day == day else { return nil }
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
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
