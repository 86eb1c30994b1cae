/// What the clients of a virtual host have to prove, as a value that outlives its TLS context.
public struct Admission: Equatable, Sendable {
    /// Digest of everything but the trusted certificates: whether one is asked for, how long a
    /// chain may be, which keys and usages are good enough.
    public let rules: Fingerprint
    /// The certificates that chains may end at, and those trusted beside them.
    public let trusted: Set<Fingerprint>
    /// Whether all of a chain but the leaf has to be among `trusted`, not only its anchor.
    public let trustsWholeChains: Bool

    /// Nothing has to be proved.
    public static let open = Admission(rules: Fingerprint(of: []))

    /// The admission with the given parts.
    public init(
        rules: Fingerprint, trusted: Set<Fingerprint> = [], trustsWholeChains: Bool = false
    ) {
        self.rules = rules
        self.trusted = trusted
        self.trustsWholeChains = trustsWholeChains
    }

    /// Whether `peer`, or an anonymous client when nil, whom `earlier` admitted, need not prove
    /// anything again (security rule S19): the rules are equal, and its chain's anchor remains, or
    /// all that has to be trusted of the chain.
    public func includes(_ peer: VerifiedPeer?, of earlier: Admission) -> Bool {
        guard rules == earlier.rules else { return false }
        guard trusted != earlier.trusted, let peer else { return true }
        let members = peer.validated.members
        // A leaf that is its own anchor is the last one, too.
        let needed =
            trustsWholeChains && members.count > 1 ? members.dropFirst() : members.suffix(1)
        return !needed.isEmpty && needed.allSatisfy { trusted.contains($0.fingerprint) }
    }
}
