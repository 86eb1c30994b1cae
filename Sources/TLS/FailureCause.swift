/// Why a handshake failed, for metrics and logs. The raw values are public: labels of
/// `postern_handshakes_failed_total`.
public enum FailureCause: String, CaseIterable, Sendable {
    /// A certificate is required, and none came.
    case noCertificate = "no_certificate"
    /// No path to a trusted anchor.
    case untrusted
    /// A certificate of the chain has expired.
    case expired
    /// A certificate of the chain is not valid yet.
    case notYetValid = "not_yet_valid"
    /// A certificate of the chain is revoked, or on a deny list.
    case revoked
    /// An issuer has no revocation list in force, and its policy is to refuse then.
    case revocationStale = "revocation_stale"
    /// A certificate is not for client authentication.
    case wrongPurpose = "wrong_purpose"
    /// A key is too short.
    case weakKey = "weak_key"
    /// A signature algorithm is too weak, or not allowed.
    case weakSignature = "weak_signature"
    /// More certificates than the trust store, or an authority, allows.
    case chainTooLong = "chain_too_long"
    /// A certificate that issued another is no authority, or its constraints forbid this one.
    case constraints
    /// A signature does not verify: a certificate's, or the proof that the client holds its key.
    case badSignature = "bad_signature"
    /// A certificate cannot be read, or is not what RFC 5280 allows.
    case badCertificate = "bad_certificate"
    /// The certificate list has more bytes than the configuration allows.
    case listTooLarge = "list_too_large"
    /// No virtual host answers to the name.
    case unknownServerName = "unknown_server_name"
    /// No version, cipher suite or group in common.
    case noSharedParameters = "no_shared_parameters"
    /// What came is not TLS.
    case notTLS = "not_tls"
    /// The client sent a fatal alert: it refused us.
    case peerAlert = "peer_alert"
    /// The client broke the protocol.
    case protocolError = "protocol_error"
    /// A fault on our side.
    case `internal`
    /// Anything else.
    case other
}

/// A failed handshake, sorted and with a remedy.
public struct FailureDiagnosis: Equatable, Sendable {
    /// Why it failed.
    public let cause: FailureCause
    /// What would mend it, one sentence without a full stop, ASCII.
    public let hint: String

    init(_ cause: FailureCause, _ hint: String) {
        self.cause = cause
        self.hint = hint
    }
}

extension TLSError {
    /// Why it failed and what would mend it: by OpenSSL's verdict on the chain where there is one,
    /// then by libssl's reason or the alert.
    public var diagnosis: FailureDiagnosis {
        if let x509Code { return FailureDiagnosis(verdict: x509Code) }
        switch kind {
        case .serverName:
            return FailureDiagnosis(
                .unknownServerName,
                "the client must send a server name that a virtual host lists, or mark one default")
        case .peerAlert: return FailureDiagnosis(alert: alert)
        case .certificate, .protocolViolation:
            return FailureDiagnosis(libraryReason: libraryReason, alert: alert, kind)
        case .keyUpdateFlood:
            return FailureDiagnosis(.protocolError, "the client renews its keys without need")
        case .internal:
            return FailureDiagnosis(.internal, "report it, with the log lines around it")
        }
    }
}
