public import TLS

/// What a route asks beyond a certificate.
public final class RoutePolicy: Sendable {
    /// Rules on how well the client has proved itself; they come first. Nil for none.
    public let assurance: RuleSet?
    /// Rules on who the client is. Nil for none.
    public let authorizer: RuleSet?

    /// The policy of both.
    public init(assurance: RuleSet?, authorizer: RuleSet?) {
        self.assurance = assurance
        self.authorizer = authorizer
    }
}

/// What the policy of a route says of a client, computed beforehand: rules depend on the identity,
/// not on the request.
public struct RouteVerdict: Equatable, Sendable {
    /// Nil where the route asks for none.
    public var assurance: RuleVerdict?
    /// Nil where the route has none.
    public var authorizer: RuleVerdict?

    /// Whether neither refuses.
    public var isAllowed: Bool {
        assurance?.isAllowed ?? true && authorizer?.isAllowed ?? true
    }

    /// Whether somebody would be refused, were it not for rules that only report.
    public var isReported: Bool { assurance?.reported != nil || authorizer?.reported != nil }
}

/// The verdicts of all routes of a virtual host on one client. Immutable; kept with the connection,
/// so that a request costs a look at an array.
public final class RouteVerdicts: Sendable {
    private let verdicts: ContiguousArray<RouteVerdict>
    /// From when on one of them may be another, seconds since 1970.
    public let changesAt: Int64

    /// What `policies`, one for each route, say of the client whose validated chain is `chain`,
    /// `now` in seconds since 1970. Nil when no route has a policy: then there is nothing to say.
    public init?(_ policies: [RoutePolicy?], _ chain: ValidatedChain?, at now: Int64) {
        guard policies.contains(where: { $0 != nil }) else { return nil }
        let subject = RuleSubject(chain)
        var known: [ObjectIdentifier: RuleVerdict] = [:]
        func judge(_ rules: RuleSet?) -> RuleVerdict? {
            guard let rules else { return nil }
            let key = ObjectIdentifier(rules)
            if let verdict = known[key] { return verdict }
            let verdict = rules.judge(subject, at: now)
            known[key] = verdict
            return verdict
        }
        verdicts = ContiguousArray(
            policies.map { policy in
                RouteVerdict(
                    assurance: judge(policy?.assurance), authorizer: judge(policy?.authorizer))
            })
        changesAt = known.values.map(\.changesAt).min() ?? .max
    }

    /// The verdict of the route at `index`.
    public subscript(index: Int) -> RouteVerdict { verdicts[index] }
}
