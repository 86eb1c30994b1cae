public import Core

extension FieldName {
    /// Interns the name of `count` bytes at `start`, in any letter case.
    ///
    /// A switch over the length, then comparisons of whole words (little-endian, lower case, the
    /// last one overlapping) instead of a table: nothing is hashed and no memory is read but the
    /// name. `FieldNameTests` checks every constant against `text`.
    ///
    /// - Precondition: the name holds only letters, digits and `-`, so that setting bit 5 of a
    ///   byte lowers letters and changes nothing else.
    @inline(__always)
    static func interned(_ scanner: ByteScanner, at start: Int, count: Int) -> FieldName {
        if count <= 8 {
            return short(count, scanner.foldedWord(at: start, count: count))
        }
        guard count <= 24 else { return .other }
        let first = scanner.foldedWord(at: start, count: 8)
        let last = scanner.foldedWord(at: start + count - 8, count: 8)
        if count <= 16 { return medium(count, first, last) }
        return long(count, first, scanner.foldedWord(at: start + 8, count: 8), last)
    }

    /// The name of `bytes`, in any letter case; `other` when it is unknown or not plain.
    public init(_ bytes: ByteView) {
        let scanner = ByteScanner(bytes)
        guard bytes.count > 0, scanner.endOfPlainName(from: 0) == bytes.count else {
            self = .other
            return
        }
        self = .interned(scanner, at: 0, count: bytes.count)
    }

    @inline(__always)
    private static func short(_ count: Int, _ word: UInt64) -> FieldName {
        switch count {
        case 2:
            if word == 0x0000_0000_0000_6574 { return .te }
        case 3:
            if word == 0x0000_0000_0061_6976 { return .via }
        case 4:
            if word == 0x0000_0000_7473_6f68 { return .host }
            if word == 0x0000_0000_6574_6164 { return .date }
            if word == 0x0000_0000_6761_7465 { return .eTag }
            if word == 0x0000_0000_7972_6176 { return .vary }
        case 6:
            if word == 0x0000_7463_6570_7865 { return .expect }
            if word == 0x0000_6569_6b6f_6f63 { return .cookie }
            if word == 0x0000_7265_7672_6573 { return .server }
            if word == 0x0000_7470_6563_6361 { return .accept }
            if word == 0x0000_6e69_6769_726f { return .origin }
        case 7:
            if word == 0x0072_656c_6961_7274 { return .trailer }
            if word == 0x0065_6461_7267_7075 { return .upgrade }
            if word == 0x0072_6572_6566_6572 { return .referer }
        case 8:
            if word == 0x6e6f_6974_6163_6f6c { return .location }
        default: break
        }
        return .other
    }

    @inline(__always)
    private static func medium(_ count: Int, _ first: UInt64, _ last: UInt64) -> FieldName {
        switch count {
        case 9:
            if first == 0x6564_7261_7772_6f66, last == 0x6465_6472_6177_726f { return .forwarded }
            if first == 0x692d_6c61_6572_2d78, last == 0x7069_2d6c_6165_722d { return .xRealIP }
        case 10:
            if first == 0x6974_6365_6e6e_6f63, last == 0x6e6f_6974_6365_6e6e { return .connection }
            if first == 0x696c_612d_7065_656b, last == 0x6576_696c_612d_7065 { return .keepAlive }
            if first == 0x6b6f_6f63_2d74_6573, last == 0x6569_6b6f_6f63_2d74 { return .setCookie }
            if first == 0x6567_612d_7265_7375, last == 0x746e_6567_612d_7265 { return .userAgent }
        case 12:
            if first == 0x7365_7571_6572_2d78, last == 0x6469_2d74_7365_7571 { return .xRequestID }
            if first == 0x2d74_6e65_746e_6f63, last == 0x6570_7974_2d74_6e65 { return .contentType }
        default: return upperMedium(count, first, last)
        }
        return .other
    }

