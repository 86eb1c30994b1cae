import Core
import Proxy
import Testing

@Suite("PROXY headers are parsed strictly, however they arrive")
struct ProxyHeaderTests {
    /// A parse in a form that tests can compare.
    enum Result: Equatable {
        case needMore
        case complete(Int, ProxyHeader.Source)
        case refused(ProxyHeaderError)
    }

    private static func parse(_ bytes: [UInt8]) -> Result {
        unsafe bytes.withUnsafeBytes { raw in
            do throws(ProxyHeaderError) {
                switch unsafe try ProxyHeader.parse(ByteView(raw)) {
                case .needMore: return .needMore
                case .complete(let consumed, let source): return .complete(consumed, source)
                }
            } catch {
                return .refused(error)
            }
        }
    }

    /// Parses every beginning of `bytes`, then `bytes` with a TLS record's first byte behind them.
    private static func parseSplit(_ bytes: [UInt8]) -> Result {
        var first = Result.needMore
        for count in 0...bytes.count {
            let result = parse(Array(bytes.prefix(count)))
            if first != .needMore { #expect(result == first, "at \(count)") }
            first = result
        }
        if first != .needMore { #expect(parse(bytes + [0x16]) == first) }
        return first
    }

    static let source4 = ProxyHeader.Source.address(.ipv4(0xcb00_7107, port: 56_324))

    // MARK: Version 1

    static let goodLines: [(String, ProxyHeader.Source)] = [
        ("PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n", source4),
        (
            "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
            .address(.ipv4(0, port: 0))
        ),
        ("PROXY UNKNOWN\r\n", .socket),
        ("PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", .socket),
        ("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n", .socket),
    ]

    @Test("a good line names its source", arguments: goodLines)
    func line(text: String, source: ProxyHeader.Source) {
        #expect(Self.parseSplit(Array(text.utf8)) == .complete(text.utf8.count, source))
    }

    static let ipv6Texts: [(String, UInt64, UInt64)] = [
        ("2001:db8::1", 0x2001_0db8_0000_0000, 1),
        ("::", 0, 0),
        ("::1", 0, 1),
        ("1::", 0x0001_0000_0000_0000, 0),
        ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
        ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
        ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008),
        ("FFFF:abcd::Ef01:0", 0xffff_abcd_0000_0000, 0x0000_0000_ef01_0000),
        ("::ffff:203.0.113.7", 0, 0xffff_cb00_7107),
        ("1:2:3:4:5:6:1.2.3.4", 0x0001_0002_0003_0004, 0x0005_0006_0102_0304),
        ("64:ff9b::1.2.3.4", 0x0064_ff9b_0000_0000, 0x0102_0304),
    ]

    @Test("an IPv6 address is read in every legal spelling", arguments: ipv6Texts)
    func ipv6(text: String, high: UInt64, low: UInt64) {
        let line = Array("PROXY TCP6 \(text) ::1 7 8\r\n".utf8)
        let address = SocketAddress.InlineAddress(high: high, low: low)
        #expect(Self.parseSplit(line) == .complete(line.count, .address(.ipv6(address, port: 7))))
    }

    @Test(
        "an IPv6 address in any other spelling is refused",
        arguments: [
            "", ":", "1", ":::", "1:::2", "1::2::3", ":1::", "1:", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "::1:", "12345::", "g::", "::1.2.3",
            "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "fe80::1%eth0", "[::1]",
        ])
    func badIPv6(text: String) {
        let line = Array("PROXY TCP6 \(text) ::1 7 8\r\n".utf8)
        #expect(Self.parseSplit(line) == .refused(.badAddress))
    }

    static let badLines: [(String, ProxyHeaderError)] = [
        ("GET / HTTP/1.1\r\n", .noHeader),
        ("PROXy TCP4", .noHeader),
        ("PROXY\tTCP4", .noHeader),
        ("\u{16}\u{3}\u{1}", .noHeader),
        ("PROXY \r\n", .badLine),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", .badLine),
        ("PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n", .badLine),
        ("PROXY UNKNOWNX\r\n", .badLine),
        ("PROXY UNKNOWN\n", .badLine),
        ("PROXY UNKNOWN\rx", .badLine),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", .badLine),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", .badLine),
        ("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", .badLine),
        ("PROXY TCP4\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 ::1 1 1\r\n", .badAddress),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4.5 1.2.3.4 1 1\r\n", .badAddress),
        ("PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n", .badAddress),
        ("PROXY TCP4 256.2.3.4 1.2.3.4 1 1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 -1\r\n", .badAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 01\r\n", .badAddress),
        ("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", .tooLong),
    ]

    @Test("a bad line is refused, and no beginning of it is taken", arguments: badLines)
    func badLine(text: String, error: ProxyHeaderError) {
        #expect(Self.parseSplit(Array(text.utf8)) == .refused(error))
    }

    // MARK: Version 2

    static let addresses4: [UInt8] = [203, 0, 113, 7, 198, 51, 100, 1, 0xdc, 0x04, 1, 0xbb]
    static let addresses6 =
        [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [9]
        + [UInt8](repeating: 0, count: 15) + [1, 0xdc, 0x04, 1, 0xbb]
    static let unix = [UInt8](repeating: 0x2f, count: 216)
    static let source6 = ProxyHeader.Source.address(
        .ipv6(.init(high: 0x2001_0db8_0000_0000, low: 9), port: 56_324))

    static func header(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) -> [UInt8] {
        let length = [UInt8(block.count >> 8), UInt8(truncatingIfNeeded: block.count)]
        return Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [command, family] + length + block
    }

    static let goodHeaders: [([UInt8], ProxyHeader.Source)] = [
        (header(0x21, 0x11, addresses4), source4),
        (header(0x21, 0x21, addresses6), source6),
        (header(0x21, 0x31, unix), .address(.unix(path: ""))),
        // Datagrams, and what the balancer could not tell: the socket's own peer.
        (header(0x21, 0x12, addresses4), .socket),
        (header(0x21, 0x22, addresses6), .socket),
        (header(0x21, 0x32, unix), .socket),
        (header(0x21, 0x00, []), .socket),
        (header(0x21, 0x00, [1, 2, 3]), .socket),
        // LOCAL: family and block are ignored.
        (header(0x20, 0x00, []), .socket),
        (header(0x20, 0x11, addresses4), .socket),
        (header(0x20, 0xff, [3, 0, 4, 0]), .socket),
        // Extensions: ALPN, NOOP, one of a kind nobody knows.
        (header(0x21, 0x11, addresses4 + [1, 0, 2, 0x68, 0x32, 4, 0, 0, 0xee, 0, 1, 7]), source4),
        (header(0x21, 0x21, addresses6 + [4, 4, 4] + [0] * 0x404), source6),
        (header(0x21, 0x11, addresses4 + [4, 0x0f, 0xe1] + [0] * 0xfe1), source4),
    ]

    @Test("a good binary header names its source", arguments: goodHeaders)
    func binary(bytes: [UInt8], source: ProxyHeader.Source) {
        #expect(Self.parseSplit(bytes) == .complete(bytes.count, source))
    }

    static let badHeaders: [([UInt8], ProxyHeaderError)] = [
        (Array("\r\n\r\n\0\r\nQUIT\r".utf8), .noHeader),
        (Array("\r\n\r\n\r\n".utf8), .noHeader),
        (header(0x11, 0x11, addresses4), .badCommand),
        (header(0x22, 0x11, addresses4), .badCommand),
        (header(0x31, 0x11, addresses4), .badCommand),
        (header(0x21, 0x10, addresses4), .badFamily),
        (header(0x21, 0x01, addresses4), .badFamily),
        (header(0x21, 0x13, addresses4), .badFamily),
        (header(0x21, 0x41, addresses6), .badFamily),
        (header(0x21, 0x11, Array(addresses4.dropLast())), .badFamily),
        (header(0x21, 0x21, addresses4), .badFamily),
        (header(0x21, 0x31, addresses6), .badFamily),
        (header(0x21, 0x11, addresses4 + [4]), .badExtension),
        (header(0x21, 0x11, addresses4 + [4, 0]), .badExtension),
        (header(0x21, 0x11, addresses4 + [4, 0, 1]), .badExtension),
        (header(0x21, 0x11, addresses4 + [4, 0xff, 0xff, 0]), .badExtension),
        (header(0x21, 0x11, addresses4 + [3, 0, 4, 0, 0, 0, 0]), .badChecksum),
        (header(0x21, 0x11, addresses4 + [3, 0, 0]), .badChecksum),
        (header(0x21, 0x11, [UInt8](repeating: 0, count: 4_081)), .tooLong),
        (header(0x20, 0x00, [UInt8](repeating: 0, count: 65_535)), .tooLong),
    ]

    @Test("a bad binary header is refused", arguments: badHeaders)
    func badBinary(bytes: [UInt8], error: ProxyHeaderError) {
        #expect(Self.parseSplit(Array(bytes.prefix(ProxyHeader.limit))) == .refused(error))
    }

    @Test("a checksum is verified over the whole header, its own bytes as zero")
    func checksum() {
        // CRC32C of the header below, computed bit by bit from RFC 4960 appendix B.
        var bytes = Self.header(0x21, 0x11, Self.addresses4 + [3, 0, 4, 0, 0, 0, 0, 4, 0, 1, 9])
        let place = bytes.count - 8
        let sum = Self.crc32c(bytes)
        for index in 0..<4 {
            bytes[place + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index))
        }
        #expect(Self.parseSplit(bytes) == .complete(bytes.count, Self.source4))
        for damaged in bytes.indices where damaged >= 16 {
            var other = bytes
            other[damaged] ^= 0x10
            // A damaged type of the extension hides the checksum.
            guard damaged != place - 3 else { continue }
            if case .complete = Self.parse(other) { Issue.record("byte \(damaged) is not covered") }
        }
        let twice = Self.header(
            0x21, 0x11, Self.addresses4 + [3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0])
        #expect(Self.parseSplit(twice) == .refused(.badChecksum))
        #expect(Self.crc32c(Array("123456789".utf8)) == 0xe306_9283, "the catalogue's check value")
    }

    /// By polynomial division, most significant coefficient first: another way than the product's.
    private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        func reflected(_ value: UInt32, _ width: Int) -> UInt32 {
            (0..<width).reduce(0) { $0 | (value >> UInt32($1) & 1) << UInt32(width - 1 - $1) }
        }
        var remainder = UInt32.max
        for byte in bytes {
            remainder ^= reflected(UInt32(byte), 8) << 24
            for _ in 0..<8 {
                let carries = remainder >> 31 == 1
                remainder = remainder << 1 ^ (carries ? 0x1edc_6f41 : 0)
            }
        }
        return ~reflected(remainder, 32)
    }

