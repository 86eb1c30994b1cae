internal import Core
internal import Crypto
internal import TLS

/// An authorizer function, and where it is invoked.
public struct FunctionOptions: Sendable {
    /// What the function is told, and what its answers mean.
    public var authorizer: LambdaAuthorizerOptions
    /// Where it is invoked.
    public var target: LambdaTarget
    /// How serial numbers of certificates are written.
    public var serial = CertificateText.SerialStyle.decimal

    /// The function that `target` invokes.
    public init(_ authorizer: LambdaAuthorizerOptions, at target: LambdaTarget) {
        self.authorizer = authorizer
        self.target = target
    }
}

/// Decisions by an authorizer function.
struct FunctionDecisions: ~Copyable {
    private let settings: FunctionOptions
    private let lifetime: Nanoseconds
    /// Whether what is decided holds for the very same request, too.
    private let isRepeatable: Bool
    private var authorizer: LambdaAuthorizer
    /// What requests are signed by; nil until the worker has said.
    var signing: RequestSigning?
    private var signer: SignatureV4?
    private var signerGeneration: Int?
    /// When the operator may be told again of each reason why the function is not invoked.
    private var told: [LambdaRefusal: Instant] = [:]
    private var notice: String?

    /// A reason is told of once in this time, however often it recurs.
    private static var noticePause: Nanoseconds { .seconds(60) }

    init(_ options: ExternalAuthorizerOptions, _ settings: FunctionOptions) {
        self.settings = settings
        var own = settings.authorizer
        own.cache = options.cache
        lifetime = min(options.cache.lifetime, DecisionCacheOptions.longestLifetime)
        isRepeatable = !own.mapping.isOfOneRequest
        authorizer = LambdaAuthorizer(own)
    }

    mutating func begin(
        _ request: AuthorizationRequest, _ scope: DecisionKey.Scope, deadline: Int64,
        waiter: UInt64, now: Now
    ) -> ExternalAuthorizer.Step {
        switch authorizer.authorize(
            request, scope, deadline: deadline, waiter: waiter, now: now)
        {
        case .decided(let outcome):
            return .decided(decision(outcome, from: .unasked, until: now.monotonic))
        case .known(let outcome, let until):
            return .decided(decision(outcome, from: .cache, until: until))
        case .wait(let ticket): return .wait(ticket)
        case .invoke(let ticket, let event):
            if let question = question(event, now) { return .ask(ticket, question: question) }
            // Nobody else waits for it yet.
            let told = authorizer.failed(ticket, .unsigned, now: now)
            return .decided(
                decision(
                    told.answer, on: request, from: Self.source(ofOld: told.answer),
                    until: now.monotonic))
        }
    }

    mutating func purge(_ identity: Fingerprint?) { authorizer.purge(identity) }

    /// The request that invokes the function; nil when it cannot be signed.
    private mutating func question(_ event: [UInt8], _ now: Now) -> [UInt8]? {
        guard let region = settings.target.region else {
            return settings.target.request(event: event, at: now.wallSeconds)
        }
        guard let signing, let credentials = signing.credentials,
            credentials.isValid(at: now.wallSeconds)
        else { return nil }
        if signerGeneration != signing.generation {
            signer = SignatureV4(credentials: credentials, region: region, service: "lambda")
            signerGeneration = signing.generation
        }
        signer?.prepare(at: now.wallSeconds)
        return settings.target.request(event: event, signer: signer, at: now.wallSeconds)
    }

    /// Notes what `reply` says of whether the function was invoked at all.
    private mutating func note(_ reply: AuthorizerReply, _ now: Now) {
        guard let refusal = settings.target.refusal(reply), let reason = refusal.failureReason
        else { return }
        if refusal == .forbidden, settings.target.region != nil { signing?.refuse() }
        guard now.monotonic >= told[refusal] ?? Instant(nanoseconds: 0) else { return }
        told[refusal] = now.monotonic + Self.noticePause
        // A word of AWS's, such as ExpiredTokenException; anything else may be of any length.
        let type =
            reply.values(ofField: "x-amzn-errortype").first?
            .prefix { $0.isASCII && $0.isLetter } ?? ""
        notice = "\(reason)" + (type.isEmpty ? "" : ": \(type.prefix(64))")
    }

    /// What the operator is to be told, once.
    mutating func takeNotice() -> String? {
        defer { notice = nil }
        return notice
    }

    mutating func answered(
        _ ticket: DecisionTicket, _ reply: AuthorizerReply, now: Now
    ) -> (waiters: Waiters, answer: ExternalAnswer) {
        note(reply, now)
        let told = authorizer.received(reply, from: settings.target, for: ticket, now: now)
        guard told.isFresh else { return (told.waiters, old(told.answer, now)) }
        return (told.waiters, .function(told.answer, .asked, until: now.monotonic + lifetime))
    }

    mutating func failed(
        _ ticket: DecisionTicket, now: Now
    ) -> (waiters: Waiters, answer: ExternalAnswer) {
        let told = authorizer.failed(ticket, now: now)
        return (told.waiters, old(told.answer, now))
    }

    /// An answer that stands in for one that did not come, or says that there is none.
    private func old(_ answer: LambdaAuthorizer.Answer, _ now: Now) -> ExternalAnswer {
        .function(answer, Self.source(ofOld: answer), until: now.monotonic)
    }

    private static func source(ofOld answer: LambdaAuthorizer.Answer) -> ExternalDecision.Source {
        if case .failure = answer { .failed } else { .stale }
    }

    func decision(
        _ answer: LambdaAuthorizer.Answer, on request: AuthorizationRequest,
        from source: ExternalDecision.Source, until: Instant
    ) -> ExternalDecision {
        decision(authorizer.outcome(answer, request), from: source, until: until)
    }

    mutating func withdraw(_ waiter: UInt64, from ticket: DecisionTicket) {
        authorizer.withdraw(waiter, from: ticket)
    }

    private func decision(
        _ outcome: LambdaAuthorizer.Outcome, from source: ExternalDecision.Source, until: Instant
    ) -> ExternalDecision {
        switch outcome {
        case .allow(_, let fields):
            return ExternalDecision(
                allowing: fields, from: source,
                until: isRepeatable ? until : Instant(nanoseconds: 0))
        case .refuse(let refusal):
            let reply = reply(refusal)
            guard let reason = refusal.failureReason else {
                return ExternalDecision(.refuse(reply), from: source, until: until)
            }
            return ExternalDecision(.fail(reason, reply), from: .failed, until: until)
        }
    }

    /// What API Gateway answers.
    private func reply(_ refusal: LambdaRefusal) -> AuthorizerReply {
        let isHTTP = settings.authorizer.api.format.isHTTP
        var fields = [AuthorizationRequest.Field("Content-Type", "application/json")]
        if let type = refusal.errorType(isHTTP: isHTTP) {
            fields.append(.init("x-amzn-ErrorType", "\(type)"))
        }
        return AuthorizerReply(
            status: refusal.status, fields: fields,
            body: Array("\(refusal.body(isHTTP: isHTTP))".utf8))
    }
}
