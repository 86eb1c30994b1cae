public import Authorization
public import Core
public import HTTP

/// A question to an authorizer's service, and its answer, as a pure state machine: events in, the
/// next step out. It owns the bytes that are sent, never a connection.
///
///     waiting ──ready──▶ asking ──received──▶ done
///        ▲                 └──the reused connection was dead──▶ waiting (a fresh one)
///        └── a connect failed: another member
public struct AuthorizerExchange: ~Copyable {
    /// What is to be done after an event.
    public enum Step: Equatable {
        /// Nothing yet.
        case goesOn
        /// Let the connection go, which is dead, and take a fresh one.
        case retry
        /// The service has answered; its connection may carry another question.
        case answered(AuthorizerReply, isReusable: Bool)
        /// There is no answer; why, for the log.
        case failed(Failure)
    }

    /// Why there is no answer.
    public enum Failure: Equatable, Sendable {
        case noConnection, timeout, reset, malformed, tooLarge, unavailable

        /// What the log says.
        public var detail: StaticString {
            switch self {
            case .noConnection: "no connection to the authorizer's service"
            case .timeout: "the authorizer's service did not answer in time"
            case .reset: "the authorizer's service closed the connection"
            case .malformed: "the authorizer's service sent no HTTP response"
            case .tooLarge: "the answer of the authorizer's service is too large"
            case .unavailable: "no place for a question to the authorizer"
            }
        }
    }

    /// Bytes of an answer's body.
    public static var bodyLimit: Int { 65_536 }
    /// Connections that are tried, if those before were dead when they were to be used again.
    private static var attemptLimit: Int { 3 }

    private enum Phase {
        case head
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case done
    }

    /// What is sent.
    public private(set) var question: QuestionBytes
    private let method: Method
    private var phase = Phase.head
    /// The bytes of a head that came in pieces.
    private var received: [UInt8] = []
    /// Whether anything came of an answer.
    private var hasReceived = false
    private var reply = AuthorizerReply(status: 0)
    private var bodyCount = 0
    private var keepsBody = true
    private var keepsAlive = false
    private var isReused = false
    /// Whether a send refers to the question's bytes.
    public private(set) var isSending = false
    private var attempts = 0

    /// The exchange of `question`, the method of which is HEAD or another.
    public init(question: QuestionBytes, isHead: Bool) {
        self.question = question
        method = isHead ? .head : .get
    }

    /// The question has moved, since an unfinished send still refers to where it was.
    public mutating func move(to question: QuestionBytes) {
        self.question = question
        isSending = false
    }

    /// There is a connection, on which the question is being sent; `isReused` when it carried
    /// another before.
    public mutating func ready(isReused: Bool) {
        self.isReused = isReused
        isSending = true
        attempts += 1
    }

    /// The send is done: `code` is its size, or `-errno`.
    public mutating func sent(code: Int32) -> Step {
        isSending = false
        return code < 0 ? ended() : .goesOn
    }

    /// Bytes came for `authorizer`. All are taken.
    public mutating func received(
        _ bytes: ByteView, for authorizer: ExternalAuthorizer, limits: HeadLimits,
        _ fields: inout HeadStorage
    ) -> Step {
        guard case .head = phase else { return receivedBody(bytes) }
        hasReceived = hasReceived || bytes.count > 0
        guard !received.isEmpty else { return readHead(bytes, authorizer, limits, &fields) }
        unsafe received.append(contentsOf: bytes.raw)
        let all = received
        return unsafe all.withUnsafeBytes { raw in
            unsafe readHead(ByteView(raw), authorizer, limits, &fields)
        }
    }

    /// Reads what there is of a head, and keeps what is of none that is whole: interim responses
    /// may be many.
    private mutating func readHead(
        _ bytes: ByteView, _ authorizer: ExternalAuthorizer, _ limits: HeadLimits,
        _ fields: inout HeadStorage
    ) -> Step {
        var rest = bytes
        do throws(ResponseError) {
            while true {
                let parsed = try ResponseParser.parse(
                    rest, method: method, limits: limits, into: &fields)
                guard case .complete(let head) = parsed else {
                    if rest.count != received.count { received = rest.array }
                    return .goesOn
                }
                guard head.status != 101 else { return fail(.malformed) }
                if !head.isInformational {
                    reply = authorizer.reply(head, in: rest, fields)
                    keepsBody = authorizer.readsBody(ofStatus: head.status)
                    keepsAlive = head.keepAlive
                    return begin(head.framing, rest.dropFirst(head.headLength))
                }
                rest = rest.dropFirst(head.headLength)
            }
        } catch {
            return fail(.malformed)
        }
    }

    private mutating func begin(_ framing: BodyFraming, _ rest: ByteView) -> Step {
        received = []
        switch framing {
        case .none: phase = .length(0)
        case .contentLength(let count):
            guard count <= UInt64(Self.bodyLimit) else { return fail(.tooLarge) }
            phase = .length(Int(count))
        case .chunked: phase = .chunked(ChunkedDecoder())
        case .untilClose: phase = .untilClose
        }
        return receivedBody(rest)
    }

    private mutating func receivedBody(_ bytes: ByteView) -> Step {
        switch phase {
        case .head, .done: return .goesOn
        case .untilClose: take(bytes)
        case .length(let count):
            let left = count - bodyCount
            take(bytes.prefix(min(left, bytes.count)))
            if bodyCount == count {
                return finish(isReusable: keepsAlive && bytes.count <= left)
            }
        case .chunked(var decoder):
            var taken = 0
            do throws(ChunkedError) {
                while taken < bytes.count {
                    let rest = bytes.dropFirst(taken)
                    switch try decoder.decode(rest) {
                    case .data(let range):
                        take(rest[range])
                        taken += range.end
                    case .needMore(let consumed): taken += consumed
                    case .finished(let consumed):
                        return finish(isReusable: keepsAlive && taken + consumed == bytes.count)
                    }
                    guard bodyCount <= Self.bodyLimit else { break }
                }
            } catch {
                return fail(.malformed)
            }
            phase = .chunked(decoder)
        }
        return bodyCount > Self.bodyLimit ? fail(.tooLarge) : .goesOn
    }

    private mutating func take(_ bytes: ByteView) {
        bodyCount += bytes.count
        if keepsBody { unsafe reply.body.append(contentsOf: bytes.raw) }
    }

    /// The connection ended (`isClean`), or failed.
    public mutating func ended(isClean: Bool = false) -> Step {
        switch phase {
        case .done: return .goesOn
        case .untilClose where isClean: return finish(isReusable: false)
        case .head where !hasReceived && isReused && attempts < Self.attemptLimit:
            // It was closed before the question came.
            return .retry
        case .head, .length, .chunked, .untilClose: return fail(.reset)
        }
    }

    private mutating func finish(isReusable: Bool) -> Step {
        phase = .done
        return .answered(reply, isReusable: isReusable && !isSending)
    }

    private mutating func fail(_ failure: Failure) -> Step {
        phase = .done
        return .failed(failure)
    }
}
