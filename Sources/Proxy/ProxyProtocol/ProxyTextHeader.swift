import Core

/// Version 1 of the PROXY header: one line of text (proxy-protocol.txt §2.1).
///
///     PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n
enum ProxyTextHeader {
    /// Bytes of the longest line, CRLF included.
    static let limit = 107

    /// Parses `bytes`, which begin with "PROXY ".
    static func parse(_ bytes: ByteView) throws(ProxyHeaderError) -> ProxyHeader.Outcome {
        guard let end = try lineEnd(bytes) else { return .needMore }
        var fields = Fields(rest: bytes.prefix(end).dropFirst(6))
        let source: ProxyHeader.Source
        let family = fields.next()
        if family.equals("UNKNOWN") {
            // Whatever else stands in the line is to be ignored.
            source = .socket
        } else if family.equals("TCP4") {
            source = .address(try endpoints(&fields, isIPv6: false))
        } else if family.equals("TCP6") {
            source = .address(try endpoints(&fields, isIPv6: true))
        } else {
            throw .badLine
        }
        return .complete(consumed: end + 2, source: source)
    }

    /// Offset of the CRLF, or nil when it has not come yet.
    private static func lineEnd(_ bytes: ByteView) throws(ProxyHeaderError) -> Int? {
        var index = 0
        while index < min(bytes.count, limit - 1) {
            if bytes[index] == UInt8(ascii: "\n") { throw .badLine }
            if bytes[index] == UInt8(ascii: "\r") {
                guard index + 1 < bytes.count else { return nil }
                guard bytes[index + 1] == UInt8(ascii: "\n") else { throw .badLine }
                return index
            }
            index += 1
        }
        guard bytes.count < limit - 1 else { throw .tooLong }
        return nil
    }

    /// The source of "source destination sourcePort destinationPort"; all four must be good.
    private static func endpoints(
        _ fields: inout Fields, isIPv6: Bool
    ) throws(ProxyHeaderError) -> SocketAddress {
        let source = fields.next()
        let destination = fields.next()
        let ports = (fields.next(), fields.next())
        guard fields.isAtEnd else { throw .badLine }
        guard let port = AddressText.port(ports.0), AddressText.port(ports.1) != nil else {
            throw .badAddress
        }
        if isIPv6 {
            guard let address = AddressText.ipv6(source), AddressText.ipv6(destination) != nil
            else { throw .badAddress }
            return .ipv6(address, port: port)
        }
        guard let address = AddressText.ipv4(source), AddressText.ipv4(destination) != nil else {
            throw .badAddress
        }
        return .ipv4(address, port: port)
    }

    /// What single blanks separate. A field that is missing is empty, and so never good.
    private struct Fields {
        var rest: ByteView
        var isAtEnd = false

        mutating func next() -> ByteView {
            var index = 0
            while index < rest.count, rest[index] != UInt8(ascii: " ") { index += 1 }
            let field = rest.prefix(index)
            isAtEnd = index == rest.count
            rest = isAtEnd ? .empty : rest.dropFirst(index + 1)
            return field
        }
    }
}
