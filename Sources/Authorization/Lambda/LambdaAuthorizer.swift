public import Core
public import TLS

/// An authorizer function as it is configured.
public struct LambdaAuthorizerOptions: Sendable {
    /// The API that the function believes it belongs to.
    public var api: LambdaAPI
    /// By what the function knows the client. Without any, an answer is kept for one request's
    /// equals only.
    public var identitySources: IdentitySources
    /// Fields that a request gets by the answer.
    public var mapping: FieldMapping
    /// How answers are kept.
    public var cache = DecisionCacheOptions()

    /// The function of `api`.
    public init(api: LambdaAPI, identitySources: IdentitySources, mapping: FieldMapping) {
        self.api = api
        self.identitySources = identitySources
        self.mapping = mapping
    }
}

/// Decides on requests by the answers of an authorizer function. Whoever has connections invokes
/// it; nothing here does.
///
///     authorize ──▶ decided
///               ├─▶ invoke: send the event; then received or failed
///               └─▶ wait
///     received, failed ──▶ who waited, and what `outcome` makes of it for each of their requests
public struct LambdaAuthorizer: ~Copyable {
    /// An answer, or why there is none: the same for all who waited for it.
    public typealias Answer = Result<LambdaAnswer, LambdaRefusal>

    /// What becomes of a request.
    public enum Outcome: Equatable, Sendable {
        /// It may pass, with these fields.
        case allow(principal: String, fields: [AuthorizationRequest.Field])
        /// It may not.
        case refuse(LambdaRefusal)
    }

    /// What is to be done for a request.
    public enum Step: Equatable, Sendable {
        /// Nothing more.
        case decided(Outcome)
        /// Nothing more: the function's answer is known, until then.
        case known(Outcome, until: Instant)
        /// Invoke the function with the event, and report under the ticket.
        case invoke(DecisionCache<Answer>.Ticket, event: [UInt8])
        /// Wait: somebody asks the same.
        case wait(DecisionCache<Answer>.Ticket)
    }

    private let options: LambdaAuthorizerOptions
    private var cache: DecisionCache<Answer>

    /// An authorizer that knows no answer yet.
    public init(_ options: LambdaAuthorizerOptions) {
        self.options = options
        cache = DecisionCache(options.cache)
    }

    /// What the cache has done so far.
    public var statistics: DecisionCacheStatistics { cache.statistics }

    /// Begins to decide on `request`; `scope` says who asks, `deadline` is the last second of the
    /// client's certificate, `waiter` who is told when the function has answered.
    public mutating func authorize(
        _ request: AuthorizationRequest, _ scope: DecisionKey.Scope, deadline: Int64,
        waiter: UInt64, now: Now
    ) -> Step {
        guard let sources = options.identitySources.values(MappingInput(request, options.api))
        else { return .decided(.refuse(.missingIdentity)) }
        guard
            let event = LambdaEvent.encode(request, options.api, identitySources: sources)
        else { return .decided(.refuse(.nameTooLong)) }
        switch cache.find(
            key(request, scope, sources), scope, deadline: deadline, waiter: waiter, now: now)
        {
        case .hit(let answer, let until): return .known(outcome(answer, request), until: until)
        case .ask(let ticket): return .invoke(ticket, event: event)
        case .wait(let ticket): return .wait(ticket)
        case .full: return .decided(.refuse(.failure))
        }
    }

    /// A policy is asked again for each request, so what the function knows the client by is
    /// enough; `isAuthorized` is about one request, and so is an answer without sources (S27).
    private func key(
        _ request: AuthorizationRequest, _ scope: DecisionKey.Scope, _ sources: [String]
    ) -> DecisionKey {
        options.api.format == .http2Simple || sources.isEmpty
            ? DecisionKey(scope, request) : DecisionKey(scope, identitySources: sources)
    }

    /// The function has answered by `reply`.
    ///
    /// - Returns: who waits, what `outcome` needs to decide on their requests, and whether that is
    ///   what the function says now.
    public mutating func received(
        _ reply: AuthorizerReply, from target: LambdaTarget,
        for ticket: DecisionCache<Answer>.Ticket, now: Now
    ) -> (waiters: Waiters, answer: Answer, isFresh: Bool) {
        do throws(LambdaAnswer.Problem) {
            let answer = try target.answer(reply, format: options.api.format)
            let isRefusal = answer.rule == .simple(isAuthorized: false)
            let waiters = cache.answered(ticket, .success(answer), isRefusal: isRefusal, now: now)
            return (waiters, .success(answer), true)
        } catch {
            guard error == .unauthorized else {
                let refusal = target.refusal(reply) ?? LambdaRefusal(error)
                let (waiters, answer) = failed(ticket, refusal, now: now)
                return (waiters, answer, false)
            }
            let answer = Answer.failure(.unauthorized)
            return (cache.answered(ticket, answer, isRefusal: true, now: now), answer, true)
        }
    }

    /// The function could not be invoked, or took too long.
    ///
    /// - Returns: who waits, and the refusal, or an old answer that may stand in for one (S29).
    public mutating func failed(
        _ ticket: DecisionCache<Answer>.Ticket, _ refusal: LambdaRefusal = .failure, now: Now
    ) -> (waiters: Waiters, answer: Answer) {
        let (waiters, stale) = cache.failed(ticket, now: now)
        return (waiters, stale ?? .failure(refusal))
    }

    /// The request of `waiter` is over.
    public mutating func withdraw(
        _ waiter: UInt64, from ticket: DecisionCache<Answer>.Ticket
    ) {
        cache.withdraw(waiter, from: ticket)
    }

    /// Forgets everything about a certificate; nil for all of them.
    public mutating func purge(_ identity: Fingerprint?) {
        if let identity { cache.purge(identity: identity) } else { cache.purgeAll() }
    }

    /// What `answer` means for `request`.
    public func outcome(_ answer: Answer, _ request: AuthorizationRequest) -> Outcome {
        let found: LambdaAnswer
        switch answer {
        case .failure(let refusal): return .refuse(refusal)
        case .success(let answer): found = answer
        }
        guard let resource = options.api.resourceName(of: request) else {
            return .refuse(.nameTooLong)
        }
        if let refusal = LambdaRefusal(found.evaluate(resource: resource)) {
            return .refuse(refusal)
        }
        do throws(MappingError) {
            let input = MappingInput(request, options.api, answer: found)
            return .allow(
                principal: found.principal, fields: try options.mapping.fields(input))
        } catch {
            return .refuse(.configuration)
        }
    }
}
