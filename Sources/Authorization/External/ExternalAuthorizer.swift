public import Core

/// An authorizer that asks a service, as it is configured.
public struct ExternalAuthorizerOptions: Sendable {
    /// Name in the configuration.
    public var name: String
    /// Index of the upstream that has the service.
    public var upstream: Int
    /// Position of its counters.
    public var counters: Int
    /// How the service is asked.
    public var subrequest: SubrequestOptions
    /// How long an answer may take, with all that is needed for it.
    public var timeout = Nanoseconds.seconds(1)
    /// Whether requests pass when there is no answer.
    public var allowsOnFailure = false
    /// What of a request an answer depends on; nil for all that the service is told.
    public var keyParts: [DecisionKey.Part]?
    /// How answers are kept.
    public var cache = DecisionCacheOptions()

    /// An authorizer that asks `upstream` by `subrequest`.
    public init(name: String, upstream: Int, counters: Int, subrequest: SubrequestOptions) {
        self.name = name
        self.upstream = upstream
        self.counters = counters
        self.subrequest = subrequest
    }
}

/// Decides on requests by what a service answers. Whoever has connections asks it; nothing here
/// does.
///
///     begin ──▶ decided
///           ├─▶ ask: send the question; then `answered` or `failed`
///           └─▶ wait (another's question is the same)
///     answered, failed ──▶ who waited, and the decision
///
/// One for each worker and generation of the configuration, so that no answer outlives the rules
/// it was asked for under (S27); not to be shared between threads.
public final class ExternalAuthorizer {
    /// A question under way.
    public typealias Ticket = DecisionCache<Subrequest.Outcome>.Ticket

    /// What is to be done for a request.
    public enum Step {
        /// Nothing more.
        case decided(ExternalDecision)
        /// Send the question, and report under the ticket.
        case ask(Ticket, question: [UInt8])
        /// Wait: somebody asks the same.
        case wait(Ticket)
    }

    /// How it is configured.
    public let options: ExternalAuthorizerOptions
    private let subrequest: Subrequest
    private var cache: DecisionCache<Subrequest.Outcome>

    /// Bytes of the fields that a request may get.
    private static let lineLimit = 16_384

    /// An authorizer that knows no answer yet.
    public init(_ options: ExternalAuthorizerOptions) {
        self.options = options
        subrequest = Subrequest(options.subrequest)
        cache = DecisionCache(options.cache)
    }

    /// What the cache has done so far.
    public var statistics: DecisionCacheStatistics { cache.statistics }

    /// Begins to decide on `request`. `identityLines` say who the client is, `scope` who asks,
    /// `deadline` is the last second of the client's chain, `waiter` who is told of the answer.
    public func begin(
        _ request: AuthorizationRequest, identityLines: [UInt8], _ scope: DecisionKey.Scope,
        deadline: Int64, waiter: UInt64, now: Now
    ) -> Step {
        let key =
            options.keyParts.map { DecisionKey(scope, request, parts: $0) }
            ?? DecisionKey(scope, request)
        switch cache.find(
            key, identity: scope.leaf, deadline: deadline, waiter: waiter, now: now)
        {
        case .hit(let outcome, let until):
            return .decided(decision(outcome, from: .cache, until: until))
        case .ask(let ticket):
            return .ask(ticket, question: subrequest.bytes(request, identityLines: identityLines))
        case .wait(let ticket): return .wait(ticket)
        case .full: return .decided(failure("too many questions to the authorizer", now))
        }
    }

    /// The service has answered the question of `ticket` by `reply`.
    ///
    /// - Returns: who waits, and the decision.
    public func answered(
        _ ticket: Ticket, _ reply: AuthorizerReply, now: Now
    ) -> (waiters: [UInt64], decision: ExternalDecision) {
        let outcome = subrequest.outcome(reply)
        var isRefusal = false
        switch outcome {
        case .failure: return failed(ticket, "the authorizer's answer is none", now: now)
        case .refuse: isRefusal = true
        case .allow(let fields):
            guard Self.lines(fields).count <= Self.lineLimit else {
                return failed(ticket, "the authorizer's fields are too large", now: now)
            }
        }
        let waiters = cache.answered(ticket, outcome, isRefusal: isRefusal, now: now)
        let lifetime = min(options.cache.lifetime, DecisionCacheOptions.longestLifetime)
        return (waiters, decision(outcome, from: .asked, until: now.monotonic + lifetime))
    }

    /// The question of `ticket` has no answer, for `reason`.
    ///
    /// - Returns: who waits, and the decision: that of an old answer, where one may stand in (S29).
    public func failed(
        _ ticket: Ticket, _ reason: StaticString, now: Now
    ) -> (waiters: [UInt64], decision: ExternalDecision) {
        let (waiters, stale) = cache.failed(ticket, now: now)
        guard let stale else { return (waiters, failure(reason, now)) }
        return (waiters, decision(stale, from: .stale, until: now.monotonic))
    }

    /// The request of `waiter` is over.
    public func withdraw(_ waiter: UInt64, from ticket: Ticket) {
        cache.withdraw(waiter, from: ticket)
    }

    private func failure(_ reason: StaticString, _ now: Now) -> ExternalDecision {
        ExternalDecision(
            options.allowsOnFailure ? .allow(lines: []) : .fail(reason), from: .failed,
            until: now.monotonic)
    }

    private func decision(
        _ outcome: Subrequest.Outcome, from source: ExternalDecision.Source, until: Instant
    ) -> ExternalDecision {
        switch outcome {
        case .allow(let fields):
            ExternalDecision(.allow(lines: Self.lines(fields)), from: source, until: until)
        case .refuse(let reply): ExternalDecision(.refuse(reply), from: source, until: until)
        case .failure: preconditionFailure("a failure is not kept")
        }
    }

    private static func lines(_ fields: [AuthorizationRequest.Field]) -> [UInt8] {
        fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
    }
}
