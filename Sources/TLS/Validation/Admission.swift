/// What the clients of a virtual host have to prove, as a value that outlives its TLS context.
public struct Admission: Equatable, Sendable {
    /// Digest of everything but the trusted certificates: whether one is asked for, how long a
    /// chain may be, which keys and usages are good enough.
    public let rules: Fingerprint
    /// The certificates that chains may end at, and those trusted beside them.
    public let trusted: Set<Fingerprint>

    /// Nothing has to be proved.
    public static let open = Admission(rules: Fingerprint(of: []))

    /// The admission with the given parts.
    public init(rules: Fingerprint, trusted: Set<Fingerprint> = []) {
        self.rules = rules
        self.trusted = trusted
    }

    /// Whether `peer`, or an anonymous client when nil, whom `earlier` admitted, need not prove
    /// anything again (security rule S19): the rules are equal, and its chain's anchor remains.
    public func includes(_ peer: VerifiedPeer?, of earlier: Admission) -> Bool {
        guard rules == earlier.rules else { return false }
        guard trusted != earlier.trusted, let peer else { return true }
        return peer.validated.members.last.map { trusted.contains($0.fingerprint) } ?? false
    }
}
