internal import Core
internal import HTTP
internal import TLS

/// Decisions by a service of one's own.
struct ServiceDecisions: ~Copyable {
    private let options: ExternalAuthorizerOptions
    private let subrequest: Subrequest
    private var cache: DecisionCache<Subrequest.Outcome>

    /// Bytes of the fields that a request may get.
    private static var lineLimit: Int { 16_384 }

    init(_ options: ExternalAuthorizerOptions, _ subrequest: Subrequest) {
        self.options = options
        self.subrequest = subrequest
        cache = DecisionCache(options.cache)
    }

    mutating func begin(
        _ asked: AskedRequest, _ fields: borrowing HeadStorage, _ scope: DecisionKey.Scope,
        deadline: Int64, waiter: UInt64, now: Now, into question: inout Buffer
    ) -> ExternalAuthorizer.Step {
        switch cache.find(
            key(scope, asked, fields), scope, deadline: deadline, waiter: waiter, now: now)
        {
        case .hit(let outcome, let until):
            return .decided(decision(outcome, from: .cache, until: until))
        case .ask(let ticket):
            guard subrequest.append(asked, fields, to: &question) else {
                _ = cache.failed(ticket, now: now)
                return .decided(failure("the question to the authorizer is too large", now))
            }
            return .ask(ticket, question: nil)
        case .wait(let ticket): return .wait(ticket)
        case .full: return .decided(failure("too many questions to the authorizer", now))
        }
    }

    /// What the answer is kept by; nil when it is not.
    private func key(
        _ scope: DecisionKey.Scope, _ asked: AskedRequest, _ fields: borrowing HeadStorage
    ) -> DecisionKey? {
        guard options.cache.lifetime > .zero else { return nil }
        return DecisionKey(scope, asked, fields, parts: options.keyParts)
    }

    mutating func answered(
        _ ticket: DecisionTicket, _ reply: AuthorizerReply, now: Now
    ) -> (waiters: Waiters, decision: ExternalDecision) {
        let outcome = subrequest.outcome(reply)
        var isRefusal = false
        switch outcome {
        case .failure: return failed(ticket, "the authorizer's answer is none", now: now)
        case .unexpected:
            let decision = ExternalDecision(
                .fail("the authorizer's answer is none"), from: .failed, until: now.monotonic,
                isAnswered: true)
            return (cache.dismissed(ticket), decision)
        case .refuse: isRefusal = true
        case .allow(let lines):
            guard lines.count <= Self.lineLimit else {
                return failed(ticket, "the authorizer's fields are too large", now: now)
            }
        }
        let waiters = cache.answered(ticket, outcome, isRefusal: isRefusal, now: now)
        let lifetime = min(options.cache.lifetime, DecisionCacheOptions.longestLifetime)
        return (waiters, decision(outcome, from: .asked, until: now.monotonic + lifetime))
    }

    mutating func failed(
        _ ticket: DecisionTicket, _ reason: StaticString, now: Now
    ) -> (waiters: Waiters, decision: ExternalDecision) {
        let (waiters, stale) = cache.failed(ticket, now: now)
        guard let stale else { return (waiters, failure(reason, now)) }
        return (waiters, decision(stale, from: .stale, until: now.monotonic))
    }

    mutating func withdraw(_ waiter: UInt64, from ticket: DecisionTicket) {
        cache.withdraw(waiter, from: ticket)
    }

    mutating func purge(_ identity: Fingerprint?) {
        if let identity { cache.purge(identity: identity) } else { cache.purgeAll() }
    }

    private func failure(_ reason: StaticString, _ now: Now) -> ExternalDecision {
        ExternalDecision(.fail(reason), from: .failed, until: now.monotonic)
    }

    private func decision(
        _ outcome: Subrequest.Outcome, from source: ExternalDecision.Source, until: Instant
    ) -> ExternalDecision {
        switch outcome {
        case .allow(let lines):
            ExternalDecision(.allow(lines: lines), from: source, until: until)
        case .refuse(let reply): ExternalDecision(.refuse(reply), from: source, until: until)
        case .failure, .unexpected: preconditionFailure("a failure is not kept")
        }
    }
}
