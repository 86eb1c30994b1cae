/// Something about a certificate of a trust store that its owner should know. The store can be
/// used nevertheless, as API Gateway uses one that has `truststoreWarnings`.
public struct TrustStoreWarning: Sendable, Equatable, CustomStringConvertible {
    /// The file that the certificate is in.
    public let path: String
    /// Which of the file's certificates it is, from 1.
    public let position: Int
    /// Its subject, RFC 2253 in printable ASCII.
    public let subject: String
    /// What is the matter, and what follows from it.
    public let problem: String

    /// One line: file, certificate, problem.
    public var description: String { "\(path): certificate \(position) (\(subject)) \(problem)" }
}

extension TrustStoreOptions {
    /// What its owner should know of the store's certificates, in order; empty when it cannot be
    /// loaded, which `problem()` reports.
    ///
    /// - Parameter now: seconds since 1970.
    public func warnings(at now: Int64) -> [TrustStoreWarning] {
        guard let inspection = try? TrustStoreInspection(self, at: now) else { return [] }
        return inspection.warnings()
    }
}
