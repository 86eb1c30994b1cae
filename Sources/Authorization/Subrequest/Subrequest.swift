public import Core
public import HTTP

/// Builds the question, and reads the answer.
///
/// Both are made of bytes, since a question may be asked for each request: what is the same for all
/// is put together once, and shared.
public final class Subrequest: Sendable {
    /// What becomes of the request that is asked about.
    public enum Outcome: Equatable, Sendable {
        /// It may pass, with these complete lines.
        case allow(lines: [UInt8])
        /// It may not: the client gets the service's answer.
        case refuse(AuthorizerReply)
        /// The service failed, or said something that is no answer.
        case failure
        /// The service answered by a status below 500 that is none of these, such as 404 or 429.
        /// What the client sent may have brought that about, so it never lets a request pass.
        case unexpected
    }

    private let method: [UInt8]?
    private let target: [UInt8]?
    /// The end of the request line, and Host.
    private let host: [UInt8]
    /// Names that the service gets; nil for all.
    private let forwarded: AliasSet?
    /// Bits (`FieldName.bit`) of the known names that it gets.
    private let forwardedKnown: UInt64
    private let copied: [[UInt8]]
    private let passed: [[UInt8]]
    private let passedStatuses: [UInt16]

    /// Questions as `options` have it.
    public init(_ options: SubrequestOptions) {
        method = options.method.map { Array($0.utf8) }
        target = options.target.map { Array($0.utf8) }
        host = Array(" HTTP/1.1\r\nHost: \(options.host)\r\n".utf8)
        let chosen = options.forwardedFields.map { AliasSet($0) }
        forwarded = chosen
        copied = options.copiedFields.map { Array($0.utf8) }
        passed = options.passedFields.map { Array($0.utf8) }
        passedStatuses = options.passedStatuses
        forwardedKnown = FieldName.allCases.reduce(0) { known, name in
            name != .other && Self.mayForward(ByteView(name.text), chosen)
                ? known | name.bit : known
        }
    }

    // MARK: The question

    /// Fields that are about a connection or a body of which the service gets nothing, what only we
    /// say of a request, and what would have the service encode a body whose encoding the client
    /// is not told.
    private static let withheld = AliasSet([
        "host", "connection", "content-length", "transfer-encoding", "content-encoding",
        "content-type", "expect", "te", "trailer", "upgrade", "keep-alive", "proxy-connection",
        "accept-encoding", "range", "if-match", "if-none-match", "if-modified-since",
        "if-unmodified-since", "if-range", "forwarded", "x-real-ip",
    ])
    /// Families of which we say everything.
    private static let ours = AliasSet(["x-forwarded-", "x-original-"])

    private static func mayForward(_ name: ByteView, _ chosen: AliasSet?) -> Bool {
        guard !withheld.contains(name), !ours.containsPrefix(of: name) else { return false }
        return chosen?.contains(name) ?? true
    }

    @inline(__always)
    private func isForwarded(_ field: Field, _ bytes: ByteView) -> Bool {
        guard field.isTold else { return false }
        guard field.id == .other else { return forwardedKnown & field.id.bit != 0 }
        return Self.mayForward(bytes[field.name], forwarded)
    }

    /// Appends the question about `asked` to `question`; `fields` are its screened fields.
    ///
    /// The body is not sent. `X-Forwarded-*` and `X-Original-*` are ours alone, whatever the client
    /// or a hop before us said (S28).
    ///
    /// - Returns: whether it fits.
    public func append(
        _ asked: AskedRequest, _ fields: borrowing HeadStorage, to question: inout Buffer
    ) -> Bool {
        let (path, query) = Self.whole(asked)
        if let method { Self.put(method, &question) } else { question.append(asked.method) }
        question.append(ByteView(" "))
        if let target {
            Self.put(target, &question)
        } else {
            question.append(path)
            question.append(query)
        }
        Self.put(host, &question)
        appendFields(asked.bytes, fields, to: &question)
        question.append(ByteView("X-Forwarded-Method: "))
        question.append(asked.method)
        question.append(ByteView("\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "))
        question.append(asked.host)
        question.append(ByteView("\r\nX-Forwarded-Uri: "))
        question.append(path)
        question.append(query)
        question.append(ByteView("\r\nX-Forwarded-For: "))
        question.append(asked.source)
        question.append(ByteView("\r\nX-Original-Method: "))
        question.append(asked.method)
        question.append(ByteView("\r\nX-Original-URI: "))
        question.append(path)
        question.append(query)
        question.append(ByteView("\r\n"))
        question.append(asked.identityLines)
        question.append(ByteView("Content-Length: 0\r\n\r\n"))
        // What did not fit left no room.
        return question.available > 0
    }

