public import Core

/// A parsed response head: offsets into the bytes it was parsed from, and what they mean.
public struct ResponseHead: Sendable {
    /// Whether the version is HTTP/1.1; HTTP/1.0 otherwise.
    public internal(set) var isHTTP11 = true
    /// The status code, 100 to 999.
    public internal(set) var status: UInt16 = 0
    /// The reason phrase; may be empty.
    public internal(set) var reason = ByteRange.empty
    /// How the end of the body is found.
    public internal(set) var framing = BodyFraming.none
    /// Whether the upstream connection may be used again after this message.
    public internal(set) var keepAlive = true
    /// Whether `Connection` names `upgrade`.
    public internal(set) var hasConnectionUpgrade = false
    /// Offset of the first byte after the head.
    public internal(set) var headLength = 0
    /// Number of field lines.
    public internal(set) var fieldCount = 0

    /// Whether this is an interim response, other than 101: the final one is still to come.
    public var isInformational: Bool { status < 200 && status != 101 }

    init() {}
}

/// Parses the head of an HTTP/1 response (RFC 9112), as strictly as requests.
public enum ResponseParser {
    /// Parses the head at the front of `bytes`; parameters as in `RequestParser.parse`.
    ///
    /// - Parameter method: The request's method: a response to HEAD has no body.
    /// - Throws: `ResponseError`; the client gets 502 and the upstream connection closes.
    public static func parse(
        _ bytes: ByteView, from scanned: Int = 0, method: Method,
        limits: HeadLimits = HeadLimits(), into storage: inout HeadStorage
    ) throws(ResponseError) -> Parsed<ResponseHead> {
        do throws(RequestError) {
            return try parseHead(bytes, from: scanned, method, limits, into: &storage)
        } catch {
            throw ResponseError(error.reason)
        }
    }

    @inline(__always)
    private static func parseHead(
        _ bytes: ByteView, from scanned: Int, _ method: Method, _ limits: HeadLimits,
        into storage: inout HeadStorage
    ) throws(RequestError) -> Parsed<ResponseHead> {
        let isFull = bytes.count >= limits.headBytes
        let window = isFull ? bytes.prefix(limits.headBytes) : bytes
        let scanner = ByteScanner(window)
        if scanned > 0, !isFull, !scanner.mayEndHead(afterFirst: scanned) {
            return .needMore
        }
        storage.removeAll()
        var head = ResponseHead()
        var cursor = 0
        guard try parseStatusLine(scanner, &cursor, into: &head),
            try FieldSection.parse(scanner, &cursor, limit: limits.fieldCount, into: &storage)
        else {
            if isFull { throw .badRequest("head too large") }
            return .needMore
        }
        head.headLength = cursor
        head.fieldCount = storage.count
        try interpret(window, &storage, method, into: &head)
        return .complete(head)
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ] CRLF`; the second space may be absent
    /// when there is no reason, which some servers do.
    @inline(__always)
    private static func parseStatusLine(
        _ scanner: ByteScanner, _ cursor: inout Int, into head: inout ResponseHead
    ) throws(RequestError) -> Bool {
        let expected = ByteView("HTTP/1.x ")
        var index = 0
        while index < 12 {
            guard index < scanner.count else { return false }
            let byte = scanner[index]
            if index == 7 {
                guard byte == 0x30 || byte == 0x31 else { throw .badRequest("bad version") }
            } else if index < 9 {
                guard byte == expected[index] else { throw .badRequest("bad status line") }
            } else {
                guard byte.isDigit else { throw .badRequest("bad status code") }
                head.status = head.status * 10 + UInt16(byte - 0x30)
            }
            index &+= 1
        }
        guard head.status >= 100 else { throw .badRequest("bad status code") }
        guard scanner.count > 12 else { return false }
        head.isHTTP11 = scanner[7] == 0x31
        cursor = 12
        if scanner[12] == 0x20 {
            let end = scanner.endOfFieldValue(from: 13)
            head.reason = ByteRange(from: 13, to: end)
            cursor = end
        }
        return try FieldSection.endOfLine(scanner, &cursor)
    }

    /// Decides the framing in the order of RFC 9112 §6.3.
    @inline(__always)
    private static func interpret(
        _ bytes: ByteView, _ storage: inout HeadStorage, _ method: Method,
        into head: inout ResponseHead
    ) throws(RequestError) {
        let framing = try FramingFields.framing(bytes, storage, isHTTP11: head.isHTTP11)
        let options = try ConnectionOptions.read(bytes, &storage)
        head.hasConnectionUpgrade = options.upgrade
        head.keepAlive = options.persists(isHTTP11: head.isHTTP11)
        if head.status < 200 || head.status == 204 {
            guard framing != .chunked else {
                throw .badRequest("Transfer-Encoding in a response without a body")
            }
            head.framing = .none
        } else if head.status == 304 || method == .head {
            head.framing = .none
        } else {
            head.framing = framing ?? .untilClose
            if framing == nil { head.keepAlive = false }
        }
    }
}
