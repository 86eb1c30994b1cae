/// Every plain counter and gauge: one table of name, kind and help.
public enum Metric: Int, CaseIterable, Sendable {
    case connectionsAccepted, connectionsRefused, connectionsActive, acceptFailures
    case handshakesCompleted, handshakesAborted, handshakesTimedOut, handshakesEvicted
    case handshakesInFlight, handshakesResumed, handshakesWaiting, handshakeEventsSuppressed
    case identityRefused, tlsRecordErrors
    case validationHits, validationMisses, validationEvictions, validationExpired
    case validationRevoked
    case proxyHeadersRefused, proxySourcesRefused, sourcesRefused
    case requests, bytesSent, upstreamBytesReceived
    case authorizationAllowed, authorizationRefused, authorizationReported
    case upstreamConnects, upstreamConnectFailures, upstreamReuses, upstreamRetries
    case upstreamConnectionsActive, upstreamQueued, upstreamEjections
    case upstreamIdle, bufferedBytes, bufferedBytesLargest
    case buffersOutstanding, fieldsOwnedDropped, fieldsSuspiciousDropped, accessLogDropped
    case configurationReloadFailures, configurationLastReloadSuccessful, configurationLastReload
    case configurationGeneration, revocationGeneration, revocationProblems
    case credentialsExpiry, credentialsFailures
    case loopTurns, loopSystemCalls, loopBufferExhaustions, loopCompletionOverflows
    case sweepTurnLargest

    /// Whether it is the largest value of any worker, rather than what all of them have.
    public var isLargest: Bool { self == .bufferedBytesLargest || self == .sweepTurnLargest }

    /// Whether it can go down.
    public var isGauge: Bool {
        switch self {
        case .connectionsActive, .handshakesInFlight, .handshakesWaiting,
            .upstreamConnectionsActive,
            .upstreamQueued, .upstreamIdle, .buffersOutstanding, .bufferedBytes,
            .bufferedBytesLargest, .configurationLastReloadSuccessful, .configurationLastReload,
            .configurationGeneration, .revocationGeneration, .revocationProblems,
            .sweepTurnLargest, .credentialsExpiry:
            true
        default: false
        }
    }

    /// Name in the Prometheus exposition.
    public var name: String {
        switch self {
        case .connectionsAccepted: "postern_connections_accepted_total"
        case .connectionsRefused: "postern_connections_refused_total"
        case .connectionsActive: "postern_connections_active"
        case .acceptFailures: "postern_accept_failures_total"
        case .handshakesCompleted: "postern_handshakes_completed_total"
        case .handshakesAborted: "postern_handshakes_aborted_total"
        case .handshakesTimedOut: "postern_handshakes_timed_out_total"
        case .handshakesEvicted: "postern_handshakes_evicted_total"
        case .handshakesInFlight: "postern_handshakes_in_flight"
        case .handshakesResumed: "postern_handshakes_resumed_total"
        case .handshakesWaiting: "postern_handshakes_waiting"
        case .handshakeEventsSuppressed: "postern_handshake_events_suppressed_total"
        case .identityRefused: "postern_identities_refused_total"
        case .tlsRecordErrors: "postern_tls_record_errors_total"
        case .validationHits: "postern_validation_cache_hits_total"
        case .validationMisses: "postern_validation_cache_misses_total"
        case .validationEvictions: "postern_validation_cache_evictions_total"
        case .validationExpired: "postern_validation_cache_expired_total"
        case .validationRevoked: "postern_validation_cache_revoked_total"
        case .proxyHeadersRefused: "postern_proxy_headers_refused_total"
        case .proxySourcesRefused: "postern_proxy_sources_refused_total"
        case .sourcesRefused: "postern_sources_refused_total"
        case .requests: "postern_requests_total"
        case .authorizationAllowed: "postern_authorization_allowed_total"
        case .authorizationRefused: "postern_authorization_refused_total"
        case .authorizationReported: "postern_authorization_reported_total"
        case .bytesSent: "postern_sent_bytes_total"
        case .upstreamBytesReceived: "postern_upstream_received_bytes_total"
        case .upstreamConnects: "postern_upstream_connects_total"
        case .upstreamConnectFailures: "postern_upstream_connect_failures_total"
        case .upstreamReuses: "postern_upstream_reuses_total"
        case .upstreamRetries: "postern_upstream_retries_total"
        case .upstreamConnectionsActive: "postern_upstream_connections"
        case .upstreamQueued: "postern_upstream_queued"
        case .upstreamEjections: "postern_upstream_ejections_total"
        case .upstreamIdle: "postern_upstream_connections_idle"
        case .bufferedBytes: "postern_buffered_bytes"
        case .bufferedBytesLargest: "postern_buffered_bytes_largest"
        case .buffersOutstanding: "postern_buffers_outstanding"
        case .fieldsOwnedDropped: "postern_fields_owned_dropped_total"
        case .fieldsSuspiciousDropped: "postern_fields_suspicious_dropped_total"
        case .accessLogDropped: "postern_access_log_dropped_total"
        case .configurationReloadFailures: "postern_config_reload_failures_total"
        case .configurationLastReloadSuccessful: "postern_config_last_reload_successful"
        case .configurationLastReload: "postern_config_last_reload_timestamp_seconds"
        case .configurationGeneration: "postern_config_generation"
        case .revocationGeneration: "postern_revocation_generation"
        case .revocationProblems: "postern_revocation_problems"
        case .credentialsExpiry: "postern_aws_credentials_expiry_timestamp_seconds"
        case .credentialsFailures: "postern_aws_credentials_failures_total"
        case .loopTurns: "postern_loop_turns_total"
        case .loopSystemCalls: "postern_loop_system_calls_total"
        case .loopBufferExhaustions: "postern_loop_buffer_exhaustions_total"
        case .loopCompletionOverflows: "postern_loop_completion_overflows_total"
        case .sweepTurnLargest: "postern_sweep_turn_cpu_microseconds_largest"
        }
    }

