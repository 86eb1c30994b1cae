public import Core

/// A request identifier: 128 random bits, written as 32 hexadecimal digits.
public struct RequestID: Equatable, Sendable {
    /// Octets of the text form.
    public static var textLength: Int { 32 }

    /// Octets that an identifier of another's may have.
    public static var receivedLimit: Int { 128 }

    private let high: UInt64
    private let low: UInt64

    /// The identifier with these bits; the caller draws them at random.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identifier of sixteen bytes.
    ///
    /// - Precondition: `bytes` holds 16 bytes.
    public init(_ bytes: ByteView) {
        precondition(bytes.count == 16)
        var high: UInt64 = 0
        var low: UInt64 = 0
        var index = 0
        while index < 8 {
            high = high << 8 | UInt64(bytes[index])
            low = low << 8 | UInt64(bytes[index + 8])
            index += 1
        }
        self.init(high: high, low: low)
    }

    /// Appends the text form; false when there is no room.
    @discardableResult
    public func append(to buffer: inout Buffer) -> Bool {
        guard buffer.available >= Self.textLength else { return false }
        Self.append(high, to: &buffer)
        Self.append(low, to: &buffer)
        return true
    }

    /// Appends the line `X-Request-ID: <text form>`; false when there is no room.
    @discardableResult
    public func appendLine(to buffer: inout Buffer) -> Bool {
        let name = ByteView("X-Request-ID: ")
        guard buffer.available >= name.count + Self.textLength + 2 else { return false }
        buffer.append(name)
        append(to: &buffer)
        buffer.append(ByteView("\r\n"))
        return true
    }

    /// The identifier that a trusted hop sent: the value of the only `X-Request-ID` that was kept,
    /// if it has 1 to 128 letters, digits and `.`, `_`, `-`.
    ///
    /// When it has not, or when there are several, none of them is forwarded.
    /// - Precondition: the head is screened.
    public static func received(_ bytes: ByteView, _ storage: inout HeadStorage) -> ByteRange? {
        precondition(storage.isScreened)
        guard storage.contains(.xRequestID) else { return nil }
        var found: ByteRange?
        var count = 0
        var index = 0
        while index < storage.count {
            let field = storage[index]
            if field.id == .xRequestID, field.disposition == .keep {
                found = field.value
                count += 1
            }
            index += 1
        }
        if let value = found, count == 1, isWellFormed(bytes[value]) { return value }
        index = 0
        while index < storage.count {
            let field = storage[index]
            if field.id == .xRequestID, field.disposition == .keep {
                storage.setDisposition(.rewritten, at: index)
            }
            index += 1
        }
        return nil
    }

    private static func isWellFormed(_ value: ByteView) -> Bool {
        guard (1...receivedLimit).contains(value.count) else { return false }
        var index = 0
        while index < value.count {
            switch value[index] {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: break
            default: return false
            }
            index += 1
        }
        return true
    }

    private static func append(_ word: UInt64, to buffer: inout Buffer) {
        var shift: UInt64 = 64
        while shift > 0 {
            shift -= 4
            buffer.append(UInt8(truncatingIfNeeded: word >> shift & 0xf).hexDigit)
        }
    }
}
