/// One thing that is asked of a client's certificate, and what came of it.
public struct ChainCheck: Sendable, Equatable {
    /// What is asked, in the order in which it is.
    public enum Name: String, CaseIterable, Sendable {
        /// The list has no more bytes than the configuration allows.
        case listSize = "certificate list size"
        /// The chain leads to an anchor of the trust store.
        case anchor = "trust anchor"
        /// It has no more certificates than the trust store allows.
        case length = "chain length"
        /// Every signature is that of the issuer.
        case signatures
        /// Every certificate is valid at that time.
        case validity
        /// OpenSSL's security level: keys and signatures.
        case securityLevel = "security level"
        /// The extended key usage.
        case usage = "extended key usage"
        /// What else OpenSSL asks: authorities, constraints, extensions.
        case constraints
        /// The trust store's own least keys.
        case keys = "minimum keys"
        /// The trust store's own signature algorithms.
        case algorithms = "signature algorithms"
        /// Deny lists and revocation lists.
        case revocation
    }

    /// What came of it.
    public enum Result: String, Sendable {
        case passed
        case failed
        /// An earlier failure leaves nothing to look at.
        case notReached = "not reached"
    }

    /// What is asked.
    public let name: Name
    /// What came of it.
    public var result: Result
    /// The values that were compared, and what is wrong with them; printable ASCII.
    public var details: [String]
}

extension ChainCheck.Name {
    /// The check that OpenSSL's verdict for `cause` belongs to.
    init(_ cause: FailureCause) {
        switch cause {
        case .untrusted: self = .anchor
        case .chainTooLong: self = .length
        case .badSignature: self = .signatures
        case .expired, .notYetValid: self = .validity
        case .weakKey, .weakSignature: self = .securityLevel
        case .wrongPurpose: self = .usage
        case .listTooLarge: self = .listSize
        case .revoked, .revocationStale: self = .revocation
        case .constraints, .badCertificate, .noCertificate, .unknownServerName,
            .noSharedParameters, .notTLS, .peerAlert, .protocolError, .internal, .other:
            self = .constraints
        }
    }
}
