internal import Core
internal import TLS

/// An authorizer function, and where it is invoked.
public struct FunctionOptions: Sendable {
    /// What the function is told, and what its answers mean.
    public var authorizer: LambdaAuthorizerOptions
    /// Where it is invoked; not by a signed request.
    public var target: LambdaTarget
    /// How serial numbers of certificates are written.
    public var serial = CertificateText.SerialStyle.decimal

    /// The function that `target` invokes.
    ///
    /// - Precondition: the target's requests are not signed.
    public init(_ authorizer: LambdaAuthorizerOptions, at target: LambdaTarget) {
        precondition(target.region == nil)
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
            let question = settings.target.request(event: event, at: now.wallSeconds)
            return .ask(ticket, question: question)
        }
    }

    mutating func purge(_ identity: Fingerprint?) { authorizer.purge(identity) }

    mutating func answered(
        _ ticket: DecisionTicket, _ reply: AuthorizerReply, now: Now
    ) -> (waiters: Waiters, answer: ExternalAnswer) {
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
        if case .failure = answer { return .function(answer, .failed, until: now.monotonic) }
        return .function(answer, .stale, until: now.monotonic)
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
            switch refusal {
            case .missingIdentity, .unauthorized, .implicitDeny, .explicitDeny, .nameTooLong:
                return ExternalDecision(.refuse(reply), from: source, until: until)
            case .configuration:
                return ExternalDecision(
                    .fail("the authorizer function's answer is malformed", reply), from: .failed,
                    until: until)
            case .failure:
                return ExternalDecision(
                    .fail("the authorizer function gave no answer", reply), from: .failed,
                    until: until)
            }
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
