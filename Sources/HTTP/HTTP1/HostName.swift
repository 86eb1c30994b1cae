public import Core

/// A host with an optional port, as in Host or an authority (RFC 3986 §3.2.2), validated.
public struct HostName: Equatable, Sendable {
    /// The host: without port, without one trailing dot; an IPv6 literal keeps its brackets.
    public let name: ByteRange
    /// The port, if one is given.
    public let port: UInt16?
    /// Whether the name is an IPv6 literal in brackets.
    public let isIPv6Literal: Bool

    /// The longest name accepted, in octets (RFC 1035 §2.3.4, and a dot).
    public static let nameLimit = 254

    /// Parses `bytes`; nil unless they are a registered name of letters, digits, `-`, `_` and
    /// `.` (no empty label), an IPv4 address or an IPv6 literal, with an optional port.
    public init?(_ bytes: ByteView) {
        guard bytes.count > 0 else { return nil }
        isIPv6Literal = bytes[0] == 0x5b
        var end = 0
        if isIPv6Literal {
            guard let close = Self.endOfIPv6(bytes) else { return nil }
            end = close
            name = ByteRange(from: 0, to: end)
        } else {
            guard let nameEnd = Self.endOfName(bytes) else { return nil }
            end = nameEnd
            let hasDot = bytes[end - 1] == 0x2e
            name = ByteRange(from: 0, to: hasDot ? end - 1 : end)
            guard name.count > 0 else { return nil }
        }
        if end == bytes.count {
            port = nil
            return
        }
        guard bytes[end] == 0x3a, let number = Self.port(bytes.dropFirst(end + 1)) else {
            return nil
        }
        port = number
    }

    /// Whether the host in `bytes` is `configured`: a lower-case name without trailing dot, or
    /// `*.` and a parent, which stands for exactly one label.
    ///
    /// - Precondition: this value was made from `bytes`.
    public func matches(_ bytes: ByteView, _ configured: ByteView) -> Bool {
        let host = bytes[name]
        guard configured.count > 2, configured[0] == 0x2a, configured[1] == 0x2e else {
            return host.equalsIgnoringCase(configured)
        }
        guard !isIPv6Literal else { return false }
        var dot = 0
        while dot < host.count, host[dot] != 0x2e { dot += 1 }
        guard dot > 0, dot < host.count else { return false }
        return host.dropFirst(dot).equalsIgnoringCase(configured.dropFirst(1))
    }

    /// Appends the name in lower case; false, and nothing appended, when there is no room.
    ///
    /// - Precondition: this value was made from `bytes`.
    public func appendNormalised(_ bytes: ByteView, to buffer: inout Buffer) -> Bool {
        let host = bytes[name]
        guard host.count <= buffer.available else { return false }
        var index = 0
        while index < host.count {
            buffer.append(host[index].lowered)
            index += 1
        }
        return true
    }

    /// Offset after a registered name; nil for a bad character, an empty label or a long name.
    @inline(__always)
    private static func endOfName(_ bytes: ByteView) -> Int? {
        var index = 0
        var previous: UInt8 = 0x2e
        while index < bytes.count, bytes[index] != 0x3a {
            let byte = bytes[index]
            if byte == 0x2e {
                guard previous != 0x2e else { return nil }
            } else if !byte.isPlainNameByte, byte != 0x5f {
                return nil
            }
            previous = byte
            index &+= 1
        }
        return index > 0 && index <= nameLimit ? index : nil
    }

    /// Offset after the closing bracket of an IPv6 literal whose groups are well formed.
    private static func endOfIPv6(_ bytes: ByteView) -> Int? {
        var index = 1
        var groups = 0
        var digits = 0
        var compressed = false
        while index < bytes.count, bytes[index] != 0x5d {
            let byte = bytes[index]
            if byte == 0x3a {
                if index + 1 < bytes.count, bytes[index + 1] == 0x3a {
                    guard !compressed else { return nil }
                    compressed = true
                    index += 2
                } else {
                    guard digits > 0, index + 1 < bytes.count, bytes[index + 1] != 0x5d else {
                        return nil
                    }
                    index += 1
                }
                digits = 0
                continue
            }
            if byte == 0x2e {
                guard let end = endOfEmbeddedIPv4(bytes, from: index - digits) else { return nil }
                groups += 1
                index = end
                break
            }
            guard byte.hexValue != nil, digits < 4 else { return nil }
            if digits == 0 { groups += 1 }
            digits += 1
            index += 1
        }
        guard index < bytes.count, bytes[index] == 0x5d else { return nil }
        return groups == 8 && !compressed || groups < 8 && compressed ? index + 1 : nil
    }

    /// Offset after four decimal octets.
    private static func endOfEmbeddedIPv4(_ bytes: ByteView, from start: Int) -> Int? {
        var index = start
        var octet = 0
        while octet < 4 {
            var value = 0
            var digits = 0
            while index < bytes.count, bytes[index].isDigit, digits < 3 {
                value = value * 10 + Int(bytes[index] - 0x30)
                digits += 1
                index += 1
            }
            guard digits > 0, value <= 255 else { return nil }
            octet += 1
            if octet < 4 {
                guard index < bytes.count, bytes[index] == 0x2e else { return nil }
                index += 1
            }
        }
        return index
    }

    private static func port(_ digits: ByteView) -> UInt16? {
        guard digits.count > 0, digits.count <= 5 else { return nil }
        var value: UInt32 = 0
        var index = 0
        while index < digits.count {
            guard digits[index].isDigit else { return nil }
            value = value * 10 + UInt32(digits[index] - 0x30)
            index += 1
        }
        return value > 0 && value <= 65_535 ? UInt16(value) : nil
    }
}
