import Core
import GatewayConfiguration
import TLS

/// What a bundle of authorities that was fetched would change, and whether that may be.
struct BundleChange: Equatable {
    let added: [TrustBundle.Certificate]
    let removed: [TrustBundle.Certificate]

    /// Lines of the difference that are logged, at most.
    private static let lineLimit = 20

    /// From `present` to `next`.
    init(from present: [TrustBundle.Certificate], to next: [TrustBundle.Certificate]) {
        let before = Set(present.map(\.fingerprint))
        let after = Set(next.map(\.fingerprint))
        added = next.filter { !before.contains($0.fingerprint) }
        removed = present.filter { !after.contains($0.fingerprint) }
    }

    /// Why this is too much of a change for an accident, unless `digest`, the new bundle's, is the
    /// one that the operator accepts (security rule S20); nil when it is not.
    func refusal(
        of count: Int, digest: String, _ policy: RemoteSource.TrustPolicy
    ) -> String? {
        guard removed.count * 2 > count, policy.acceptedDigest != digest else { return nil }
        return "it drops \(removed.count) of \(count) certificates; if that is meant, set "
            + "acceptedDigest: \(digest)"
    }

    /// The change for the log: what comes, then what goes.
    var lines: [String] {
        let all =
            added.map { "added: \(Self.text($0))" } + removed.map { "removed: \(Self.text($0))" }
        guard all.count > Self.lineLimit else { return all }
        let rest = all.count - Self.lineLimit
        return all.prefix(Self.lineLimit)
            + ["and \(rest) more: \(added.count) added, \(removed.count) removed in all"]
    }

    private static func text(_ certificate: TrustBundle.Certificate) -> String {
        let digest = String(decoding: Hex.lower(certificate.fingerprint.bytes), as: UTF8.self)
        return "\(certificate.subject) (sha256:\(digest))"
    }
}
