public import Core
public import HTTP
public import TLS

/// An authorizer that asks a service, as it is configured.
public struct ExternalAuthorizerOptions: Sendable {
    /// What is asked, and how.
    public enum Service: Sendable {
        /// A service of one's own, by a request about the request.
        case http(SubrequestOptions)
        /// An authorizer function of API Gateway's kind.
        case function(FunctionOptions)
    }

    /// Name in the configuration.
    public var name: String
    /// Index of the upstream that has the service.
    public var upstream: Int
    /// Position of its counters.
    public var counters: Int
    /// What is asked, and how.
    public var service: Service
    /// How long an answer may take, with all that is needed for it.
    public var timeout = Nanoseconds.seconds(1)
    /// Whether requests pass when there is no answer.
    public var allowsOnFailure = false
    /// What of a request an answer of a service of one's own depends on; nil for all that it is
    /// told. A function says so by its identity sources.
    public var keyParts: [DecisionKey.Part]?
    /// How answers are kept.
    public var cache = DecisionCacheOptions()

    /// An authorizer that asks `service`, which `upstream` has.
    public init(name: String, upstream: Int, counters: Int, service: Service) {
        self.name = name
        self.upstream = upstream
        self.counters = counters
        self.service = service
    }
}

/// An answer for all who waited for it.
public enum ExternalAnswer: Sendable {
    /// The decision on each of their requests.
    case decision(ExternalDecision)
    /// An answer that decides on each request by itself.
    case function(LambdaAuthorizer.Answer, ExternalDecision.Source, until: Instant)
}

/// Decides on requests by what a service answers. Whoever has connections asks it; nothing here
/// does.
///
///     begin ──▶ decided
///           ├─▶ ask: send the question; then `answered` or `failed`
///           └─▶ wait (another's question is the same)
///     answered, failed ──▶ who waited, and what `decision` needs to decide on their requests
///
/// One for each worker and generation of the configuration, so that no answer outlives the rules
/// it was asked for under (S27); not to be shared between threads.
public final class ExternalAuthorizer {
    /// A question under way.
    public typealias Ticket = DecisionTicket

    /// What is to be done for a request.
    public enum Step {
        /// Nothing more.
        case decided(ExternalDecision)
        /// Send the question, and report under the ticket; nil when it stands in the buffer that
        /// was given for it.
        case ask(Ticket, question: [UInt8]?)
        /// Wait: somebody asks the same.
        case wait(Ticket)
    }

    /// How it is configured.
    public let options: ExternalAuthorizerOptions
    /// How often something was purged. Who remembers a decision by himself does so for as long as
    /// this is what it was before he asked.
    public private(set) var purges: UInt64 = 0
    /// How a service of one's own is asked.
    private let subrequest: Subrequest?
    // Invariant: one of them is there, and the service as its subrequest is.
    private var service: ServiceDecisions?
    private var function: FunctionDecisions?

    /// An authorizer that knows no answer yet.
    public init(_ options: ExternalAuthorizerOptions) {
        self.options = options
        switch options.service {
        case .http(let settings):
            let made = Subrequest(settings)
            subrequest = made
            service = ServiceDecisions(options, made)
        case .function(let settings):
            subrequest = nil
            function = FunctionDecisions(options, settings)
        }
    }

    /// How the function is told of certificates; nil when a service of one's own is asked, which
    /// gets identity headers instead.
    public var certificateStyle: CertificateText.SerialStyle? {
        if case .function(let settings) = options.service { settings.serial } else { nil }
    }

    /// Signs requests by what `signing` says, where they are signed.
    public func sign(by signing: RequestSigning) { function?.signing = signing }

    /// What the operator is to be told of the function; each reason once a minute.
    public func takeNotice() -> String? {
        function?.takeNotice().map { "authorizer '\(options.name)': \($0)" }
    }

    /// Begins to decide on the request of `asked`, whose screened fields are `fields`, by what a
    /// service of one's own says. `scope` says who asks, `deadline` is the last second of the
    /// client's chain, `waiter` who is told of the answer. A question that is to be sent is
    /// appended to `question`.
    ///
    /// - Precondition: there is no `certificateStyle`.
    public func begin(
        _ asked: AskedRequest, _ fields: borrowing HeadStorage, _ scope: DecisionKey.Scope,
        deadline: Int64, waiter: UInt64, now: Now, into question: inout Buffer
    ) -> Step {
        let step = service?.begin(
            asked, fields, scope, deadline: deadline, waiter: waiter, now: now, into: &question)
        guard let step else { preconditionFailure("no service of one's own is asked") }
        return lenient(step)
    }

