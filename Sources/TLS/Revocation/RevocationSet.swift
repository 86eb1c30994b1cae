/// Everything that is revoked, as one immutable value. Workers share it; a change is a new set.
///
/// Judging allocates nothing, takes no lock and reads no clock.
public final class RevocationSet: Sendable {
    /// What is known of one authority.
    final class Issuer: Sendable {
        let name: String
        let key: Fingerprint
        let whenStale: StalePolicy
        /// The list in force; nil when none was found, which only `StalePolicy.open` allows.
        let list: RevocationList?

        init(name: String, key: Fingerprint, whenStale: StalePolicy, list: RevocationList?) {
            self.name = name
            self.key = key
            self.whenStale = whenStale
            self.list = list
        }

        /// The last second at which the list, or having none, may be relied upon.
        var lastFresh: Int64 {
            switch whenStale {
            case .open: return .max
            case .closed: return list?.nextUpdate ?? .min
            case .grace(let seconds):
                guard let list else { return .min }
                let (end, overflow) = list.nextUpdate.addingReportingOverflow(seconds)
                return overflow ? .max : end
            }
        }

        /// Whether the list, or having none, may still be relied upon.
        func isFresh(wallSeconds: Int64) -> Bool { wallSeconds <= lastFresh }
    }

    /// What is known of one authority, for logs and metrics.
    public struct IssuerSummary: Equatable, Sendable {
        /// Its name in the configuration.
        public let name: String
        /// How many certificates it revoked.
        public let revoked: Int
        /// When its next list is due, seconds since 1970; nil without a list.
        public let nextUpdate: Int64?
    }

    /// A chain's standing.
    public enum Verdict: Equatable, Sendable {
        /// Nothing speaks against it.
        case good
        /// The member at that position, 0 for the leaf, is revoked.
        case revoked(index: Int, reason: RevocationReason)
        /// The issuer of the member at that position, by its name in the configuration, has no
        /// list in force, and its policy is to refuse then.
        case stale(index: Int, issuer: String)
    }

    /// Grows with each set that is published; a verdict under another generation is out of date.
    public let generation: UInt64
    /// Sources that could not be used, so that what an earlier set knew stays in force; and lists
    /// that are missing but need not be there.
    public let problems: [TLSConfigurationError]
    let issuers: [Fingerprint: Issuer]
    let denyLists: [DenyList]

    init(
        generation: UInt64, problems: [TLSConfigurationError], issuers: [Issuer],
        denyLists: [DenyList]
    ) {
        self.generation = generation
        self.problems = problems
        self.issuers = Dictionary(issuers.map { ($0.key, $0) }) { first, _ in first }
        self.denyLists = denyLists
    }

    /// The set in which nothing is revoked.
    public static let empty = RevocationSet(
        generation: 0, problems: [], issuers: [], denyLists: [])

    /// Whether `chain`, validated, the leaf first and the anchor last, holds at `wallSeconds`.
    ///
    /// What is revoked comes before what is stale, and the leaf before its issuers. Deny lists
    /// apply to every member; lists of issuers to those whose issuer is configured, the anchor
    /// never.
    public func judge(_ chain: [ChainMember], wallSeconds: Int64) -> Verdict {
        var verdict = Verdict.good
        for index in chain.indices {
            for list in denyLists where list.contains(chain[index]) {
                return .revoked(index: index, reason: .denyList)
            }
            guard let key = chain[index].issuerKey, let issuer = issuers[key] else { continue }
            if let reason = issuer.list?.serials.reason(of: chain[index].serialNumber) {
                return .revoked(index: index, reason: reason)
            }
            if verdict == .good, !issuer.isFresh(wallSeconds: wallSeconds) {
                verdict = .stale(index: index, issuer: issuer.name)
            }
        }
        return verdict
    }

    /// The first second after `wallSeconds` at which verdicts change though nothing was published,
    /// for a list goes stale; `Int64.max` when none does.
    public func nextStale(after wallSeconds: Int64) -> Int64 {
        let ends = issuers.values.map(\.lastFresh).filter { $0 >= wallSeconds && $0 < .max }
        return ends.min().map { $0 + 1 } ?? .max
    }

    /// What is known of each authority, by name.
    public var summaries: [IssuerSummary] {
        issuers.values.map { issuer in
            IssuerSummary(
                name: issuer.name, revoked: issuer.list?.serials.count ?? 0,
                nextUpdate: issuer.list?.nextUpdate)
        }.sorted { $0.name < $1.name }
    }

    /// How many entries the deny lists have together.
    public var denyListEntries: Int { denyLists.reduce(0) { $0 + $1.count } }
}
