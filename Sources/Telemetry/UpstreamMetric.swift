/// Counters and gauges of each upstream: one table of name, kind and help.
public enum UpstreamMetric: Int, CaseIterable, Sendable {
    case requests, failures, connectErrors, connectionsOpen, connectionsIdle, queued
    case tlsHandshakes, tlsHandshakesResumed, tlsHandshakeFailures

    /// Whether it can go down.
    public var isGauge: Bool {
        switch self {
        case .requests, .failures, .connectErrors, .tlsHandshakes, .tlsHandshakesResumed,
            .tlsHandshakeFailures:
            false
        case .connectionsOpen, .connectionsIdle, .queued: true
        }
    }

    /// Name in the Prometheus exposition, where the label `upstream` says of which.
    public var name: String {
        switch self {
        case .requests: "postern_upstream_requests_total"
        case .failures: "postern_upstream_failures_total"
        case .connectErrors: "postern_upstream_connect_errors_total"
        case .connectionsOpen: "postern_upstream_pool_open"
        case .connectionsIdle: "postern_upstream_pool_idle"
        case .queued: "postern_upstream_pool_queued"
        case .tlsHandshakes: "postern_upstream_tls_handshakes_total"
        case .tlsHandshakesResumed: "postern_upstream_tls_handshakes_resumed_total"
        case .tlsHandshakeFailures: "postern_upstream_tls_handshakes_failed_total"
        }
    }

    /// One line of help.
    public var help: String {
        switch self {
        case .requests: "Requests sent to the upstream, each attempt of one."
        case .failures: "Requests that the upstream answered badly, too late, or not to the end."
        case .connectErrors: "Connects to the upstream that failed or took too long."
        case .connectionsOpen: "Connections in the upstream's pools, those being opened included."
        case .connectionsIdle: "Connections in the upstream's pools that wait for a request."
        case .queued: "Requests waiting for a connection to the upstream."
        case .tlsHandshakes: "TLS handshakes with the upstream that were completed."
        case .tlsHandshakesResumed: "Those of them that resumed a session."
        case .tlsHandshakeFailures: "TLS handshakes with the upstream that failed."
        }
    }
}
