public import Core

/// A peer's address with its text, made once per connection: no allocation, no formatting later.
public struct PeerAddress {
    /// The address itself.
    public let address: SocketAddress
    private var text: InlineArray<46, UInt8>
    private var count: Int

    /// The address of a peer: IPv4 dotted, IPv6 in RFC 5952 form, "unix" for a Unix-domain socket.
    public init(_ address: SocketAddress) {
        self.address = address
        text = InlineArray(repeating: 0)
        count = 0
        switch address {
        case .ipv4(let bits, _): appendIPv4(bits)
        case .ipv6(let bits, _): appendIPv6(bits)
        case .unix: append("unix")
        }
    }

    /// Whether the text needs brackets and quotes in `Forwarded` (RFC 7239 §6).
    public var isIPv6: Bool {
        if case .ipv6(let bits, _) = address { return !Self.isMapped(bits) }
        return false
    }

    /// Appends the text, without port, to `buffer`.
    public func append(to buffer: inout Buffer) {
        unsafe text.span.withUnsafeBytes {
            _ = unsafe buffer.append(ByteView(UnsafeRawBufferPointer(rebasing: $0[..<count])))
        }
    }

    /// Hands the text, without port, to `body`. Valid only inside it.
    public func withText(_ body: (ByteView) -> Void) {
        let text = text
        unsafe text.span.withUnsafeBytes {
            unsafe body(ByteView(UnsafeRawBufferPointer(rebasing: $0[..<count])))
        }
    }

    /// The text, without port. Allocates: not for the data path.
    public var description: String {
        String(decoding: (0..<count).map { text[$0] }, as: UTF8.self)
    }

    private static func isMapped(_ bits: SocketAddress.InlineAddress) -> Bool {
        bits.high == 0 && bits.low >> 32 == 0xffff
    }

    private mutating func append(_ literal: StaticString) {
        let bytes = ByteView(literal)
        var index = 0
        while index < bytes.count {
            append(bytes[index])
            index += 1
        }
    }

    private mutating func append(_ byte: UInt8) {
        text[count] = byte
        count += 1
    }

    private mutating func appendIPv4(_ bits: UInt32) {
        var shift: UInt32 = 32
        while shift > 0 {
            shift -= 8
            let octet = UInt8(truncatingIfNeeded: bits >> shift)
            if octet >= 100 { append(UInt8(ascii: "0") + octet / 100) }
            if octet >= 10 { append(UInt8(ascii: "0") + octet / 10 % 10) }
            append(UInt8(ascii: "0") + octet % 10)
            if shift > 0 { append(UInt8(ascii: ".")) }
        }
    }

    /// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as "::".
    private mutating func appendIPv6(_ bits: SocketAddress.InlineAddress) {
        if Self.isMapped(bits) {
            appendIPv4(UInt32(truncatingIfNeeded: bits.low))
            return
        }
        func group(_ index: Int) -> UInt16 {
            let half = index < 4 ? bits.high : bits.low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
        }
        var best = 0..<0
        var index = 0
        while index < 8 {
            let start = index
            while index < 8, group(index) == 0 { index += 1 }
            if index - start > max(best.count, 1) { best = start..<index }
            index += 1
        }
        index = 0
        while index < 8 {
            if index == best.lowerBound, !best.isEmpty {
                append("::")
                index = best.upperBound
                continue
            }
            if index > 0, index != best.upperBound || best.isEmpty { append(UInt8(ascii: ":")) }
            appendHex(group(index))
            index += 1
        }
    }

    private mutating func appendHex(_ group: UInt16) {
        let digits = ByteView("0123456789abcdef")
        var shift: UInt16 = 12
        while shift > 0, group >> shift == 0 { shift -= 4 }
        while true {
            append(digits[Int(group >> shift & 15)])
            guard shift > 0 else { return }
            shift -= 4
        }
    }
}
