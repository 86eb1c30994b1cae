/// Base 16.
public enum Hex {
    /// Two digits for each byte, lower case.
    public static func lower(_ bytes: [UInt8]) -> [UInt8] {
        digits(bytes, "a")
    }

    /// Two digits for each byte, upper case.
    public static func upper(_ bytes: [UInt8]) -> [UInt8] {
        digits(bytes, "A")
    }

    /// The bytes that pairs of digits spell, with a colon between all of them or none; nil when
    /// they spell nothing.
    public static func bytes(_ text: [UInt8]) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        var digits = text
        if text.contains(colon) {
            let pairs = text.split(separator: colon, omittingEmptySubsequences: false)
            guard pairs.allSatisfy({ $0.count == 2 }) else { return nil }
            digits = Array(pairs.joined())
        }
        let values = digits.compactMap(value)
        guard values.count == digits.count, values.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    /// The value of a digit; nil when it is none.
    public static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func digits(_ bytes: [UInt8], _ ten: Unicode.Scalar) -> [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            digits.append(digit(byte >> 4, ten))
            digits.append(digit(byte & 15, ten))
        }
        return digits
    }

    private static func digit(_ value: UInt8, _ ten: Unicode.Scalar) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: ten) + value - 10
    }
}
