import Glibc

/// Points in time as people write them, in UTC (RFC 3339).
public enum UTCTime {
    /// `2026-02-03T04:05:06Z`; the number itself where it is no year of four digits.
    static func text(_ seconds: Int64) -> String {
        var time = Int(seconds)
        var parts = unsafe tm()
        guard unsafe gmtime_r(&time, &parts) != nil, (0...8_099).contains(unsafe parts.tm_year)
        else { return "\(seconds)" }
        func two(_ value: Int32) -> String { (value < 10 ? "0" : "") + "\(value)" }
        return unsafe "\(parts.tm_year + 1_900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }

    /// Seconds since 1970 of `2026-02-03T04:05:06Z`, `2026-02-03`, or a number of them; nil for
    /// anything else.
    public static func seconds(_ text: String) -> Int64? {
        if let number = Int64(text) { return number > 0 && number < 1 << 38 ? number : nil }
        guard text.utf8.count <= 20 else { return nil }
        let numbers = text.split { !$0.isNumber }.compactMap { Int32($0) }
        guard numbers.count == 3 || numbers.count == 6 else { return nil }
        var parts = unsafe tm()
        unsafe parts.tm_year = numbers[0] - 1_900
        unsafe parts.tm_mon = numbers[1] - 1
        unsafe parts.tm_mday = numbers[2]
        if numbers.count == 6 {
            unsafe parts.tm_hour = numbers[3]
            unsafe parts.tm_min = numbers[4]
            unsafe parts.tm_sec = numbers[5]
        }
        let seconds = unsafe Int64(timegm(&parts))
        // Whatever else was written, a 30 February too, is not what comes back.
        let whole = Self.text(seconds)
        guard seconds > 0, whole == text || whole == text + "T00:00:00Z" else { return nil }
        return seconds
    }
}