    @inline(__always)
    private static func upperMedium(_ count: Int, _ first: UInt64, _ last: UInt64) -> FieldName {
        switch count {
        case 13:
            if first == 0x7a69_726f_6874_7561,
                last == 0x6e6f_6974_617a_6972
            {
                return .authorization
            }
            if first == 0x6f63_2d65_6863_6163,
                last == 0x6c6f_7274_6e6f_632d
            {
                return .cacheControl
            }
            if first == 0x646f_6d2d_7473_616c,
                last == 0x6465_6966_6964_6f6d
            {
                return .lastModified
            }
        case 14:
            if first == 0x2d74_6e65_746e_6f63,
                last == 0x6874_676e_656c_2d74
            {
                return .contentLength
            }
            if first == 0x6573_2d32_7074_7468,
                last == 0x7367_6e69_7474_6573
            {
                return .http2Settings
            }
        case 15:
            if first == 0x7261_7772_6f66_2d78,
                last == 0x726f_662d_6465_6472
            {
                return .xForwardedFor
            }
            if first == 0x652d_7470_6563_6361,
                last == 0x676e_6964_6f63_6e65
            {
                return .acceptEncoding
            }
            if first == 0x6c2d_7470_6563_6361,
                last == 0x6567_6175_676e_616c
            {
                return .acceptLanguage
            }
        case 16:
            if first == 0x6f63_2d79_786f_7270,
                last == 0x6e6f_6974_6365_6e6e
            {
                return .proxyConnection
            }
            if first == 0x7261_7772_6f66_2d78,
                last == 0x7473_6f68_2d64_6564
            {
                return .xForwardedHost
            }
            if first == 0x7261_7772_6f66_2d78,
                last == 0x7472_6f70_2d64_6564
            {
                return .xForwardedPort
            }
            if first == 0x2d74_6e65_746e_6f63,
                last == 0x676e_6964_6f63_6e65
            {
                return .contentEncoding
            }
        default: break
        }
        return .other
    }

    @inline(__always)
    private static func long(_ count: Int, _ first: UInt64, _ middle: UInt64, _ last: UInt64)
        -> FieldName
    {
        switch count {
        case 17:
            if first == 0x7265_6673_6e61_7274,
                middle == 0x6e69_646f_636e_652d,
                last == 0x676e_6964_6f63_6e65
            {
                return .transferEncoding
            }
            if first == 0x7261_7772_6f66_2d78,
                middle == 0x746f_7270_2d64_6564,
                last == 0x6f74_6f72_702d_6465
            {
                return .xForwardedProto
            }
            if first == 0x7362_6577_2d63_6573,
                middle == 0x656b_2d74_656b_636f,
                last == 0x7965_6b2d_7465_6b63
            {
                return .secWebSocketKey
            }
        case 18:
            if first == 0x7561_2d79_786f_7270,
                middle == 0x6163_6974_6e65_6874,
                last == 0x6574_6163_6974_6e65
            {
                return .proxyAuthenticate
            }
        default: return longest(count, first, middle, last)
        }
        return .other
    }

    @inline(__always)
    private static func longest(_ count: Int, _ first: UInt64, _ middle: UInt64, _ last: UInt64)
        -> FieldName
    {
        switch count {
        case 19:
            if first == 0x7561_2d79_786f_7270,
                middle == 0x7461_7a69_726f_6874,
                last == 0x6e6f_6974_617a_6972
            {
                return .proxyAuthorization
            }
        case 20:
            if first == 0x7362_6577_2d63_6573,
                middle == 0x6361_2d74_656b_636f,
                last == 0x7470_6563_6361_2d74
            {
                return .secWebSocketAccept
            }
        case 21:
            if first == 0x7362_6577_2d63_6573,
                middle == 0x6576_2d74_656b_636f,
                last == 0x6e6f_6973_7265_762d
            {
                return .secWebSocketVersion
            }
        case 22:
            if first == 0x7362_6577_2d63_6573,
                middle == 0x7270_2d74_656b_636f,
                last == 0x6c6f_636f_746f_7270
            {
                return .secWebSocketProtocol
            }
        case 23:
            if first == 0x7261_7772_6f66_2d78,
                middle == 0x6569_6c63_2d64_6564,
                last == 0x7472_6563_2d74_6e65
            {
                return .xForwardedClientCert
            }
        case 24:
            if first == 0x7362_6577_2d63_6573,
                middle == 0x7865_2d74_656b_636f,
                last == 0x736e_6f69_736e_6574
            {
                return .secWebSocketExtensions
            }
        default: break
        }
        return .other
    }
}
