internal import COpenSSL

// One row for each failure that has a remedy of its own.
extension FailureDiagnosis {
    /// By OpenSSL's verdict on a chain, `X509_V_ERR_…`.
    init(verdict code: Int32) {
        self =
            Self.ofPath(code) ?? Self.ofTime(code) ?? Self.ofStrength(code) ?? Self.ofRules(code)
            ?? FailureDiagnosis(
                .badCertificate, "issue the certificate anew, by RFC 5280, and look at its reason")
    }

    private static func ofPath(_ code: Int32) -> FailureDiagnosis? {
        switch code {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            FailureDiagnosis(
                .untrusted, "the client must send its intermediate, or the trust store needs it")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            FailureDiagnosis(
                .untrusted,
                "the trust store lacks the root: add it, or set partialChain")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            FailureDiagnosis(
                .untrusted,
                "the certificate is self-signed: issue one from a trusted authority")
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            FailureDiagnosis(
                .untrusted,
                "the chain ends at a root that is not trusted: add it to the trust store")
        case X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_REJECTED:
            FailureDiagnosis(
                .untrusted, "the anchor does not trust this use: issue from another authority")
        case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
            FailureDiagnosis(
                .badSignature,
                "a trusted name with another key signed this: send the chain that belongs to it")
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
            FailureDiagnosis(
                .chainTooLong,
                "raise the trust store's chainLength, or issue from nearer the root")
        case X509_V_ERR_PATH_LENGTH_EXCEEDED:
            FailureDiagnosis(
                .chainTooLong,
                "an authority's pathlen forbids authorities below it: issue from that one")
        default: nil
        }
    }

