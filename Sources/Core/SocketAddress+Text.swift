import Glibc

extension SocketAddress {
    /// Parses `127.0.0.1:8443`, `[::1]:8443` or `unix:/path`; nil for anything else.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count < 108 else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let bits = Self.parseIPv6(String(host.dropFirst().dropLast())) else { return nil }
            self = .ipv6(bits, port: port)
        } else {
            guard let bits = Self.parseIPv4(String(host)) else { return nil }
            self = .ipv4(bits, port: port)
        }
    }

    /// The address in the form that `init(_:)` parses.
    public var text: String {
        switch self {
        case .unix(let path):
            return "unix:" + path
        case .ipv4(let bits, let port):
            let octets = stride(from: 24, through: 0, by: -8).map { bits >> UInt32($0) & 255 }
            return octets.map(String.init).joined(separator: ".") + ":\(port)"
        case .ipv6(let bits, let port):
            let groups = [bits.high, bits.low].flatMap { half in
                stride(from: 48, through: 0, by: -16).map { half >> UInt64($0) & 0xffff }
            }
            return "[" + groups.map { String($0, radix: 16) }.joined(separator: ":") + "]:\(port)"
        }
    }

    /// The address alone, without brackets or port; nil for a Unix-domain socket.
    public var host: String? {
        switch self {
        case .unix: return nil
        case .ipv4, .ipv6:
            let text = text.prefix { $0 != "]" }.drop { $0 == "[" }
            guard case .ipv4 = self, let colon = text.lastIndex(of: ":") else {
                return String(text)
            }
            return String(text[..<colon])
        }
    }

    /// Whether only this machine can reach it.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .ipv4(let bits, _): bits >> 24 == 127
        case .ipv6(let bits, _): bits.high == 0 && bits.low == 1
        }
    }

    /// Four decimal numbers, without leading zeros.
    public static func parseIPv4(_ text: String) -> UInt32? {
        var address = in_addr()
        // The C function would not see what follows a NUL.
        guard !text.utf8.contains(0), unsafe inet_pton(AF_INET, text, &address) == 1 else {
            return nil
        }
        return UInt32(bigEndian: address.s_addr)
    }

    /// RFC 4291 §2.2: eight groups, one run of zeros as "::", the last two groups perhaps dotted.
    public static func parseIPv6(_ text: String) -> InlineAddress? {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard !text.utf8.contains(0), unsafe inet_pton(AF_INET6, text, &bytes) == 1 else {
            return nil
        }
        func half(_ start: Int) -> UInt64 {
            bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        return InlineAddress(high: half(0), low: half(8))
    }
}
