public import Authorization
import Core
import HTTP
import Identity
import TLS
import Telemetry

/// A question that a worker is to have answered.
public struct AuthorizerQuestion {
    /// Who asks.
    public let authorizer: ExternalAuthorizer
    /// What the answer is reported under.
    public let ticket: ExternalAuthorizer.Ticket
    /// What is sent.
    public let bytes: QuestionBytes
    /// Whether it is asked by HEAD, to which no answer has a body.
    public let isHead: Bool
}

// Between the head and the upstream: an external authorizer has the last word.
extension Session {
    /// The proof that the request may pass, if the very same one was allowed just before.
    func grantAsBefore(
        _ pending: PendingGrant, _ head: ByteView, _ turn: borrowing Turn
    ) -> Grant? {
        guard let memo, let authorizer,
            memo.holds(for: head, purges: authorizer.purges, now: turn.now)
        else { return nil }
        return pending.granted(by: memo.decision)
    }

    /// Takes what the memo says into the exchange, and counts it.
    mutating func repeatDecision(_ turn: inout Turn) {
        guard let memo, let authorizer else { return }
        take(memo.decision, isRepeated: true)
        let metrics = turn.environment.metrics
        metrics.increment(.cached, authorizer: authorizer.options.counters)
        metrics.increment(.allowed, authorizer: authorizer.options.counters)
    }

    private mutating func take(_ decision: ExternalDecision, isRepeated: Bool = false) {
        exchange.decisionSource = isRepeated ? .cache : decision.source
        if case .allow(let lines) = decision.verdict { exchange.addedLines = lines }
    }

    /// The external authorizer of the exchange's route.
    var authorizer: ExternalAuthorizer? {
        exchange.authorizer.flatMap { table.authorizers[$0] }
    }

    /// Has the worker find the decision; nothing more is read from the client meanwhile.
    mutating func awaitDecision(_ pending: PendingGrant, _ turn: inout Turn) {
        exchange.pendingGrant = pending
        guard let authorizer else {
            refuse(.authorizerFailed, "the route's authorizer is not there", &turn)
            return
        }
        state = .authorizing
        exchange.purges = authorizer.purges
        saveFields(turn.fields)
        turn.actions.append(.authorize)
        // The question has a deadline of its own, which comes before.
        setDeadline(turn.now.monotonic + authorizer.options.timeout + .seconds(1), &turn)
    }

    /// What `.authorize` asked for. A decision that is known takes the session on at once.
    ///
    /// - Parameter waiter: who this session is to the worker.
    /// - Returns: a question that is to be asked; nil when there is none, or another asks it.
    public mutating func findDecision(
        waiter: UInt64, _ turn: inout Turn
    ) -> AuthorizerQuestion? {
        guard state == .authorizing, let authorizer else { return nil }
        do throws(RequestError) {
            return authorizer.certificateStyle == nil
                ? try askService(authorizer, waiter, &turn)
                : try askFunction(authorizer, waiter, &turn)
        } catch {
            refuse(RefusalReason(status: error.status), error.reason, &turn)
            return nil
        }
    }

    private mutating func askService(
        _ authorizer: ExternalAuthorizer, _ waiter: UInt64, _ turn: inout Turn
    ) throws(RequestError) -> AuthorizerQuestion? {
        guard let head = exchange.head, var question = turn.environment.questions.take() else {
            refuse(.authorizerFailed, "no place for a question to the authorizer", &turn)
            return nil
        }
        let step: ExternalAuthorizer.Step
        do throws(RequestError) {
            try screenFields(&turn)
            turn.staging.removeAll()
            peer.append(to: &turn.staging)
            let asked = AskedRequest(
                exchange.request, in: head.filled, source: turn.staging.filled,
                identityLines: identityBlock?.part(exchange.identitySet).lines ?? .empty)
            step = authorizer.begin(
                asked, turn.fields, scope(of: authorizer), deadline: identityDeadline,
                waiter: waiter, now: turn.now, into: &question)
            turn.staging.removeAll()
        } catch {
            turn.environment.questions.give(question)
            throw error
        }
        guard case .ask(let ticket, nil) = step else {
            turn.environment.questions.give(question)
            return follow(step, authorizer, &turn)
        }
        exchange.ticket = ticket
        return AuthorizerQuestion(
            authorizer: authorizer, ticket: ticket, bytes: .pooled(question),
            isHead: authorizer.isAskedByHead(about: exchange.request.method))
    }

