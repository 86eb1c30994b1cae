public import Identity

/// What a route asks of a client's identity.
public enum RouteRequirement: Sendable, Equatable {
    /// Nothing: anonymous clients may pass.
    case none
    /// A certificate verified in this connection's handshake.
    case verifiedCertificate
}

/// Proof that a request may be forwarded. Only `Authorizer` makes one, and forwarding takes one:
/// skipping the check does not compile.
public struct Grant: Sendable {
    init() {}
}

/// Proof that a request may be forwarded as soon as an external authorizer allows it.
public struct PendingGrant: Sendable {
    init() {}

    /// The proof, if `decision` allows the request.
    public func granted(by decision: ExternalDecision) -> Grant? {
        if case .allow = decision.verdict { Grant() } else { nil }
    }
}

/// Why a request may not pass.
public enum Denial: Equatable, Sendable, CaseIterable {
    /// The client is anonymous.
    case certificateRequired
    /// The client has not proved itself as well as the route asks.
    case assuranceUnmet
    /// The route's authorizer refuses the client.
    case notAuthorized

    /// What the log says.
    public var detail: StaticString {
        switch self {
        case .certificateRequired: "a verified client certificate is required"
        case .assuranceUnmet: "the client's certificate does not meet the route's assurance"
        case .notAuthorized: "the route's authorizer does not allow this client"
        }
    }
}

/// What an authorizer says of a request.
public enum Decision: Sendable {
    /// It may pass.
    case allow(Grant)
    /// It may, if an external authorizer says so, too.
    case ask(PendingGrant)
    /// It may not.
    case deny(Denial)
}

/// Decides whether an identity may make a request.
public enum Authorizer {
    /// The decision for `identity` on a route with `requirement`, whose policy says `verdict`; nil
    /// when it has none. `asksService` says whether an external authorizer has the last word.
    public static func decide(
        identity: ClientIdentity, requirement: RouteRequirement, verdict: RouteVerdict? = nil,
        asksService: Bool = false
    ) -> Decision {
        switch requirement {
        case .verifiedCertificate where !identity.isVerified: return .deny(.certificateRequired)
        case .none, .verifiedCertificate: break
        }
        let passed: Decision = asksService ? .ask(PendingGrant()) : .allow(Grant())
        guard let verdict else { return passed }
        guard verdict.assurance?.isAllowed ?? true else { return .deny(.assuranceUnmet) }
        guard verdict.authorizer?.isAllowed ?? true else { return .deny(.notAuthorized) }
        return passed
    }
}
