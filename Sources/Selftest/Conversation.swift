/// What came back for one probe.
public struct Conversation: Sendable {
    /// How it ended.
    public enum End: Equatable, Sendable {
        /// As many answers as the probe has requests.
        case answered
        /// The gateway closed the connection, or broke it off with a TLS alert.
        case closed(reason: String)
        /// The time was up.
        case timeout
        /// No TLS connection came about, so nothing was asked.
        case noConnection(reason: String)
    }

    /// Everything that was received.
    public let bytes: [UInt8]
    /// How it ended.
    public let end: End

    /// A conversation that brought `bytes`.
    public init(_ bytes: [UInt8], _ end: End) {
        self.bytes = bytes
        self.end = end
    }

    /// The answers, interim ones left out; the last may end with the connection.
    var answers: [Answer] {
        var isAtEnd = false
        if case .closed = end { isAtEnd = true }
        return Answer.all(in: bytes, isAtEnd: isAtEnd)
    }

    /// Whether `bytes` hold `count` whole answers, or the last one there can be.
    public static func isComplete(_ bytes: [UInt8], _ count: Int) -> Bool {
        let answers = Answer.all(in: bytes, isAtEnd: false)
        return answers.count >= count || answers.last?.status == 101
    }
}

/// An HTTP/1 response, read leniently: it may be anybody's.
struct Answer: Equatable {
    let status: Int
    let body: [UInt8]

    /// The whole responses at the front of `bytes`; a body without a length ends `isAtEnd`.
    static func all(in bytes: [UInt8], isAtEnd: Bool) -> [Answer] {
        var answers: [Answer] = []
        var rest = bytes[...]
        while let (answer, left) = first(in: rest, isAtEnd: isAtEnd) {
            rest = left
            guard !(100..<200).contains(answer.status) || answer.status == 101 else { continue }
            answers.append(answer)
            if answer.status == 101 { break }
        }
        return answers
    }

    private static func first(
        in bytes: ArraySlice<UInt8>, isAtEnd: Bool
    ) -> (Answer, ArraySlice<UInt8>)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            return nil
        }
        let rest = bytes[end.upperBound...]
        if status < 200 || status == 204 || status == 304 {
            return (Answer(status: status, body: []), rest)
        }
        if value(of: "transfer-encoding", in: lines)?.lowercased() == "chunked" {
            guard let (body, left) = chunks(rest) else { return nil }
            return (Answer(status: status, body: body), left)
        }
        if let length = value(of: "content-length", in: lines).flatMap({ Int($0) }) {
            guard length >= 0, rest.count >= length else { return nil }
            return (
                Answer(status: status, body: Array(rest.prefix(length))), rest.dropFirst(length)
            )
        }
        return isAtEnd ? (Answer(status: status, body: Array(rest)), rest.suffix(0)) : nil
    }

    private static func value(of name: String, in lines: [Substring]) -> String? {
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name
            else { continue }
            return line[line.index(after: colon)...].filter { $0 != " " }
        }
        return nil
    }

    private static func chunks(
        _ bytes: ArraySlice<UInt8>
    ) -> ([UInt8], ArraySlice<UInt8>)? {
        var (body, rest): ([UInt8], _) = ([], bytes)
        let newline: [UInt8] = [13, 10]
        while let end = rest.firstRange(of: newline) {
            let digits = rest[..<end.lowerBound].prefix { $0 != UInt8(ascii: ";") }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
            else { return nil }
            rest = rest[end.upperBound...]
            if size == 0 {
                // Trailers, up to an empty line.
                while let line = rest.firstRange(of: newline) {
                    let isEmpty = line.lowerBound == rest.startIndex
                    rest = rest[line.upperBound...]
                    if isEmpty { return (body, rest) }
                }
                return nil
            }
            guard rest.count - 2 >= size else { return nil }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return nil
    }
}
