import Core
import GatewayConfiguration
import TLS

/// Judges what a source said before anything is made of it.
struct SourceContents {
    let source: RemoteSource

    /// Lists of a large authority have megabytes.
    static let largest = 64 << 20

    /// Most bytes that are taken.
    var limit: Int {
        if case .revocation = source.use { Self.largest } else { FileContents.sizeLimit }
    }

    /// What `bytes` hold, if they can be used by themselves: the certificates of a bundle, and of
    /// revocation lists nothing. The file at `path` has the same bytes.
    ///
    /// - Parameter earlier: a file with the lists that may not be newer; nil for none.
    func certificates(
        in bytes: [UInt8], at path: String, after earlier: String?, wallSeconds: Int64
    ) throws(SourceProblem) -> [TrustBundle.Certificate] {
        switch source.use {
        case .trust(let policy):
            do throws(TLSConfigurationError) {
                return try TrustBundle(
                    bytes, named: source.shown, rules: policy.rules, at: wallSeconds
                ).certificates
            } catch {
                throw SourceProblem(reason: error.reason)
            }
        case .revocation(let issuer):
            do throws(TLSConfigurationError) {
                var known: RevocationSet?
                if let earlier {
                    known = try? Self.lists(at: earlier, of: issuer, wallSeconds, after: nil)
                }
                let found = try Self.lists(at: path, of: issuer, wallSeconds, after: known)
                if let problem = found.problems.first { throw problem }
            } catch {
                throw SourceProblem(reason: error.reason)
            }
            return []
        }
    }

    /// What the lists at `path` say for `issuer`, which has to have one there.
    private static func lists(
        at path: String, of issuer: RevocationIssuerOptions, _ wallSeconds: Int64,
        after earlier: RevocationSet?
    ) throws(TLSConfigurationError) -> RevocationSet {
        var alone = issuer
        alone.lists = [path]
        alone.whenStale = .closed
        return try RevocationSet.load(
            RevocationOptions(issuers: [alone]), generation: 1, now: wallSeconds, previous: earlier)
    }
}
