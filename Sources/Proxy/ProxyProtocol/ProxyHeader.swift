public import Core

/// The PROXY header, with which a balancer says whose connection it passes on.
///
/// HAProxy's proxy-protocol.txt, versions 1 (text) and 2 (binary). A header is believed only from
/// a source that a `ProxyProtocolPolicy` lists: whoever may send one may claim any address.
public enum ProxyHeader {
    /// Bytes of the longest header that is read. The protocol would allow 65,551; what balancers
    /// send with their extensions takes a few hundred.
    public static let limit = 4_096

    /// Whose connection it is.
    public enum Source: Equatable, Sendable {
        /// The socket's own peer: the balancer speaks for itself (a health check), or for a client
        /// whose address it cannot express.
        case socket
        /// A client with this address. The path of a Unix-domain client is not kept.
        case address(SocketAddress)
    }

    /// What parsing came to.
    public enum Outcome: Equatable, Sendable {
        /// The bytes so far are the beginning of a header.
        case needMore
        /// A header of `consumed` bytes.
        case complete(consumed: Int, source: Source)
    }

    static let textPrefix: StaticString = "PROXY "
    static let signature: StaticString = "\r\n\r\n\u{0}\r\nQUIT\n"

    /// Whether a header may begin with `byte`; a TLS record never does (RFC 8446 §5.1).
    public static func mayBegin(with byte: UInt8) -> Bool {
        byte == ByteView(textPrefix)[0] || byte == ByteView(signature)[0]
    }

    /// Parses the header at the front of `bytes`.
    ///
    /// `.needMore` is never the outcome for `limit` bytes or more.
    public static func parse(_ bytes: ByteView) throws(ProxyHeaderError) -> Outcome {
        guard !bytes.isEmpty else { return .needMore }
        if bytes[0] == ByteView(textPrefix)[0] {
            guard try begins(bytes, with: ByteView(textPrefix)) else { return .needMore }
            return try ProxyTextHeader.parse(bytes)
        }
        guard try begins(bytes, with: ByteView(signature)) else { return .needMore }
        return try ProxyBinaryHeader.parse(bytes)
    }

    /// Whether all of `start` is there; throws when `bytes` are something else.
    private static func begins(
        _ bytes: ByteView, with start: ByteView
    ) throws(ProxyHeaderError) -> Bool {
        let count = min(bytes.count, start.count)
        guard bytes.prefix(count).equals(start.prefix(count)) else { throw .noHeader }
        return count == start.count
    }
}

/// Why bytes are no PROXY header.
public enum ProxyHeaderError: Error, CaseIterable, Sendable {
    /// An address or a port of a version 1 line does not parse.
    case badAddress
    /// The checksum of a version 2 header does not match (or there are two).
    case badChecksum
    /// An unknown version or command.
    case badCommand
    /// An unknown address family or transport, or one for which the block is too short.
    case badFamily
    /// A version 1 line that breaks its form: fields, blanks, or the CRLF at its end.
    case badLine
    /// An extension (TLV) of a version 2 header runs past its end.
    case badExtension
    /// The bytes begin neither version.
    case noHeader
    /// Longer than the protocol (version 1) or the gateway (version 2) allows.
    case tooLong

    /// The same in words, for the log.
    public var reason: StaticString {
        switch self {
        case .badAddress: "PROXY header: bad address or port"
        case .badChecksum: "PROXY header: bad checksum"
        case .badCommand: "PROXY header: unknown version or command"
        case .badFamily: "PROXY header: unknown address family, or too short for it"
        case .badLine: "PROXY header: malformed line"
        case .badExtension: "PROXY header: malformed extension"
        case .noHeader: "PROXY header: missing"
        case .tooLong: "PROXY header: too long"
        }
    }
}
