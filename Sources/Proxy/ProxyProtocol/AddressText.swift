import Core

/// Addresses and ports in their usual text, strictly: one spelling of each number.
enum AddressText {
    /// 0 to 65535, without leading zeros.
    static func port(_ text: ByteView) -> UInt16? {
        decimal(text, most: 65_535).map { UInt16($0) }
    }

    /// Dotted decimal, four numbers.
    static func ipv4(_ text: ByteView) -> UInt32? {
        var address: UInt32 = 0
        var rest = text
        for part in 0..<4 {
            let end = part < 3 ? index(of: UInt8(ascii: "."), in: rest) : rest.count
            guard let end, let octet = decimal(rest.prefix(end), most: 255) else { return nil }
            address = address << 8 | octet
            if part < 3 { rest = rest.dropFirst(end + 1) }
        }
        return address
    }

    /// RFC 4291 §2.2: eight groups, one run of zeros as "::", the last two groups perhaps dotted.
    static func ipv6(_ text: ByteView) -> SocketAddress.InlineAddress? {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        /// Groups before "::".
        var gap: Int?
        var rest = text
        if rest.count >= 2, rest.prefix(2).equals("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            guard count < 8 else { return nil }
            let end = index(of: UInt8(ascii: ":"), in: rest) ?? rest.count
            if end == rest.count, index(of: UInt8(ascii: "."), in: rest) != nil {
                guard count <= 6, let tail = ipv4(rest) else { return nil }
                groups[count] = UInt16(tail >> 16)
                groups[count + 1] = UInt16(truncatingIfNeeded: tail)
                count += 2
                break
            }
            guard let group = hexadecimal(rest.prefix(end)) else { return nil }
            groups[count] = group
            count += 1
            guard end < rest.count else { break }
            rest = rest.dropFirst(end + 1)
            if !rest.isEmpty, rest[0] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = count
                rest = rest.dropFirst(1)
            } else if rest.isEmpty {
                return nil
            }
        }
        // "::" stands for at least one group.
        guard gap == nil ? count == 8 : count < 8 else { return nil }
        return assemble(groups, count: count, gap: gap ?? count)
    }

    private static func assemble(
        _ groups: InlineArray<8, UInt16>, count: Int, gap: Int
    ) -> SocketAddress.InlineAddress {
        var address = SocketAddress.InlineAddress(high: 0, low: 0)
        for index in 0..<8 {
            let isAfter = index >= gap + 8 - count
            let group =
                index < gap ? groups[index] : isAfter ? groups[index - (8 - count)] : 0
            if index < 4 {
                address.high = address.high << 16 | UInt64(group)
            } else {
                address.low = address.low << 16 | UInt64(group)
            }
        }
        return address
    }

    private static func index(of byte: UInt8, in text: ByteView) -> Int? {
        var index = 0
        while index < text.count {
            if text[index] == byte { return index }
            index += 1
        }
        return nil
    }

    private static func decimal(_ text: ByteView, most: UInt32) -> UInt32? {
        guard (1...5).contains(text.count) else { return nil }
        if text.count > 1, text[0] == UInt8(ascii: "0") { return nil }
        var value: UInt32 = 0
        for index in 0..<text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + UInt32(digit)
        }
        return value <= most ? value : nil
    }

    private static func hexadecimal(_ text: ByteView) -> UInt16? {
        guard (1...4).contains(text.count) else { return nil }
        var value: UInt16 = 0
        for index in 0..<text.count {
            let byte = text[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt16(byte - 0x30)
            case 0x41...0x46, 0x61...0x66: value = value << 4 | UInt16((byte | 0x20) - 0x57)
            default: return nil
            }
        }
        return value
    }
}