    private static func ofTime(_ code: Int32) -> FailureDiagnosis? {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            FailureDiagnosis(.expired, "renew the certificate at fault, or check our clock")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            FailureDiagnosis(
                .notYetValid, "wait until it is valid, or check the issuer's clock and ours")
        case X509_V_ERR_CERT_REVOKED:
            FailureDiagnosis(
                .revoked,
                "issue a new certificate; if this was a mistake, take it off the list that names it"
            )
        case X509_V_ERR_CRL_HAS_EXPIRED:
            FailureDiagnosis(
                .revocationStale,
                "put the issuer's newest revocation list in place, or change its whenStale")
        default: nil
        }
    }

    private static func ofStrength(_ code: Int32) -> FailureDiagnosis? {
        switch code {
        case X509_V_ERR_INVALID_PURPOSE:
            FailureDiagnosis(
                .wrongPurpose,
                "issue it with the extended key usage clientAuth, or relax extendedKeyUsage")
        case X509_V_ERR_EE_KEY_TOO_SMALL:
            FailureDiagnosis(.weakKey, "issue the client a certificate for a longer key")
        case X509_V_ERR_CA_KEY_TOO_SMALL:
            FailureDiagnosis(.weakKey, "the authority at fault needs a longer key")
        case X509_V_ERR_CA_MD_TOO_WEAK:
            FailureDiagnosis(
                .weakSignature, "issue it anew with SHA-256 or better, as the trust store allows")
        default: nil
        }
    }

    private static func ofRules(_ code: Int32) -> FailureDiagnosis? {
        switch code {
        case X509_V_ERR_INVALID_CA, X509_V_ERR_INVALID_NON_CA, X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
            FailureDiagnosis(
                .constraints, "the certificate at fault may not issue others: use an authority's")
        case X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION,
            X509_V_ERR_SUBTREE_MINMAX, X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE,
            X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
            FailureDiagnosis(
                .constraints, "the authority's name constraints forbid this name: choose another")
        case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
            FailureDiagnosis(
                .badCertificate, "issue it without the critical extension that nobody here knows")
        case X509_V_ERR_APPLICATION_VERIFICATION, X509_V_ERR_OUT_OF_MEM, X509_V_ERR_INVALID_CALL:
            FailureDiagnosis(.internal, "report it, with the log lines around it")
        default: nil
        }
    }

    /// By libssl's reason, `SSL_R_…`, or else by the alert that it chose.
    init(libraryReason reason: Int32?, alert: UInt8?, _ kind: TLSError.Kind) {
        self =
            reason.flatMap(Self.ofCertificates) ?? reason.flatMap(Self.ofParameters)
            ?? alert.flatMap(Self.ofAlert)
            ?? FailureDiagnosis(
                kind == .certificate ? .badCertificate : .protocolError,
                "compare the client's TLS library with the reason")
    }

    private static func ofAlert(_ alert: UInt8) -> FailureDiagnosis? {
        switch Int32(alert) {
        case SSL_AD_DECRYPT_ERROR: ofCertificates(SSL_R_BAD_SIGNATURE)
        case SSL_AD_HANDSHAKE_FAILURE, SSL_AD_PROTOCOL_VERSION:
            FailureDiagnosis(
                .noSharedParameters,
                "compare the client's versions, cipher suites and groups with ours")
        default: nil
        }
    }

    private static func ofCertificates(_ reason: Int32) -> FailureDiagnosis? {
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            FailureDiagnosis(
                .noCertificate,
                "configure the client's certificate and key; it must be from a trusted authority")
        case SSL_R_EXCESSIVE_MESSAGE_SIZE:
            FailureDiagnosis(
                .listTooLarge, "send fewer certificates, or raise tls.certificateListLimit")
        case SSL_R_BAD_SIGNATURE, SSL_R_DIGEST_CHECK_FAILED:
            FailureDiagnosis(
                .badSignature, "the client does not hold the certificate's key: check its files")
        case SSL_R_UNKNOWN_CERTIFICATE_TYPE, SSL_R_WRONG_CERTIFICATE_TYPE, SSL_R_WRONG_CURVE,
            SSL_R_WRONG_SIGNATURE_TYPE:
            FailureDiagnosis(
                .weakKey, "use a key of RSA 2048 bits or more, P-256, P-384 or Ed25519")
        default: nil
        }
    }

    private static func ofParameters(_ reason: Int32) -> FailureDiagnosis? {
        switch reason {
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_INAPPROPRIATE_FALLBACK:
            FailureDiagnosis(
                .noSharedParameters, "the client must speak TLS 1.2 or 1.3: tls.minimumVersion")
        case SSL_R_NO_SHARED_CIPHER:
            FailureDiagnosis(
                .noSharedParameters,
                "give the client a modern cipher suite; tls.cipherSuites lists ours")
        case SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS:
            FailureDiagnosis(
                .noSharedParameters, "give the client a key-exchange group of tls.groups")
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            FailureDiagnosis(
                .noSharedParameters,
                "give the virtual host a certificate whose kind of key the client takes")
        case SSL_R_NO_APPLICATION_PROTOCOL:
            FailureDiagnosis(.noSharedParameters, "let the client offer http/1.1 by ALPN")
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST,
            SSL_R_UNKNOWN_PROTOCOL:
            FailureDiagnosis(
                .notTLS, "speak TLS on this port; behind a balancer, see proxyProtocol")
        default: nil
        }
    }

    /// By the alert that the client sent (RFC 8446 §6.2), which says what it thinks of us.
    init(alert: UInt8?) {
        let hint =
            switch alert.map(Int32.init) {
            case SSL_AD_UNKNOWN_CA:
                "the client does not trust our certificate's authority: give it the CA, and serve "
                    + "our whole chain"
            case SSL_AD_CERTIFICATE_EXPIRED: "renew our certificate, or check the client's clock"
            case SSL_AD_CERTIFICATE_REVOKED: "our certificate is revoked: replace it"
            case SSL_AD_BAD_CERTIFICATE, SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNSUPPORTED_CERTIFICATE:
                "the client refused our certificate: check its names, dates and chain"
            case SSL_AD_PROTOCOL_VERSION, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_INSUFFICIENT_SECURITY,
                SSL_AD_ILLEGAL_PARAMETER:
                "compare the client's versions, cipher suites and groups with ours"
            case SSL_AD_DECRYPT_ERROR:
                "the client could not verify our signature: check our certificate's key"
            case nil: "the client gave up: its own log says why"
            default: "the client refused to go on: its own log says why"
            }
        self.init(.peerAlert, hint)
    }
}
