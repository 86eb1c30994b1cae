import Core

/// Addresses and ports in their usual text, strictly: one spelling of each number.
enum AddressText {
    /// 0 to 65535, without leading zeros.
    static func port(_ text: ByteView) -> UInt16? {
        let digits = text.array
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self))
    }

    /// Dotted decimal, four numbers.
    static func ipv4(_ text: ByteView) -> UInt32? {
        SocketAddress.parseIPv4(String(decoding: text.array, as: UTF8.self))
    }

    /// RFC 4291 §2.2.
    static func ipv6(_ text: ByteView) -> SocketAddress.InlineAddress? {
        SocketAddress.parseIPv6(String(decoding: text.array, as: UTF8.self))
    }
}
