/// Why a client's connection ended. One table: symbol for metrics and logs, help for documents.
public enum CloseReason: String, CaseIterable, Sendable {
    /// The client closed between requests.
    case clientClosed = "client_closed"
    /// The client went away in the middle of something.
    case clientAborted = "client_aborted"
    /// Nothing came in the idle time.
    case idleTimeout = "idle_timeout"
    /// The TLS handshake failed.
    case handshakeFailed = "handshake_failed"
    /// The TLS handshake took too long.
    case handshakeTimeout = "handshake_timeout"
    /// A newer handshake needed the place.
    case handshakeEvicted = "handshake_evicted"
    /// The PROXY header was bad or missing.
    case proxyHeaderRefused = "proxy_header_refused"
    /// Its source, as a PROXY header named it, fails too many handshakes.
    case sourceRefused = "source_refused"
    /// The certificate's names cannot be rendered into headers.
    case identityRefused = "identity_refused"
    /// The worker had no buffer left.
    case outOfBuffers = "out_of_buffers"
    /// A TLS record was bad.
    case tlsError = "tls_error"
    /// A body made too little progress.
    case bodyTimeout = "body_timeout"
    /// The upstream failed after the response had begun.
    case upstreamAborted = "upstream_aborted"
    /// A WebSocket ended.
    case tunnelEnded = "tunnel_ended"
    /// The gateway is stopping.
    case draining = "draining"
    /// A reload left the connection no place: its virtual host is gone or admits otherwise.
    case configurationChanged = "configuration_changed"
    /// The rules of a tunnel's route refuse its client now.
    case authorizationLost = "authorization_lost"
    /// The client's certificate was revoked, or cannot be said to be good any more.
    case certificateRevoked = "certificate_revoked"

    /// Position in the table.
    public var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Why a request was answered by the gateway itself.
public enum RefusalReason: UInt8, CaseIterable, Sendable {
    case badRequest, headTooLarge, uriTooLong, bodyTooLarge, methodNotAllowed, misdirected
    case noRoute, certificateRequired, assuranceUnmet, notAuthorized
    case forbiddenUpgrade, expectationFailed, versionNotSupported
    case requestTimeout, upstreamUnavailable, upstreamConnectFailed, upstreamTimeout
    case upstreamProtocolError, upstreamReset, queueFull, queueTimeout, draining, internalError
    case identityRefused, upstreamTLSFailed, authorizerFailed

    /// The status that the client gets.
    public var status: UInt16 {
        switch self {
        case .badRequest: 400
        case .headTooLarge: 431
        case .uriTooLong: 414
        case .bodyTooLarge: 413
        case .methodNotAllowed: 405
        case .misdirected: 421
        case .noRoute: 404
        case .certificateRequired, .assuranceUnmet, .notAuthorized, .forbiddenUpgrade,
            .identityRefused:
            403
        case .expectationFailed: 417
        case .versionNotSupported: 505
        case .requestTimeout: 408
        case .upstreamConnectFailed, .upstreamTLSFailed, .upstreamProtocolError, .upstreamReset: 502
        case .upstreamUnavailable, .queueFull, .queueTimeout, .draining, .authorizerFailed: 503
        case .upstreamTimeout: 504
        case .internalError: 500
        }
    }

    /// Name in metrics and logs.
    public var symbol: StaticString {
        switch self {
        case .badRequest: "bad_request"
        case .headTooLarge: "head_too_large"
        case .uriTooLong: "uri_too_long"
        case .bodyTooLarge: "body_too_large"
        case .methodNotAllowed: "method_not_allowed"
        case .misdirected: "misdirected"
        case .noRoute: "no_route"
        case .certificateRequired: "certificate_required"
        case .assuranceUnmet: "assurance_unmet"
        case .notAuthorized: "not_authorized"
        case .forbiddenUpgrade: "forbidden_upgrade"
        case .expectationFailed: "expectation_failed"
        case .versionNotSupported: "version_not_supported"
        case .requestTimeout: "request_timeout"
        case .upstreamUnavailable: "upstream_unavailable"
        case .upstreamConnectFailed: "upstream_connect_failed"
        case .upstreamTLSFailed: "upstream_tls_failed"
        case .upstreamTimeout: "upstream_timeout"
        case .upstreamProtocolError: "upstream_protocol_error"
        case .upstreamReset: "upstream_reset"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .draining: "draining"
        case .internalError: "internal_error"
        case .identityRefused: "identity_refused"
        case .authorizerFailed: "authorizer_failed"
        }
    }
}

/// Why a TLS handshake failed; the names are those of TLS's `FailureCause`, which says more.
public enum HandshakeFailure: String, CaseIterable, Sendable {
    case noCertificate = "no_certificate"
    case untrusted, expired
    case notYetValid = "not_yet_valid"
    case revoked
    case revocationStale = "revocation_stale"
    case wrongPurpose = "wrong_purpose"
    case weakKey = "weak_key"
    case weakSignature = "weak_signature"
    case chainTooLong = "chain_too_long"
    case constraints
    case badSignature = "bad_signature"
    case badCertificate = "bad_certificate"
    case listTooLarge = "list_too_large"
    case unknownServerName = "unknown_server_name"
    case noSharedParameters = "no_shared_parameters"
    case notTLS = "not_tls"
    case peerAlert = "peer_alert"
    case protocolError = "protocol_error"
    case `internal`, other

    /// Position in the table.
    public var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
