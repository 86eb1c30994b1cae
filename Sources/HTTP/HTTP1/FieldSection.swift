import Core

/// Parses field lines up to and including the empty line, for requests and responses alike.
enum FieldSection {
    /// Parses from `cursor` on; false when the bytes end first.
    @inline(__always)
    static func parse(
        _ scanner: ByteScanner, _ cursor: inout Int, limit: Int, into storage: inout HeadStorage
    ) throws(RequestError) -> Bool {
        let count = scanner.count
        let limit = min(limit, storage.capacity)
        while cursor < count {
            let start = cursor
            var nameEnd = scanner.endOfPlainName(from: start)
            let isPlain = nameEnd < count && scanner[nameEnd] == 0x3a && nameEnd > start
            if !isPlain {
                if nameEnd == start, scanner[start] == 0x0d || scanner[start] == 0x0a {
                    return try endOfLine(scanner, &cursor)
                }
                nameEnd = scanner.endOfToken(from: nameEnd)
                guard nameEnd < count else { return false }
                guard nameEnd > start, scanner[nameEnd] == 0x3a else {
                    throw nameError(scanner, start: start, end: nameEnd)
                }
            }
            var valueStart = nameEnd &+ 1
            while valueStart < count, scanner[valueStart] == 0x20 || scanner[valueStart] == 0x09 {
                valueStart &+= 1
            }
            let end = scanner.endOfFieldValue(from: valueStart)
            cursor = end
            guard try endOfLine(scanner, &cursor) else { return false }
            guard storage.count < limit else { throw RequestError(431, "too many fields") }
            var valueEnd = end
            while valueEnd > valueStart,
                scanner[valueEnd &- 1] == 0x20 || scanner[valueEnd &- 1] == 0x09
            {
                valueEnd &-= 1
            }
            let id: FieldName =
                isPlain ? .interned(scanner, at: start, count: nameEnd &- start) : .other
            storage.append(
                Field(
                    line: ByteRange(from: start, to: cursor), nameCount: nameEnd &- start,
                    value: ByteRange(from: valueStart, to: valueEnd), id: id,
                    hasPlainName: isPlain))
        }
        return false
    }

    /// Steps over a CRLF at `cursor`; false when the bytes end first.
    @inline(__always)
    static func endOfLine(
        _ scanner: ByteScanner, _ cursor: inout Int
    ) throws(RequestError) -> Bool {
        guard cursor < scanner.count else { return false }
        guard scanner[cursor] == 0x0d else {
            throw .badRequest(
                scanner[cursor] == 0x0a ? "bare LF" : "control character in a line")
        }
        guard cursor + 1 < scanner.count else { return false }
        guard scanner[cursor + 1] == 0x0a else { throw .badRequest("bare CR") }
        cursor &+= 2
        return true
    }

    private static func nameError(_ scanner: ByteScanner, start: Int, end: Int) -> RequestError {
        let isSpace = scanner[end] == 0x20 || scanner[end] == 0x09
        if end == start {
            return .badRequest(isSpace ? "line begins with white space" : "bad field name")
        }
        return .badRequest(isSpace ? "white space before the colon" : "bad field name")
    }
}
