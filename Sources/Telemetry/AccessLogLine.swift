public import Core

/// One JSON object on one line, built without allocation.
///
/// Always complete and valid JSON: a string that does not fit is cut, a member that does not fit
/// at all is left out. Room for the end of the line is kept back.
public struct AccessLogLine {
    private var buffer: Buffer
    private var isFirst = true
    private static let reserve = 16

    /// An empty object in `buffer`, which must be empty.
    ///
    /// - Precondition: the buffer has room for at least 64 bytes.
    public init(into buffer: Buffer) {
        precondition(buffer.count == 0 && buffer.capacity >= 64)
        self.buffer = buffer
        self.buffer.append(UInt8(ascii: "{"))
    }

    /// The finished line, newline included. Valid until the buffer is used again.
    public var bytes: ByteView { buffer.filled }

    /// Adds a string member; bytes that are not printable ASCII or valid UTF-8 are escaped.
    public mutating func string(_ key: StaticString, _ value: ByteView) {
        guard begin(key, atLeast: 8) else { return }
        buffer.append(UInt8(ascii: "\""))
        var index = 0
        while index < value.count, buffer.available > Self.reserve {
            let length = Self.sequenceLength(value, at: index)
            if length > 1 {
                buffer.append(value[ByteRange(start: index, count: length)])
            } else {
                escape(value[index])
            }
            index += length
        }
        buffer.append(UInt8(ascii: "\""))
    }

    /// Adds a number member.
    public mutating func number(_ key: StaticString, _ value: UInt64) {
        guard begin(key, atLeast: 20) else { return }
        decimal(value, width: 1)
    }

    /// Adds `bytes` as lower-case hexadecimal.
    public mutating func hex(_ key: StaticString, _ bytes: ByteView) {
        guard begin(key, atLeast: 2 * bytes.count + 2) else { return }
        buffer.append(UInt8(ascii: "\""))
        var index = 0
        while index < bytes.count {
            hexDigit(bytes[index] >> 4)
            hexDigit(bytes[index] & 15)
            index += 1
        }
        buffer.append(UInt8(ascii: "\""))
    }

    /// Adds a number of 128 bits as 32 lower-case hexadecimal digits.
    public mutating func hex(_ key: StaticString, high: UInt64, low: UInt64) {
        guard begin(key, atLeast: 34) else { return }
        buffer.append(UInt8(ascii: "\""))
        hexDigits(high)
        hexDigits(low)
        buffer.append(UInt8(ascii: "\""))
    }

    /// Adds a time as RFC 3339 in UTC.
    public mutating func time(_ key: StaticString, wallSeconds: Int64) {
        guard begin(key, atLeast: 24) else { return }
        let time = CalendarTime(wallSeconds)
        let second = UInt64(time.second)
        buffer.append(UInt8(ascii: "\""))
        decimal(UInt64(max(time.year, 0)), width: 4)
        buffer.append(UInt8(ascii: "-"))
        decimal(UInt64(time.month), width: 2)
        buffer.append(UInt8(ascii: "-"))
        decimal(UInt64(time.day), width: 2)
        buffer.append(UInt8(ascii: "T"))
        decimal(second / 3_600, width: 2)
        buffer.append(UInt8(ascii: ":"))
        decimal(second / 60 % 60, width: 2)
        buffer.append(UInt8(ascii: ":"))
        decimal(second % 60, width: 2)
        buffer.append(ByteView("Z\""))
    }

    /// The members so far, for `members(_:)` of other lines. Valid until the buffer is used again.
    public var members: ByteView { buffer.filled.dropFirst(1) }

    /// Adds members that were rendered before, all or none of them.
    public mutating func members(_ rendered: ByteView) {
        guard !rendered.isEmpty, buffer.available >= rendered.count + 1 + Self.reserve else {
            return
        }
        if !isFirst { buffer.append(UInt8(ascii: ",")) }
        isFirst = false
        buffer.append(rendered)
    }

    /// Ends the object and the line.
    public mutating func finish() { buffer.append(ByteView("}\n")) }

    // MARK: Private

    private mutating func begin(_ key: StaticString, atLeast room: Int) -> Bool {
        let key = ByteView(key)
        guard buffer.available >= key.count + room + 4 + Self.reserve else { return false }
        if !isFirst { buffer.append(UInt8(ascii: ",")) }
        isFirst = false
        buffer.append(UInt8(ascii: "\""))
        buffer.append(key)
        buffer.append(ByteView("\":"))
        return true
    }

    private mutating func decimal(_ value: UInt64, width: Int) {
        var divisor: UInt64 = 1
        var digits = 1
        while value / divisor >= 10 {
            divisor *= 10
            digits += 1
        }
        var padding = width - digits
        while padding > 0 {
            buffer.append(UInt8(ascii: "0"))
            padding -= 1
        }
        while divisor > 0 {
            buffer.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    private mutating func hexDigits(_ word: UInt64) {
        var shift: UInt64 = 64
        while shift > 0 {
            shift -= 4
            hexDigit(UInt8(truncatingIfNeeded: word >> shift & 15))
        }
    }

    private mutating func hexDigit(_ value: UInt8) {
        buffer.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            buffer.append(UInt8(ascii: "\\"))
            buffer.append(byte)
        case 0x20...0x7e:
            buffer.append(byte)
        default:
            buffer.append(ByteView("\\u00"))
            hexDigit(byte >> 4)
            hexDigit(byte & 15)
        }
    }

    /// Length of the well-formed UTF-8 sequence at `index` (Unicode 15, table 3-7); 1 if none.
    private static func sequenceLength(_ bytes: ByteView, at index: Int) -> Int {
        func continuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
            index + offset < bytes.count && range.contains(bytes[index + offset])
        }
        switch bytes[index] {
        case 0xc2...0xdf: return continuation(1) ? 2 : 1
        case 0xe0: return continuation(1, 0xa0...0xbf) && continuation(2) ? 3 : 1
        case 0xed: return continuation(1, 0x80...0x9f) && continuation(2) ? 3 : 1
        case 0xe1...0xef: return continuation(1) && continuation(2) ? 3 : 1
        case 0xf0:
            return continuation(1, 0x90...0xbf) && continuation(2) && continuation(3) ? 4 : 1
        case 0xf4:
            return continuation(1, 0x80...0x8f) && continuation(2) && continuation(3) ? 4 : 1
        case 0xf1...0xf3: return continuation(1) && continuation(2) && continuation(3) ? 4 : 1
        default: return 1
        }
    }
}
