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

/// What an authorizer says of a request.
public enum Decision: Sendable {
    /// It may pass.
    case allow(Grant)
    /// It may not; the reason is for the log.
    case deny(StaticString)
}

/// Decides whether an identity may make a request.
public enum Authorizer {
    /// The decision for `identity` on a route with `requirement`.
    public static func decide(
        identity: ClientIdentity, requirement: RouteRequirement
    ) -> Decision {
        switch requirement {
        case .none: .allow(Grant())
        case .verifiedCertificate where identity.isVerified: .allow(Grant())
        case .verifiedCertificate: .deny("a verified client certificate is required")
        }
    }
}
