internal import CCurl
internal import Core

/// One request on its way, and what has come back of its answer.
@safe
final class Transfer {
    /// How it ended, and the library's word for that.
    struct End {
        let outcome: CCURL_outcome
        let words: String
    }

    // Invariant: what is allocated lives from here to `deinit`, and by then `easy` is in no multi
    // handle.
    let easy: OpaquePointer
    private var lines: OpaquePointer?
    private let errors: UnsafeMutablePointer<CChar>
    private let body: UnsafeMutablePointer<UInt8>
    private let limit: Int
    private var answer = FetchAnswer(status: 0, fields: [], body: [])
    private var headBytes = 0
    private var isHeadComplete = false
    private var isTooLarge = false

    /// Most bytes of an answer's head, interim answers included.
    private static let headLimit = 65_536
    private static let errorBytes = Int(CCURL_errorBytes)

    init(_ request: FetchRequest) throws(FetchError) {
        try Self.screen(request)
        guard let easy = unsafe CCURL_easy_open() else {
            throw FetchError(.broken, "libcurl takes no transfer")
        }
        unsafe self.easy = easy
        limit = request.limit
        unsafe errors = .allocate(capacity: Self.errorBytes)
        unsafe errors.initialize(repeating: 0, count: Self.errorBytes)
        unsafe body = .allocate(capacity: max(request.body.count, 1))
        for (index, byte) in request.body.enumerated() { unsafe body[index] = byte }
        guard apply(request) else {
            throw FetchError(.request, "\(request.url) is nothing that can be fetched")
        }
    }

    deinit {
        unsafe CCURL_easy_close(easy)
        unsafe CCURL_list_free(lines)
        unsafe errors.deallocate()
        unsafe body.deallocate()
    }

    /// What would be another request than it seems.
    private static func screen(_ request: FetchRequest) throws(FetchError) {
        let texts = [request.url, request.method] + request.fields.flatMap { [$0.name, $0.value] }
        guard texts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }) else {
            throw FetchError(.request, "the request has a control character in it")
        }
    }

    // MARK: Request

    private func apply(_ request: FetchRequest) -> Bool {
        var isSet = unsafe CCURL_set_rules(easy) == 0 && CCURL_set_url(easy, request.url) == 0
        for field in request.fields {
            // Without a value the library would take the field for one to be left out.
            isSet =
                isSet && append("\(field.name)\(field.value.isEmpty ? ";" : ": \(field.value)")")
        }
        if request.method != "GET" {
            // The library's own guess at the type, and a wait before the body, are left out.
            if !request.fields.contains(where: { $0.name.lowercased() == "content-type" }) {
                isSet = isSet && append("Content-Type:")
            }
            isSet =
                unsafe isSet && append("Expect:")
                && CCURL_set_body(easy, body, request.body.count) == 0
                && CCURL_set_method(easy, request.method) == 0
        }
        if let path = request.authorities {
            isSet = unsafe isSet && CCURL_set_authorities(easy, path) == 0
        }
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        return unsafe isSet && CCURL_set_fields(easy, lines) == 0
            && CCURL_set_limit(easy, request.limit) == 0 && CCURL_set_errors(easy, errors) == 0
            && CCURL_set_timeouts(
                easy, Self.milliseconds(request.connectTimeout), Self.milliseconds(request.timeout))
                == 0
            && CCURL_set_sinks(easy, Self.takeBody, Self.takeHead, context) == 0
    }

    private func append(_ line: String) -> Bool {
        guard let longer = unsafe CCURL_list_append(lines, line) else { return false }
        unsafe lines = longer
        return true
    }

    /// At least 1, for 0 is no limit.
    private static func milliseconds(_ length: Nanoseconds) -> Int {
        Int(clamping: max(length.count / 1_000_000, 1))
    }

    // MARK: Answer

    private static let takeBody: CCURL_sink = { bytes, size, count, context in
        guard let transfer = unsafe transfer(context) else { return 0 }
        let taken = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        return unsafe transfer.receiveBody(taken) ? taken.count : 0
    }

    private static let takeHead: CCURL_sink = { bytes, size, count, context in
        guard let transfer = unsafe transfer(context) else { return 0 }
        let taken = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        return unsafe transfer.receiveHead(taken) ? taken.count : 0
    }

    private static func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        isTooLarge = isTooLarge || bytes.count > limit - answer.body.count
        guard !isTooLarge else { return false }
        unsafe answer.body += bytes
        return true
    }

    /// Takes one line of a head: the status line, a field, or the empty line at the end.
    private func receiveHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headBytes += bytes.count
        isTooLarge = isTooLarge || headBytes > Self.headLimit
        guard !isTooLarge else { return false }
        // What comes after the body is a trailer, and nothing we go by.
        guard !isHeadComplete else { return true }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            answer.fields = []
        } else if let colon = line.firstIndex(of: ":") {
            answer.fields.append(
                (Self.trimmed(line[..<colon]), Self.trimmed(line[line.index(after: colon)...])))
        } else if Self.trimmed(line[...]).isEmpty {
            // An interim answer (1xx) is followed by another one.
            isHeadComplete = unsafe CCURL_easy_status(easy) >= 200
        }
        return true
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0.isWhitespace }
        let start = text.drop(while: isBlank)
        return String(
            start.prefix(
                upTo: start.lastIndex { !isBlank($0) }.map(start.index(after:))
                    ?? start.startIndex))
    }

    /// The whole answer, or why there is none.
    func finish(_ end: End) throws(FetchError) -> FetchAnswer {
        let kind: FetchError.Kind
        switch end.outcome {
        case CCURL_OK:
            answer.status = unsafe CCURL_easy_status(easy)
            return answer
        case CCURL_UNRESOLVED: kind = .unresolved
        case CCURL_UNREACHABLE: kind = .unreachable
        case CCURL_TIMED_OUT: kind = .timeout
        case CCURL_UNTRUSTED: kind = .untrusted
        case CCURL_TOO_LARGE: kind = .tooLarge
        default: kind = isTooLarge ? .tooLarge : .broken
        }
        guard kind != .tooLarge else { throw FetchError(kind, "more than \(limit) bytes") }
        let details = unsafe String(cString: errors)
        throw FetchError(kind, details.isEmpty ? end.words : details)
    }
}