    private mutating func askFunction(
        _ authorizer: ExternalAuthorizer, _ waiter: UInt64, _ turn: inout Turn
    ) throws(RequestError) -> AuthorizerQuestion? {
        let step = authorizer.begin(
            try authorizationRequest(&turn), scope(of: authorizer), deadline: identityDeadline,
            waiter: waiter, now: turn.now)
        return follow(step, authorizer, &turn)
    }

    private mutating func follow(
        _ step: ExternalAuthorizer.Step, _ authorizer: ExternalAuthorizer, _ turn: inout Turn
    ) -> AuthorizerQuestion? {
        switch step {
        case .decided(let decision):
            decided(by: decision, &turn)
            return nil
        case .wait(let ticket):
            exchange.ticket = ticket
            return nil
        case .ask(let ticket, let bytes):
            exchange.ticket = ticket
            return AuthorizerQuestion(
                authorizer: authorizer, ticket: ticket, bytes: .own(PinnedBytes(bytes ?? [])),
                isHead: false)
        }
    }

    /// The authorizer has an answer.
    public mutating func decided(by answer: ExternalAnswer, _ turn: inout Turn) {
        guard state == .authorizing, let authorizer else { return }
        do throws(RequestError) {
            let decision = try authorizer.decision(answer) { () throws(RequestError) in
                try authorizationRequest(&turn)
            }
            decided(by: decision, &turn)
        } catch {
            refuse(RefusalReason(status: error.status), error.reason, &turn)
        }
    }

    private mutating func decided(by decision: ExternalDecision, _ turn: inout Turn) {
        guard let authorizer else { return }
        exchange.ticket = nil
        take(decision)
        count(decision, authorizer.options.counters, turn.environment.metrics)
        guard !isRetired else {
            refuse(.misdirected, "the configuration has changed: connect again", &turn)
            return
        }
        switch decision.verdict {
        case .refuse(let reply): refuse(by: reply, &turn)
        case .fail(let reason, let reply):
            refuse(.authorizerFailed, reason, reply: reply, &turn)
        case .allow: goOn(decision, &turn)
        }
    }

    private mutating func goOn(_ decision: ExternalDecision, _ turn: inout Turn) {
        guard let grant = exchange.pendingGrant?.granted(by: decision), let buffer = exchange.head
        else { preconditionFailure("an allowed request has its head and its proof") }
        let head = buffer.filled.prefix(exchange.request.headLength)
        memo = DecisionMemo.of(
            decision, on: head, deadline: identityDeadline, purges: exchange.purges, now: turn.now)
        do throws(Refusal) {
            // Other heads have been parsed meanwhile.
            do throws(RequestError) {
                try recallFields(&turn)
            } catch {
                throw Refusal(RefusalReason(status: error.status), error.reason)
            }
            exchange.head?.truncate(to: exchange.received)
            exchange.savedFields = .empty
            try prepareForwarding(grant, &turn)
        } catch {
            refuse(error.reason, error.detail, &turn)
            return
        }
        guard exchange.isRequestFinished || hasUnreadBody || !hasReceivedEnd else {
            abandon(.clientAborted, &turn)
            return
        }
        acquireUpstream(fresh: false, &turn)
    }

    private func count(
        _ decision: ExternalDecision, _ counters: Int, _ metrics: WorkerMetrics
    ) {
        switch decision.verdict {
        case .allow: metrics.increment(.allowed, authorizer: counters)
        case .refuse: metrics.increment(.refused, authorizer: counters)
        case .fail: break
        }
        switch decision.source {
        case .cache: metrics.increment(.cached, authorizer: counters)
        case .stale: metrics.increment(.stale, authorizer: counters)
        case .failed: metrics.increment(.failed, authorizer: counters)
        case .unasked, .asked: break
        }
    }

    /// Keeps the table of the head's fields behind the head.
    private mutating func saveFields(_ fields: borrowing HeadStorage) {
        exchange.savedFields = .empty
        guard var buffer = exchange.head else { return }
        let start = buffer.count
        guard fields.save(to: &buffer) else { return }
        exchange.head = buffer
        exchange.savedFields = ByteRange(from: start, to: buffer.count)
    }

    /// Other heads may have been parsed meanwhile: the table is that of the exchange's again.
    private func recallFields(_ turn: inout Turn) throws(RequestError) {
        guard let buffer = exchange.head else { preconditionFailure("no head to ask about") }
        guard exchange.savedFields.isEmpty else {
            turn.fields.restore(from: buffer.filled[exchange.savedFields])
            return
        }
        _ = try RequestParser.parse(
            buffer.filled.prefix(exchange.request.headLength), limits: turn.environment.limits.head,
            into: &turn.fields)
    }

