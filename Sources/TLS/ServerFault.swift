internal import COpenSSL

/// Why TLS to a server failed, for logs. The raw values are public.
public enum ServerFault: String, CaseIterable, Sendable {
    /// No path from its certificate to a trusted anchor.
    case untrusted
    /// A certificate of its chain has expired.
    case expired
    /// A certificate of its chain is not valid yet.
    case notYetValid = "not_yet_valid"
    /// Its certificate is for other names.
    case nameMismatch = "name_mismatch"
    /// Its certificate or chain is not acceptable for another reason.
    case badCertificate = "bad_certificate"
    /// No version, cipher suite or group in common.
    case noSharedParameters = "no_shared_parameters"
    /// What it sent is not TLS.
    case notTLS = "not_tls"
    /// It sent a fatal alert: it refused us.
    case peerAlert = "peer_alert"
    /// It broke the protocol.
    case protocolError = "protocol_error"
    /// It closed the connection in the middle of something.
    case closed
    /// It did not finish the handshake in time.
    case timeout
    /// A fault on our side.
    case `internal`

    /// What happened, for the line of a request in the access log.
    public var detail: StaticString {
        switch self {
        case .untrusted: "the upstream's certificate is not trusted"
        case .expired: "the upstream's certificate has expired"
        case .notYetValid: "the upstream's certificate is not valid yet"
        case .nameMismatch: "the upstream's certificate is for another name"
        case .badCertificate: "the upstream's certificate is not acceptable"
        case .noSharedParameters: "no TLS version or cipher suite in common with the upstream"
        case .notTLS: "the upstream does not speak TLS"
        case .peerAlert: "the upstream refused us by a TLS alert"
        case .protocolError: "the upstream broke the TLS protocol"
        case .closed: "the upstream ended the TLS connection too early"
        case .timeout: "the upstream took too long for the TLS handshake"
        case .internal: "TLS to the upstream could not be begun"
        }
    }

    /// What would mend it, one sentence without a full stop, ASCII.
    public var hint: StaticString {
        switch self {
        case .untrusted:
            "name the server's authority in tls.trust, and let the server send its intermediates"
        case .expired: "renew the server's certificate, or check our clock"
        case .notYetValid: "wait until it is valid, or check the issuer's clock and ours"
        case .nameMismatch:
            "name one of the certificate's own names in tls.serverName, or issue it for that name"
        case .badCertificate: "issue the server's certificate anew, for serverAuth"
        case .noSharedParameters:
            "compare the server's TLS versions with tls.minimumVersion, and its cipher suites"
        case .notTLS: "connect to the server's TLS port, or leave tls out"
        case .peerAlert: "look at the server's log, and at tls.certificate if it asks for one"
        case .protocolError: "compare the server's TLS library with the reason"
        case .closed: "look at the server's log"
        case .timeout: "look at the server's load, or raise timeouts.upstreamConnect"
        case .internal: "report it, with the log lines around it"
        }
    }
}

extension TLSError {
    /// Why a client's connection failed: by OpenSSL's verdict on the server's chain where there is
    /// one, then by libssl's reason or the alert.
    public var serverFault: ServerFault {
        switch x509Code {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: return .nameMismatch
        default: break
        }
        switch diagnosis.cause {
        case .untrusted, .badSignature: return .untrusted
        case .expired: return .expired
        case .notYetValid: return .notYetValid
        case .noCertificate, .revoked, .revocationStale, .wrongPurpose, .weakKey, .weakSignature,
            .chainTooLong, .constraints, .badCertificate, .listTooLarge:
            return .badCertificate
        case .noSharedParameters: return .noSharedParameters
        case .notTLS: return .notTLS
        case .peerAlert:
            switch alert.map(Int32.init) {
            case SSL_AD_PROTOCOL_VERSION, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_INSUFFICIENT_SECURITY:
                return .noSharedParameters
            default: return .peerAlert
            }
        case .protocolError, .other: return .protocolError
        case .internal, .unknownServerName: return .internal
        }
    }
}
