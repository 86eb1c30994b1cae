import Core

/// Version 2 of the PROXY header (proxy-protocol.txt §2.2).
///
///     0           12        13        14       16              16 + length
///     | signature | version | family  | length | addresses, TLVs |
///     |           | command | transp. |        |                 |
enum ProxyBinaryHeader {
    private static let fixedLength = 16
    /// Type of the extension that carries a CRC32C of the whole header (§2.2.4).
    private static let checksumType: UInt8 = 0x03

    /// Parses `bytes`, which begin with the signature.
    static func parse(_ bytes: ByteView) throws(ProxyHeaderError) -> ProxyHeader.Outcome {
        guard bytes.count >= fixedLength else { return .needMore }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        let end = fixedLength + length
        let isLocal: Bool
        switch bytes[12] {
        case 0x20: isLocal = true
        case 0x21: isLocal = false
        default: throw .badCommand
        }
        // Of a LOCAL header the family is to be ignored with all that follows.
        let family = isLocal ? .unspecified : Family(rawValue: bytes[13])
        guard let family, length >= family.length else { throw .badFamily }
        guard end <= ProxyHeader.limit else { throw .tooLong }
        guard bytes.count >= end else { return .needMore }
        let header = bytes.prefix(end)
        if family != .unspecified {
            try checkExtensions(of: header, from: fixedLength + family.length)
        }
        return .complete(consumed: end, source: source(of: header, family))
    }

    /// Address family and transport, as one byte.
    private enum Family: UInt8 {
        case unspecified = 0x00
        case tcp4 = 0x11
        case udp4 = 0x12
        case tcp6 = 0x21
        case udp6 = 0x22
        case unixStream = 0x31
        case unixDatagram = 0x32

        /// Bytes of the two addresses.
        var length: Int {
            switch self {
            case .unspecified: 0
            case .tcp4, .udp4: 12
            case .tcp6, .udp6: 36
            case .unixStream, .unixDatagram: 216
            }
        }
    }

    private static func source(of header: ByteView, _ family: Family) -> ProxyHeader.Source {
        switch family {
        case .unspecified, .udp4, .udp6, .unixDatagram:
            // Transports that are not ours count as unspecified.
            return .socket
        case .tcp4:
            return .address(
                .ipv4(
                    UInt32(number(header, 16, 4)), port: UInt16(number(header, 24, 2))))
        case .tcp6:
            let address = SocketAddress.InlineAddress(
                high: number(header, 16, 8), low: number(header, 24, 8))
            return .address(.ipv6(address, port: UInt16(number(header, 48, 2))))
        case .unixStream:
            return .address(.unix(path: ""))
        }
    }

    /// The `count` bytes at `offset`, most significant first.
    private static func number(_ bytes: ByteView, _ offset: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<offset + count { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    /// Skips the extensions (type, length, value), but verifies a checksum.
    private static func checkExtensions(
        of header: ByteView, from start: Int
    ) throws(ProxyHeaderError) {
        var offset = start
        var hasChecksum = false
        while offset < header.count {
            guard header.count - offset >= 3 else { throw .badExtension }
            let value = offset + 3
            let length = Int(header[offset + 1]) << 8 | Int(header[offset + 2])
            guard header.count - value >= length else { throw .badExtension }
            if header[offset] == checksumType {
                guard length == 4, !hasChecksum else { throw .badChecksum }
                hasChecksum = true
                let sum = UInt32(number(header, value, 4))
                guard CRC32C.checksum(header, blank: value..<value + 4) == sum else {
                    throw .badChecksum
                }
            }
            offset = value + length
        }
    }
}

/// The cyclic redundancy check of RFC 4960 appendix B (Castagnoli).
enum CRC32C {
    /// The checksum of `bytes`, those in `blank` taken as zero. Bit by bit: it is computed at most
    /// once a connection, over a few hundred bytes.
    static func checksum(_ bytes: ByteView, blank: Range<Int> = 0..<0) -> UInt32 {
        var sum = UInt32.max
        for index in 0..<bytes.count {
            if !blank.contains(index) { sum ^= UInt32(bytes[index]) }
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~sum
    }
}
