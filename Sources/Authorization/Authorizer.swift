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
    /// It may not.
    case deny(Denial)
}

/// Decides whether an identity may make a request.
public enum Authorizer {
    /// The decision for `identity` on a route with `requirement`, whose policy says `verdict`; nil
    /// when it has none.
    public static func decide(
        identity: ClientIdentity, requirement: RouteRequirement, verdict: RouteVerdict? = nil
    ) -> Decision {
        switch requirement {
        case .verifiedCertificate where !identity.isVerified: return .deny(.certificateRequired)
        case .none, .verifiedCertificate: break
        }
        guard let verdict else { return .allow(Grant()) }
        guard verdict.assurance?.isAllowed ?? true else { return .deny(.assuranceUnmet) }
        guard verdict.authorizer?.isAllowed ?? true else { return .deny(.notAuthorized) }
        return .allow(Grant())
    }
}
