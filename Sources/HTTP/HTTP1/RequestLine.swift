import Core

/// Parses `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
enum RequestLine {
    /// The longest method that is looked at, in octets.
    static let methodLimit = 32
    /// Empty lines tolerated before the request line (RFC 9112 §2.2).
    static let emptyLineLimit = 2

    /// Steps over empty lines; false when the bytes end first.
    @inline(__always)
    static func skipEmptyLines(
        _ scanner: ByteScanner, _ cursor: inout Int
    ) throws(RequestError) -> Bool {
        var lines = 0
        while cursor < scanner.count, scanner[cursor] == 0x0d || scanner[cursor] == 0x0a {
            guard try FieldSection.endOfLine(scanner, &cursor) else { return false }
            lines += 1
            guard lines <= emptyLineLimit else { throw .badRequest("too many empty lines") }
        }
        return cursor < scanner.count
    }

    /// Parses the line at `cursor`; false when the bytes end first.
    @inline(__always)
    static func parse(
        _ scanner: ByteScanner, _ bytes: ByteView, _ cursor: inout Int, _ limits: HeadLimits,
        into head: inout RequestHead
    ) throws(RequestError) -> Bool {
        let count = scanner.count
        let methodEnd = scanner.endOfToken(from: cursor)
        guard methodEnd - cursor <= methodLimit else {
            throw RequestError(501, "method too long")
        }
        guard methodEnd < count else { return false }
        guard methodEnd > cursor, scanner[methodEnd] == 0x20 else {
            throw .badRequest("bad method")
        }
        head.start = cursor
        head.methodRange = ByteRange(from: cursor, to: methodEnd)
        let targetStart = methodEnd + 1
        let targetEnd = scanner.endOfVisible(from: targetStart)
        guard targetEnd - targetStart <= limits.targetBytes else {
            throw RequestError(414, "target too long")
        }
        guard targetEnd < count else { return false }
        guard targetEnd > targetStart, scanner[targetEnd] == 0x20 else {
            throw .badRequest("bad request target")
        }
        head.target = ByteRange(from: targetStart, to: targetEnd)
        guard try parseVersion(scanner, at: targetEnd + 1, into: &head) else { return false }
        cursor = targetEnd + 9
        guard try FieldSection.endOfLine(scanner, &cursor) else { return false }
        head.fieldsStart = cursor
        head.method = Method(bytes[head.methodRange])
        try splitTarget(bytes, into: &head)
        return true
    }

    /// Reads the eight bytes of `HTTP/1.1` or `HTTP/1.0`; false when the bytes end first.
    @inline(__always)
    private static func parseVersion(
        _ scanner: ByteScanner, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Bool {
        let name: StaticString = "HTTP/"
        let expected = ByteView(name)
        var index = 0
        while index < 8 {
            guard start + index < scanner.count else { return false }
            let byte = scanner[start + index]
            let matches =
                index < 5 ? byte == expected[index] : index == 6 ? byte == 0x2e : byte.isDigit
            guard matches else { throw .badRequest("bad HTTP version") }
            index &+= 1
        }
        guard scanner[start + 5] == 0x31, scanner[start + 7] <= 0x31 else {
            throw RequestError(505, "HTTP version not supported")
        }
        head.isHTTP11 = scanner[start + 7] == 0x31
        return true
    }

    /// Tells the form of the target, and where authority, path and query are.
    @inline(__always)
    private static func splitTarget(
        _ bytes: ByteView, into head: inout RequestHead
    ) throws(RequestError) {
        let target = bytes[head.target]
        if head.method == .connect || head.method == .trace {
            throw RequestError(405, "CONNECT and TRACE are not offered")
        }
        var pathStart = 0
        if target[0] == 0x2f {
            head.form = .origin
        } else if target[0] == 0x2a {
            guard target.count == 1, head.method == .options else {
                throw .badRequest("asterisk-form without OPTIONS")
            }
            head.form = .asterisk
            return
        } else {
            pathStart = try splitAuthority(target, into: &head)
        }
        var queryStart = pathStart
        while queryStart < target.count, target[queryStart] != 0x3f { queryStart &+= 1 }
        let base = Int(head.target.start)
        head.path = ByteRange(from: base + pathStart, to: base + queryStart)
        head.query = ByteRange(from: base + queryStart, to: head.target.end)
    }

    /// Reads scheme and authority of an absolute-form target; returns where its path begins.
    private static func splitAuthority(
        _ target: ByteView, into head: inout RequestHead
    ) throws(RequestError) -> Int {
        let scheme: Int
        if target.count >= 7, target.prefix(7).equalsIgnoringCase("http://") {
            scheme = 7
        } else if target.count >= 8, target.prefix(8).equalsIgnoringCase("https://") {
            scheme = 8
        } else {
            throw .badRequest("target in no accepted form")
        }
        var end = scheme
        while end < target.count, target[end] != 0x2f, target[end] != 0x3f, target[end] != 0x23 {
            end &+= 1
        }
        head.form = .absolute
        head.authority = ByteRange(
            start: Int(head.target.start) + scheme, count: end - scheme)
        guard HostName(target[ByteRange(from: scheme, to: end)]) != nil else {
            throw .badRequest("bad authority in the target")
        }
        if end < target.count, target[end] == 0x23 { throw .badRequest("fragment in the target") }
        return end
    }
}
