public import Authorization
import Core
public import HTTP
import Identity
public import TLS
import Telemetry

/// What a virtual host would do with a request, without one.
public struct RouteExplanation: Sendable {
    /// Why a request is answered by the gateway itself.
    public struct Refused: Sendable, Equatable {
        /// The status.
        public let status: UInt16
        /// The reason's name in metrics and logs.
        public let symbol: String
        /// What the log says.
        public let detail: String
    }

    /// Rules of the route, and what they say of the client.
    public struct Rules: Sendable, Equatable {
        /// Whether they are about how well the client has proved itself; else about who it is.
        public let isAssurance: Bool
        /// Name of the authorizer.
        public let name: String
        /// Whether the client may pass.
        public let isAllowed: Bool
        /// Name of the rule that decides; `(none)` when no rule is about the client.
        public let decidedBy: String
        /// Name of what would refuse the client, were it not there to report only.
        public let reported: String?
        /// Each rule in order.
        public let traces: [RuleTrace]
    }

    /// Name of the route; nil when none has the path.
    public internal(set) var name: String?
    /// Index of its upstream.
    public internal(set) var upstream: Int?
    /// Index into the virtual host's identity sets.
    public internal(set) var identitySet = 0
    /// Whether the route refuses who is anonymous.
    public internal(set) var requiresCertificate = false
    /// The rules that the route has, in the order in which they are asked.
    public internal(set) var rules: [Rules] = []
    /// Index of the external authorizer that is asked last; nil for none.
    public internal(set) var externalAuthorizer: Int?
    /// Why the request is refused; nil when it is forwarded.
    public internal(set) var refused: Refused?

    mutating func refuse(_ refusal: Refusal) {
        refused = Refused(
            status: refusal.reason.status, symbol: "\(refusal.reason.symbol)",
            detail: "\(refusal.detail)")
    }
}

extension VirtualHost {
    /// What becomes of `method target` with a Host field of `host`, by the code that requests take:
    /// parser, routes, path policy, authorizer. `isVerified` says whether the client has shown a
    /// valid certificate, and `chain` what rules are to judge it by, `now` in seconds since 1970.
    public func explain(
        method: String = "GET", target: String, host: String, isVerified: Bool,
        chain: ValidatedChain? = nil, limits: HeadLimits, at now: Int64 = 0
    ) -> RouteExplanation {
        var explanation = RouteExplanation()
        let text = Array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        var fields = HeadStorage(capacity: limits.fieldCount)
        unsafe text.withUnsafeBytes { raw in
            let bytes = unsafe ByteView(raw)
            do throws(RequestError) {
                let parsed = try RequestParser.parse(bytes, limits: limits, into: &fields)
                guard case .complete(let head) = parsed, head.target.count == target.utf8.count,
                    head.host.count == host.utf8.count
                else {
                    explanation.refuse(
                        Refusal(.badRequest, "not one request target and one host"))
                    return
                }
                guard let route = explain(head, in: bytes, isVerified, &explanation) else {
                    return
                }
                judge(chain, by: route, at: now, &explanation)
            } catch {
                explanation.refuse(
                    Refusal(RefusalReason(status: error.status), error.reason))
            }
        }
        return explanation
    }

    private func explain(
        _ head: RequestHead, in bytes: ByteView, _ isVerified: Bool,
        _ explanation: inout RouteExplanation
    ) -> Route? {
        var index: Int?
        defer { explanation.name = index.map { routes[$0].name } }
        do throws(Refusal) {
            let route = try route(for: head, in: bytes, index: &index)
            explanation.upstream = route.upstream
            explanation.identitySet = route.identitySet
            explanation.externalAuthorizer = route.externalAuthorizer
            switch Authorizer.decide(identity: .anonymous, requirement: route.requirement) {
            case .allow, .ask: break
            case .deny(let denial):
                explanation.requiresCertificate = true
                if !isVerified { explanation.refuse(Refusal(denial: denial)) }
            }
            return route
        } catch {
            explanation.refuse(error)
            return nil
        }
    }

    /// What the rules of `route` say. Whoever is refused already is told all the same.
    private func judge(
        _ chain: ValidatedChain?, by route: Route, at now: Int64,
        _ explanation: inout RouteExplanation
    ) {
        guard let policy = route.policy, let verdict = RouteVerdicts([policy], chain, at: now)?[0]
        else { return }
        let subject = RuleSubject(chain)
        for (isAssurance, rules, found) in [
            (true, policy.assurance, verdict.assurance),
            (false, policy.authorizer, verdict.authorizer),
        ] {
            guard let rules, let found else { continue }
            explanation.rules.append(
                .init(
                    isAssurance: isAssurance, name: rules.name,
                    isAllowed: found.isAllowed, decidedBy: rules.name(of: found.decidedBy),
                    reported: found.reported.map { rules.name(of: $0) },
                    traces: rules.trace(subject, at: now)))
        }
        guard explanation.refused == nil else { return }
        switch Authorizer.decide(identity: .anonymous, requirement: .none, verdict: verdict) {
        case .allow, .ask: break
        case .deny(let denial): explanation.refuse(Refusal(denial: denial))
        }
    }
}