    /// Path and query, the latter with its `?` unless it is empty.
    private static func whole(_ asked: AskedRequest) -> (ByteView, ByteView) {
        let path = asked.path
        let query = asked.head.query.count > 1 ? asked.bytes[asked.head.query] : .empty
        return (path.isEmpty ? ByteView("/") : path, query)
    }

    /// Appends the request's own fields, each as `name: value`: those that were sent so at once,
    /// as far as they stand together.
    private func appendFields(
        _ bytes: ByteView, _ fields: borrowing HeadStorage, to question: inout Buffer
    ) {
        var run = ByteRange.empty
        var index = 0
        while index < fields.count {
            let field = fields[index]
            index &+= 1
            guard isForwarded(field, bytes) else { continue }
            let isPlain =
                field.line.count == field.name.count + field.value.count + 4
                && Int(field.value.start) == field.name.end + 2 && bytes[field.name.end + 1] == 0x20
            if isPlain, !run.isEmpty, run.end == Int(field.line.start) {
                run.count &+= field.line.count
                continue
            }
            question.append(bytes[run])
            run = isPlain ? field.line : .empty
            guard !isPlain else { continue }
            question.append(bytes[field.name])
            question.append(ByteView(": "))
            question.append(bytes[field.value])
            question.append(ByteView("\r\n"))
        }
        question.append(bytes[run])
    }

    private static func put(_ bytes: [UInt8], _ question: inout Buffer) {
        unsafe bytes.withUnsafeBytes { _ = unsafe question.append(ByteView($0)) }
    }

    // MARK: The answer

    /// What matters of an answer with `head`, whose bytes are `bytes`: its status, and the fields
    /// that are listed for it, spelt and ordered as the list has them.
    public func reply(
        _ head: ResponseHead, in bytes: ByteView, _ fields: borrowing HeadStorage
    ) -> AuthorizerReply {
        var reply = AuthorizerReply(status: head.status)
        if isPassed(head.status) {
            Self.take(passed, bytes, fields, into: &reply)
        } else if Self.isSuccess(head.status) {
            Self.take(copied, bytes, fields, into: &reply)
        }
        return reply
    }

    private static func take(
        _ names: [[UInt8]], _ bytes: ByteView, _ fields: borrowing HeadStorage,
        into reply: inout AuthorizerReply
    ) {
        for name in names {
            unsafe name.withUnsafeBytes { raw in
                let name = unsafe ByteView(raw)
                for index in 0..<fields.count {
                    let field = fields[index]
                    guard MappedName.isSame(bytes[field.name], name) else { continue }
                    if reply.lines.isEmpty { reply.lines.reserveCapacity(512) }
                    reply.append(name, bytes[field.value])
                }
            }
        }
    }

    /// Whether the client gets an answer with `status`, and its body.
    public func isPassed(_ status: UInt16) -> Bool { passedStatuses.contains(status) }

    private static func isSuccess(_ status: UInt16) -> Bool { (200..<300).contains(status) }

    /// What a `reply` means that `reply` has made.
    public func outcome(_ reply: AuthorizerReply) -> Outcome {
        if isPassed(reply.status) { return .refuse(reply) }
        guard Self.isSuccess(reply.status) else {
            return reply.status < 500 ? .unexpected : .failure
        }
        guard Self.areLegal(reply.lines) else { return .failure }
        return .allow(lines: reply.lines)
    }

    /// Whether a request can carry `lines` as they are. Line breaks only end lines: a head has no
    /// others.
    private static func areLegal(_ lines: [UInt8]) -> Bool {
        lines.allSatisfy { (0x20...0x7e).contains($0) || $0 == 0x0d || $0 == 0x0a }
    }
}
