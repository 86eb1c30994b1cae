public import Core

/// Base64 with the standard alphabet and padding (RFC 4648 §4).
public enum Base64 {
    private static let alphabet: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private static let padding = UInt8(ascii: "=")

    /// How many characters encode `count` bytes.
    public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Encodes `bytes` without line breaks.
    public static func encode(_ bytes: ByteView) -> [UInt8] {
        let alphabet = ByteView(alphabet)
        var result: [UInt8] = []
        result.reserveCapacity(encodedCount(bytes.count))
        var index = 0
        while index < bytes.count {
            let rest = bytes.count - index
            let word =
                UInt32(bytes[index]) << 16
                | (rest > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (rest > 2 ? UInt32(bytes[index + 2]) : 0)
            result.append(alphabet[Int(word >> 18 & 63)])
            result.append(alphabet[Int(word >> 12 & 63)])
            result.append(rest > 1 ? alphabet[Int(word >> 6 & 63)] : padding)
            result.append(rest > 2 ? alphabet[Int(word & 63)] : padding)
            index += 3
        }
        return result
    }

    /// Encodes `bytes` without line breaks.
    public static func encode(_ bytes: [UInt8]) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe encode(ByteView($0)) }
    }

    /// Decodes `text`; nil unless it is exactly what `encode` makes of some bytes: padded, no
    /// white space, unused bits zero.
    public static func decode(_ text: ByteView) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        guard text.count > 0 else { return [] }
        var padded = 0
        while padded < 2, text[text.count - 1 - padded] == padding { padded += 1 }
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 4 * 3)
        var word: UInt32 = 0
        for index in 0..<text.count - padded {
            guard let value = value(of: text[index]) else { return nil }
            word = word << 6 | value
            if index % 4 == 3 {
                result.append(UInt8(truncatingIfNeeded: word >> 16))
                result.append(UInt8(truncatingIfNeeded: word >> 8))
                result.append(UInt8(truncatingIfNeeded: word))
                word = 0
            }
        }
        switch padded {
        case 1:
            guard word & 3 == 0 else { return nil }
            result.append(UInt8(truncatingIfNeeded: word >> 10))
            result.append(UInt8(truncatingIfNeeded: word >> 2))
        case 2:
            guard word & 15 == 0 else { return nil }
            result.append(UInt8(truncatingIfNeeded: word >> 4))
        default: break
        }
        return result
    }

    /// Decodes `text`; nil unless it is exactly what `encode` makes of some bytes.
    public static func decode(_ text: [UInt8]) -> [UInt8]? {
        unsafe text.withUnsafeBytes { unsafe decode(ByteView($0)) }
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