    /// Recalls the fields, and marks what the authorizer may not see: what only we may say (S28).
    private func screenFields(_ turn: inout Turn) throws(RequestError) {
        guard let buffer = exchange.head else { preconditionFailure("no head to ask about") }
        try recallFields(&turn)
        let isTrusted = table.trustedProxies.contains(peer.address)
        try table.firewall.screenRequest(
            buffer.filled, &turn.fields, options: ScreenOptions(trustsForwarding: isTrusted))
    }

    /// The request as an authorizer function may see it.
    private func authorizationRequest(
        _ turn: inout Turn
    ) throws(RequestError) -> AuthorizationRequest {
        guard let buffer = exchange.head else { preconditionFailure("no head to ask about") }
        try screenFields(&turn)
        var request = AuthorizationRequest(exchange.request, in: buffer.filled, turn.fields)
        request.source = peer.description
        if let style = authorizer?.certificateStyle { try describe(&request, style, &turn) }
        return request
    }

    /// What an authorizer function is told besides the head.
    private func describe(
        _ request: inout AuthorizationRequest, _ style: CertificateText.SerialStyle,
        _ turn: inout Turn
    ) throws(RequestError) {
        request.time = turn.now.wallSeconds * 1_000
        turn.staging.removeAll()
        RequestID(high: turn.environment.requestIDPrefix, low: exchange.requestNumber)
            .append(to: &turn.staging)
        request.id = turn.staging.filled.string
        turn.staging.removeAll()
        guard let chain = identity.peer?.validated else { return }
        guard let attributes = try? CertificateAttributes(chain),
            let text = CertificateText(attributes, serial: style)
        else { throw RequestError(403, "no authorizer can be told of the certificate") }
        request.certificate = text
    }

    /// The virtual host's name stands for its trust, too: an authorizer's cache is of one
    /// generation of the configuration.
    private func scope(of authorizer: ExternalAuthorizer) -> DecisionKey.Scope {
        var scope = DecisionKey.Scope(
            authorizer: authorizer.options.name, generation: 0,
            virtualHost: table.virtualHosts[virtualHost].name)
        scope.leaf = identity.peer?.fingerprint
        return scope
    }

    private var identityDeadline: Int64 { identity.peer?.validated.notAfter ?? .max }

    /// The exchange ends without its decision.
    mutating func stopAuthorizing(_ turn: inout Turn) {
        guard state == .authorizing else { return }
        turn.actions.append(.cancelAuthorization)
    }

    /// What the exchange waits for, and no longer does: for `.cancelAuthorization`.
    public mutating func takeTicket() -> (ExternalAuthorizer, ExternalAuthorizer.Ticket)? {
        guard let ticket = exchange.ticket, let authorizer else { return nil }
        exchange.ticket = nil
        return (authorizer, ticket)
    }

    /// Says which external authorizer decided, and where it had the decision from.
    func appendDecision(to line: inout AccessLogLine) {
        guard let source = exchange.decisionSource, let authorizer else { return }
        withBytes(of: authorizer.options.name) { line.string("authorizer", $0) }
        line.string("decision", ByteView(source.symbol))
    }

    // MARK: Refusals

    /// Stages the authorizer's own answer. A body that does not fit into one record is left out.
    mutating func stage(_ reply: AuthorizerReply, closes: Bool, _ turn: inout Turn) {
        let hasBody = reply.status != 304 && exchange.request.method != .head
        let room = Limits.tlsPlaintextRecord
        for body in [reply.body, []] {
            var head = Array("HTTP/1.1 \(reply.status) \(Self.phrase(reply.status))\r\n".utf8)
            head += reply.lines
            if reply.status != 304 { head += Array("Content-Length: \(body.count)\r\n".utf8) }
            head += Array((closes ? "Connection: close\r\n\r\n" : "\r\n").utf8)
            guard head.count + body.count <= room else { continue }
            withBytes(of: head) { _ = turn.staging.append($0) }
            if hasBody { withBytes(of: body) { _ = turn.staging.append($0) } }
            return
        }
        _ = ErrorResponse.append(
            status: RefusalReason.notAuthorized.status, close: closes,
            hasBody: exchange.request.method != .head, to: &turn.staging)
    }

    private static func phrase(_ status: UInt16) -> StaticString {
        switch status {
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 401, 403, 404, 429, 503: ErrorResponse.reasonPhrase(status)
        default: ""
        }
    }
}