    /// One line of help.
    public var help: String {
        switch self {
        case .connectionsAccepted: "Client connections accepted."
        case .connectionsRefused: "Client connections closed at once: no place for them."
        case .connectionsActive: "Client connections open."
        case .acceptFailures: "Accepts that failed, for want of descriptors or memory."
        case .handshakesCompleted: "TLS handshakes completed."
        case .handshakesAborted: "TLS handshakes that the client gave up."
        case .handshakesTimedOut: "TLS handshakes over their deadline."
        case .handshakesEvicted: "TLS handshakes closed to make room for newer ones."
        case .handshakesInFlight: "TLS handshakes in progress."
        case .handshakesResumed: "TLS handshakes that resumed a session."
        case .handshakesWaiting: "TLS handshakes whose bytes wait until it is their turn."
        case .handshakeEventsSuppressed: "Failed handshakes that were counted, but not logged."
        case .identityRefused: "Connections whose certificate no header can carry."
        case .tlsRecordErrors: "Connections ended by a bad TLS record."
        case .validationHits: "Chains that had been verified before."
        case .validationMisses: "Chains that had to be verified."
        case .validationEvictions: "Verified chains that were forgotten to make room."
        case .validationExpired: "Verified chains that were found too old."
        case .validationRevoked: "Verified chains that were found revoked."
        case .proxyHeadersRefused: "Connections closed: a PROXY header was bad or missing."
        case .proxySourcesRefused: "Connections closed at once: not from a listed balancer."
        case .sourcesRefused:
            "Connections closed before TLS: their source fails too many handshakes."
        case .requests: "Requests whose head was complete."
        case .authorizationAllowed: "Requests that the rules of their route allowed."
        case .authorizationRefused: "Requests that the rules of their route refused."
        case .authorizationReported:
            "Requests that rules would have refused, were they not there to report only."
        case .bytesSent: "Bytes sent to clients, TLS included."
        case .upstreamBytesReceived: "Bytes received from upstreams."
        case .upstreamConnects: "Connections opened to upstreams."
        case .upstreamConnectFailures: "Connections to upstreams that failed."
        case .upstreamReuses: "Exchanges on a connection that carried one before."
        case .upstreamRetries: "Exchanges repeated on another connection, or member."
        case .upstreamConnectionsActive: "Connections to upstreams, idle ones included."
        case .upstreamQueued: "Requests waiting for an upstream connection."
        case .upstreamEjections: "Members left out because they kept failing."
        case .upstreamIdle: "Connections to upstreams that wait in the pool."
        case .bufferedBytes: "Bytes that are kept for all connections, the event loop's included."
        case .bufferedBytesLargest: "Bytes that the fullest session of any worker keeps."
        case .buffersOutstanding: "Buffers in use."
        case .fieldsOwnedDropped: "Request fields dropped: names that only the gateway sets."
        case .fieldsSuspiciousDropped: "Request fields dropped: `_` or `.` in the name."
        case .accessLogDropped: "Access-log lines lost: no room in the queue, or not written."
        case .configurationReloadFailures: "Reloads that changed nothing, since something is wrong."
        case .configurationLastReloadSuccessful: "1 when the last reload was served by, else 0."
        case .configurationLastReload:
            "When the configuration that is served by was taken, Unix time."
        case .configurationGeneration: "Counts the configurations served by, from 1 at the start."
        case .revocationGeneration: "Counts the sets of revoked certificates, from 1 at the start."
        case .revocationProblems:
            "Sources of revocation that cannot be used: what was known counts."
        case .credentialsExpiry:
            "When the credentials for AWS expire, Unix time; 0 when they do not say."
        case .credentialsFailures: "Times that credentials for AWS could not be had."
        case .loopTurns: "Turns of the event loop."
        case .loopSystemCalls: "System calls of the event loop."
        case .loopBufferExhaustions: "Times that no receive buffer was left."
        case .loopCompletionOverflows: "Times that the completion queue overflowed."
        case .sweepTurnLargest:
            "CPU time of the longest turn in which connections heard of a reload, or of the end."
        }
    }
}