    /// Begins to decide on `request` by what a function says; parameters as above.
    ///
    /// - Precondition: there is a `certificateStyle`.
    public func begin(
        _ request: AuthorizationRequest, _ scope: DecisionKey.Scope, deadline: Int64,
        waiter: UInt64, now: Now
    ) -> Step {
        let step = function?.begin(
            request, scope, deadline: deadline, waiter: waiter, now: now)
        guard let step else { preconditionFailure("no function is asked") }
        return lenient(step)
    }

    /// What matters of an answer with `head`, whose bytes are `bytes`; its body is still to come.
    public func reply(
        _ head: ResponseHead, in bytes: ByteView, _ fields: borrowing HeadStorage
    ) -> AuthorizerReply {
        guard let subrequest else {
            return AuthorizerReply(head, in: bytes, fields, body: [])
        }
        return subrequest.reply(head, in: bytes, fields)
    }

    /// Whether the service is asked by HEAD about a request with `method`: then no answer has a
    /// body, whatever it says.
    public func isAskedByHead(about method: Method) -> Bool {
        guard case .http(let settings) = options.service else { return false }
        return settings.method.map { $0 == "HEAD" } ?? (method == .head)
    }

    /// Whether the body of an answer with `status` matters.
    public func readsBody(ofStatus status: UInt16) -> Bool {
        subrequest?.isPassed(status) ?? true
    }

    /// The service has answered the question of `ticket` by what `reply` made of it.
    ///
    /// - Returns: who waits, and the answer.
    public func answered(
        _ ticket: Ticket, _ reply: AuthorizerReply, now: Now
    ) -> (waiters: Waiters, answer: ExternalAnswer) {
        if let told = service?.answered(ticket, reply, now: now) {
            return (told.waiters, .decision(lenient(told.decision)))
        }
        guard let told = function?.answered(ticket, reply, now: now) else {
            preconditionFailure("an authorizer asks something")
        }
        return told
    }

    /// The question of `ticket` has no answer, for `reason`.
    ///
    /// - Returns: who waits, and the answer: an old one, where one may stand in (S29).
    public func failed(
        _ ticket: Ticket, _ reason: StaticString, now: Now
    ) -> (waiters: Waiters, answer: ExternalAnswer) {
        if let told = service?.failed(ticket, reason, now: now) {
            return (told.waiters, .decision(lenient(told.decision)))
        }
        guard let told = function?.failed(ticket, now: now) else {
            preconditionFailure("an authorizer asks something")
        }
        return told
    }

    /// What `answer` means for `request`, which is only looked at where that matters.
    public func decision<Problem: Error>(
        _ answer: ExternalAnswer, on request: () throws(Problem) -> AuthorizationRequest
    ) throws(Problem) -> ExternalDecision {
        switch answer {
        case .decision(let decision): return decision
        case .function(let answer, let source, let until):
            let request = try request()
            guard
                let decision = function?.decision(
                    answer, on: request, from: source, until: until)
            else { preconditionFailure("a function's answer to another's question") }
            return lenient(decision)
        }
    }

    /// The request of `waiter` is over.
    public func withdraw(_ waiter: UInt64, from ticket: Ticket) {
        service?.withdraw(waiter, from: ticket)
        function?.withdraw(waiter, from: ticket)
    }

    /// Forgets what is known of the certificate with that fingerprint; nil for all of them.
    /// Questions under way go on for those who wait, but their answers are not kept.
    public func purge(_ identity: Fingerprint?) {
        purges &+= 1
        service?.purge(identity)
        function?.purge(identity)
    }

    private func lenient(_ step: Step) -> Step {
        guard case .decided(let decision) = step else { return step }
        return .decided(lenient(decision))
    }

    /// Lets pass what fails, where that is configured.
    private func lenient(_ decision: ExternalDecision) -> ExternalDecision {
        guard options.allowsOnFailure, !decision.isAnswered, case .fail = decision.verdict
        else { return decision }
        return ExternalDecision(.allow(lines: []), from: .failed, until: decision.until)
    }
}

extension ExternalDecision {
    /// A request may pass, with `fields`.
    init(
        allowing fields: [AuthorizationRequest.Field], from source: Source, until: Instant
    ) {
        let lines = fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
        self.init(.allow(lines: lines), from: source, until: until)
    }
}