    // MARK: Policy

    @Test("only listed sources may send a header") func policy() {
        let listed = SocketAddress.ipv4(0x0a00_0001, port: 9)
        let other = SocketAddress.ipv4(0x0b00_0001, port: 9)
        let local = SocketAddress.unix(path: "")
        let network = AddressList.Network(.ipv4(0x0a00_0000, port: 0), prefixLength: 8)
        let sources = AddressList([network].compactMap { $0 })
        typealias Policy = ProxyProtocolPolicy
        let expected: [(Policy.Mode, Bool, [Policy.Expectation])] = [
            (.off, true, [.none, .none, .none]),
            (.required, false, [.required, .refused, .refused]),
            (.required, true, [.required, .refused, .required]),
            (.optional, false, [.optional, .none, .none]),
            (.optional, true, [.optional, .none, .optional]),
        ]
        for (mode, includesUnix, expectations) in expected {
            let policy = Policy(mode: mode, sources: sources, includesUnixPeers: includesUnix)
            let found = [listed, other, local].map(policy.expectation(of:))
            #expect(found == expectations, "\(mode), Unix \(includesUnix)")
        }
    }
}

private func * (bytes: [UInt8], count: Int) -> [UInt8] {
    Array(repeatElement(bytes, count: count).joined())
}
