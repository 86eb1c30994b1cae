public import Core

/// Parses the head of an HTTP/1 request (RFC 9112), strictly.
///
/// Whatever the RFC lets a recipient refuse and request smuggling needs is refused. Pure: it
/// keeps nothing between calls; the ranges it yields index the bytes it was given.
public enum RequestParser {
    /// Parses the head at the front of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: Everything received so far, from the start of the head.
    ///   - scanned: How many of those bytes an earlier call has already seen; it makes a client
    ///     that sends byte by byte cost O(n). 0 at the first call.
    ///   - limits: Sizes above which the answer is 414 or 431.
    ///   - storage: Receives the fields; meaningful when the result is `complete`.
    /// - Throws: `RequestError`, with the status to answer; the connection then closes.
    public static func parse(
        _ bytes: ByteView, from scanned: Int = 0, limits: HeadLimits = HeadLimits(),
        into storage: inout HeadStorage
    ) throws(RequestError) -> Parsed<RequestHead> {
        let isFull = bytes.count >= limits.headBytes
        let window = isFull ? bytes.prefix(limits.headBytes) : bytes
        let scanner = ByteScanner(window)
        if scanned > 0, !isFull, !scanner.mayEndHead(afterFirst: scanned) {
            return .needMore
        }
        storage.removeAll()
        var head = RequestHead()
        var cursor = 0
        guard try RequestLine.skipEmptyLines(scanner, &cursor),
            try RequestLine.parse(scanner, window, &cursor, limits, into: &head),
            try FieldSection.parse(scanner, &cursor, limit: limits.fieldCount, into: &storage)
        else {
            if isFull { throw RequestError(431, "head too large") }
            return .needMore
        }
        head.headLength = cursor
        head.fieldCount = storage.count
        try interpret(window, &storage, into: &head)
        return .complete(head)
    }

    /// Checks the fields that decide about routing, framing and the connection.
    @inline(__always)
    private static func interpret(
        _ bytes: ByteView, _ storage: inout HeadStorage, into head: inout RequestHead
    ) throws(RequestError) {
        try readHost(bytes, storage, into: &head)
        let framing = try FramingFields.framing(bytes, storage, isHTTP11: head.isHTTP11)
        head.framing = framing ?? .none
        let options = try ConnectionOptions.read(bytes, &storage)
        head.keepAlive = options.persists(isHTTP11: head.isHTTP11)
        if storage.contains(.expect) { try readExpect(bytes, storage, into: &head) }
        if options.upgrade, head.isHTTP11, head.method == .get, framing == nil,
            storage.repeated & FieldName.upgrade.bit == 0,
            storage.repeated & FieldName.secWebSocketKey.bit == 0,
            storage.contains(.secWebSocketKey), let upgrade = storage.first(.upgrade)
        {
            head.upgradeWebSocket = bytes[upgrade.value].equalsIgnoringCase("websocket")
        }
    }

    /// RFC 9112 §3.2: exactly one valid Host in HTTP/1.1; an absolute-form target overrides it.
    @inline(__always)
    private static func readHost(
        _ bytes: ByteView, _ storage: borrowing HeadStorage, into head: inout RequestHead
    ) throws(RequestError) {
        guard storage.repeated & FieldName.host.bit == 0 else {
            throw .badRequest("repeated Host")
        }
        if let field = storage.first(.host) {
            guard HostName(bytes[field.value]) != nil else { throw .badRequest("bad Host") }
            head.host = field.value
        } else if head.isHTTP11 {
            throw .badRequest("no Host")
        }
        if head.form == .absolute { head.host = head.authority }
    }

    /// RFC 9110 §10.1.1: the one known expectation, ignored in HTTP/1.0.
    private static func readExpect(
        _ bytes: ByteView, _ storage: borrowing HeadStorage, into head: inout RequestHead
    ) throws(RequestError) {
        guard head.isHTTP11 else { return }
        guard storage.repeated & FieldName.expect.bit == 0, let field = storage.first(.expect),
            bytes[field.value].equalsIgnoringCase("100-continue")
        else { throw RequestError(417, "unknown expectation") }
        head.expectsContinue = head.framing != .none
    }
}
