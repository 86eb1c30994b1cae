/// What a key's value is.
public enum ValueKind: Sendable, Equatable {
    /// Free text.
    case text
    /// A path in the file system.
    case file
    /// A socket address.
    case address
    /// Yes or no.
    case flag
    /// A length of time, longer than 0.
    case duration
    /// A length of time, or 0.
    case durationOrZero
    /// A number of bytes.
    case size(ClosedRange<Int>)
    /// A number.
    case integer(ClosedRange<Int>)
    /// One of some words.
    case choice([String])
    /// A list of texts; comma-separated in the environment and on the command line.
    case list
    /// A list of paths in the file system.
    case files
    /// A path in the file system, or an address that is fetched.
    case source
    /// A list of both.
    case sources

    /// Whether a list is expected.
    public var isList: Bool { self == .list || self == .files || self == .sources }

    /// What is allowed, in words.
    public var allowed: String {
        switch self {
        case .text: "text"
        case .file: "a file path, relative to this file"
        case .address: "HOST:PORT, [IPV6]:PORT or unix:/path"
        case .flag: "true or false"
        case .duration: "a number with ms, s, m or h, such as 500ms or 10s"
        case .durationOrZero: "a number with ms, s, m or h, such as 500ms or 10s, or 0"
        case .size(let range):
            "bytes, or a number with KiB or MiB, \(range.lowerBound) to \(range.upperBound)"
        case .integer(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list: "a list of texts"
        case .files: "a list of paths, relative to this file"
        case .source: "a file path, relative to this file, s3://BUCKET/KEY or https://"
        case .sources: "a list of paths, relative to this file, s3://BUCKET/KEY or https://"
        }
    }
}

/// One key of the configuration: file, environment, flags and reference are made from it.
public struct ConfigurationKey: Sendable {
    /// Dotted path; `*` stands for a name of the operator's choice.
    public let pattern: String
    /// What its value is.
    public let kind: ValueKind
    /// The value when it is not given; nil when it may stay unset or must be given.
    public let fallback: String?
    /// What it does, one sentence.
    public let help: String

    init(_ pattern: String, _ kind: ValueKind, _ fallback: String?, _ help: String) {
        self.pattern = pattern
        self.kind = kind
        self.fallback = fallback
        self.help = help
    }

    var components: [Substring] { pattern.split(separator: ".") }

    func matches(_ path: [String]) -> Bool {
        let components = components
        return components.count == path.count
            && zip(components, path).allSatisfy { $0 == "*" || $0 == $1 }
    }
}

/// Every key there is.
public enum KeyTable {
    private static let count = 0...1_000_000_000
    private static let bytes = 0...(1 << 40)

    /// The keys, in the order of the reference.
    public static let keys: [ConfigurationKey] =
        general + edge + identity + externalAuthorizers + functionAuthorizers
        + authorizers
        + trust + fetchedTrust + revocation + sources + upstream + tls + protocols
        + tuning

    private static let general = [
        ConfigurationKey(
            "io", .choice(["auto", "io_uring", "epoll"]), "auto",
            "Which kernel interface moves the bytes."),
        ConfigurationKey(
            "workers", .integer(0...1_024), "0",
            "Threads, each with its own loop; 0 for one per core."),
        ConfigurationKey(
            "log.level", .choice(["debug", "info", "warning", "error"]), "info",
            "Least level of operational messages."),
        ConfigurationKey(
            "accessLog.path", .text, "off", "File of the access log, `stdout`, or `off`."),
        ConfigurationKey(
            "accessLog.queueBytes", .size(4_096...(1 << 30)), "4MiB",
            "Bytes of log lines that may wait per worker; more are dropped and counted."),
        ConfigurationKey(
            "admin.address", .address, nil,
            "Loopback or Unix address of /metrics, /healthz and /readyz; none when unset."),
        ConfigurationKey(
            "reload.watch", .flag, "true",
            "Whether changes of this file and of files it names are applied without SIGHUP."),
    ]

    private static let edge = [
        ConfigurationKey("listeners.*.address", .address, nil, "Where clients connect."),
        ConfigurationKey(
            "listeners.*.backlog", .integer(1...65_535), "4096",
            "Connections the kernel keeps waiting."),
        ConfigurationKey(
            "listeners.*.virtualHosts", .list, nil,
            "Names of the virtual hosts served there; all when unset."),
        ConfigurationKey(
            "listeners.*.proxyProtocol", .choice(["off", "required", "optional"]), "off",
            "Whether balancers begin connections with a PROXY header (v1 or v2); `required` refuses"
                + " other sources, `optional` takes them as clients."),
        ConfigurationKey(
            "listeners.*.proxyProtocolFrom", .list, "",
            "Networks (CIDR) of the balancers, or `unix:`; nobody else's header is believed."),
        ConfigurationKey(
            "virtualHosts.*.serverNames", .list, "",
            "Names (SNI and Host) it answers to; `*.example.com` is a wildcard, none is every Host."
        ),
        ConfigurationKey(
            "virtualHosts.*.default", .flag, "false",
            "Whether it takes handshakes with an unknown or no server name."),
        ConfigurationKey(
            "virtualHosts.*.certificates.*.chain", .file, nil,
            "PEM file: the server's certificate, then its intermediates."),
        ConfigurationKey(
            "virtualHosts.*.certificates.*.key", .file, nil, "PEM file of the certificate's key."),
        ConfigurationKey(
            "virtualHosts.*.certificates.*.passphraseFile", .file, "",
            "File whose first line opens an encrypted key; none when empty."),
        ConfigurationKey(
            "virtualHosts.*.clientCertificate", .choice(["required", "optional", "off"]),
            "required", "Whether clients present a certificate."),
        ConfigurationKey(
            "virtualHosts.*.trustStore", .text, nil,
            "Name of the trust store that client certificates are verified with."),
        ConfigurationKey(
            "virtualHosts.*.identityHeaders.*", .text, nil,
            "Format of the identity header of that name: `subject` or `subjectBase64`, or a "
                + "template."),
        ConfigurationKey(
            "virtualHosts.*.identity", .text, nil,
            "Name of the identity set whose headers are sent as well; none when unset."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.host", .text, nil,
            "Host the route is for; every host of the virtual host when unset."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.path", .text, "/",
            "Path prefix, by whole segments; the longest that matches wins."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.methods", .list, "", "Methods served; all when empty."),
        ConfigurationKey("virtualHosts.*.routes.*.upstream", .text, nil, "Name of the upstream."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.identity", .text, nil,
            "Name of the identity set sent instead of the virtual host's headers."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.requireCertificate", .flag, "true",
            "Whether anonymous clients get 403."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.authorize", .text, nil,
            "Name of the authorizer that says who may pass; all may when unset."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.assurance", .text, nil,
            "Name of an authorizer that is asked before: how well a client has to prove itself."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.allowWebSocket", .flag, "false",
            "Whether `Upgrade: websocket` is forwarded."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.allowEmptySegments", .flag, "false",
            "Whether `//` may stand in a path."),
        ConfigurationKey(
            "virtualHosts.*.routes.*.allowPathParameters", .flag, "false",
            "Whether `;` may stand in a path."),
    ]

    private static let trust = [
        ConfigurationKey(
            "trustStores.*.file", .source, nil, "PEM file of the trusted certificate authorities."),
        ConfigurationKey(
            "trustStores.*.sources", .sources, "",
            "More PEM files, or directories with .pem, .crt and .cer files."),
        ConfigurationKey(
            "trustStores.*.mode", .choice(["standard", "aws-apigw"]), "standard",
            "Whose rules hold: those of these keys, or beside them those of AWS API Gateway."),
        ConfigurationKey(
            "trustStores.*.chainLength", .integer(2...10), "4",
            "Certificates in a chain, leaf and anchor included."),
        ConfigurationKey(
            "trustStores.*.securityLevel", .integer(0...5), "2",
            "OpenSSL's level; 2 refuses RSA below 2048 bits and SHA-1."),
        ConfigurationKey(
            "trustStores.*.partialChains", .flag, "false",
            "Whether certificates that are not self-signed are anchors too."),
        ConfigurationKey(
            "trustStores.*.strict", .flag, "false",
            "Whether certificates must keep to RFC 5280 to the letter."),
        ConfigurationKey(
            "trustStores.*.extendedKeyUsage", .choice(["require", "if-present", "off"]),
            "if-present", "Whether the extension must allow client authentication."),
        ConfigurationKey(
            "trustStores.*.extendedKeyUsageExceptions", .files, "",
            "PEM files of issuers whose clients are excused from it."),
        ConfigurationKey(
            "trustStores.*.minimumRSABits", .integer(0...16_384), "0",
            "Fewest bits of an RSA key; 0 leaves it to the security level."),
        ConfigurationKey(
            "trustStores.*.minimumECBits", .integer(0...521), "0",
            "Fewest bits of an elliptic-curve key; 0 leaves it to the security level."),
        ConfigurationKey(
            "trustStores.*.signatureAlgorithms", .list, "",
            "OpenSSL names, such as ecdsa-with-SHA256; the security level's when empty."),
    ]

    private static let revocation = [
        ConfigurationKey(
            "revocation.denyList", .file, nil,
            "File of certificates to refuse whatever their issuers say; none when unset."),
        ConfigurationKey(
            "revocation.issuers.*.certificate", .file, nil,
            "PEM file of an authority; the certificates it issued are checked with its lists."),
        ConfigurationKey(
            "revocation.issuers.*.crls", .sources, nil,
            "Its revocation lists: PEM or DER files, or folders of them."),
        ConfigurationKey(
            "revocation.issuers.*.whenStale", .choice(["closed", "grace", "open"]), "closed",
            "Without a list in force: refuse all, rely on the last one for a time, or accept all."
        ),
        ConfigurationKey(
            "revocation.issuers.*.grace", .duration, "24h",
            "How long after its end a list is relied upon when whenStale is grace."),
    ]

    private static let upstream = [
        ConfigurationKey("upstreams.*.members", .list, nil, "Servers: HOST:PORT or unix:/path."),
        ConfigurationKey(
            "upstreams.*.balancing", .choice(["roundRobin", "leastConnections"]), "roundRobin",
            "How a server is picked for a request."),
        ConfigurationKey(
            "upstreams.*.maxConnections", .integer(1...65_535), "256", "Connections per worker."),
        ConfigurationKey(
            "upstreams.*.maxIdle", .integer(0...65_535), "128",
            "Idle connections per worker; no more than maxConnections."),
        ConfigurationKey(
            "upstreams.*.idleTimeout", .durationOrZero, "60s",
            "How long an idle connection is kept."),
        ConfigurationKey(
            "upstreams.*.maxRequestsPerConnection", .integer(count), "0",
            "Requests after which a connection is closed; 0 for no limit."),
        ConfigurationKey(
            "upstreams.*.queueLimit", .integer(0...1_000_000), "1024",
            "Requests per worker that may wait for a connection."),
        ConfigurationKey(
            "upstreams.*.queueTimeout", .durationOrZero, "5s",
            "How long a request may wait for a connection."),
        ConfigurationKey(
            "upstreams.*.resolveInterval", .durationOrZero, "30s",
            "How often names are resolved anew; 0 for never."),
        ConfigurationKey(
            "upstreams.*.connectRetries", .integer(0...16), "2",
            "Further servers that a request may try when a connect fails; then 502."),
        ConfigurationKey(
            "upstreams.*.ejectionFailures", .integer(0...1_000), "5",
            "Failures in a row after which a server is left out; 0 for never."),
        ConfigurationKey(
            "upstreams.*.ejectionTime", .durationOrZero, "1s",
            "Length of the first ejection, up to ejectionMaximum; it doubles each time."),
        ConfigurationKey(
            "upstreams.*.ejectionMaximum", .durationOrZero, "60s", "Longest ejection."),
        ConfigurationKey(
            "upstreams.*.tls.trust", .file, nil,
            "PEM file of the authorities that its servers are verified by; needed for TLS."),
        ConfigurationKey(
            "upstreams.*.tls.serverName", .text, nil,
            "Name or address that the servers' certificates are for; each member's own when unset."
        ),
        ConfigurationKey(
            "upstreams.*.tls.sni", .text, nil,
            "Name sent as SNI, with serverName; serverName when unset, none for an address."),
        ConfigurationKey(
            "upstreams.*.tls.certificate", .file, nil,
            "PEM file of the gateway's own certificate, then its intermediates; none when unset."),
        ConfigurationKey(
            "upstreams.*.tls.key", .file, nil, "PEM file of that certificate's key."),
        ConfigurationKey(
            "upstreams.*.tls.passphraseFile", .file, "",
            "File whose first line opens an encrypted key; none when empty."),
        ConfigurationKey(
            "upstreams.*.tls.minimumVersion", .choice(["1.2", "1.3"]), "1.2",
            "Oldest TLS version spoken to its servers."),
        ConfigurationKey(
            "upstreams.*.tls.sessionReuse", .choice(["on", "off"]), "on",
            "Whether connections resume sessions that servers gave, instead of a full handshake."),
    ]

    private static let tls = [
        ConfigurationKey(
            "tls.minimumVersion", .choice(["1.2", "1.3"]), "1.2", "Oldest TLS version accepted."),
        ConfigurationKey(
            "tls.cipherSuites", .text, nil, "TLS 1.3 cipher suites, OpenSSL names, colon-separated."
        ),
        ConfigurationKey(
            "tls.tls12Ciphers", .text, nil, "TLS 1.2 cipher suites, OpenSSL names, colon-separated."
        ),
        ConfigurationKey("tls.groups", .text, nil, "Key-exchange groups, colon-separated."),
        ConfigurationKey(
            "tls.certificateListLimit", .size(1_024...65_536), "16KiB",
            "Bytes of a client's certificate list."),
        ConfigurationKey(
            "tls.fastCertificatePath", .choice(["auto", "off"]), "auto",
            "Whether certificates are parsed by a smaller OpenSSL library, where it proves to work."
        ),
        ConfigurationKey(
            "tls.validationCache.capacity", .integer(0...1_000_000), "4096",
            "Valid chains remembered per worker and trust store; 0 verifies each time."),
        ConfigurationKey(
            "tls.validationCache.lifetime", .duration, "10m",
            "How long a chain is remembered, at most 1h."),
        ConfigurationKey(
            "tls.sessionResumption", .choice(["stateful", "off"]), "stateful",
            "Whether clients may resume a session instead of a full handshake."),
        ConfigurationKey(
            "tls.sessionCapacity", .integer(1...10_000_000), "20000",
            "Sessions kept by the whole process."),
        ConfigurationKey(
            "tls.sessionsPerCertificate", .integer(1...1_024), "8",
            "Sessions of one client certificate on one virtual host; its oldest goes first."),
        ConfigurationKey(
            "tls.sessionLifetime", .duration, "5m",
            "From the full handshake to the last resumption, at most 1h."),
    ]

    private static let protocols = [
        ConfigurationKey(
            "http.forwarded", .choice(["x-forwarded", "forwarded", "off"]), "x-forwarded",
            "Forwarding fields written; inbound ones are removed in any case."),
        ConfigurationKey(
            "http.trustedProxies", .list, "",
            "Networks (CIDR) whose own forwarding fields are kept and extended."),
        ConfigurationKey(
            "http.requestId", .flag, "true",
            "Whether every request has an X-Request-Id: a trusted proxy's, if well-formed, or ours."
        ),
        ConfigurationKey("http.via", .flag, "false", "Whether Via is added in both directions."),
        ConfigurationKey(
            "http.allowedSpellings", .list, "", "Names with `_` or `.` that are let through."),
        ConfigurationKey(
            "http.requestTrailers", .list, "",
            "Names of trailer fields of chunked requests that are passed on; others are dropped."),
        ConfigurationKey(
            "http.ownedHeaderExceptions", .list, "",
            "Field names of the stripped families that are let through."),
        ConfigurationKey(
            "limits.headBytes", .size(1_024...65_536), "16KiB", "Bytes of a request head (431)."),
        ConfigurationKey(
            "limits.headerCount", .integer(1...1_000), "100", "Field lines of a request head (431)."
        ),
        ConfigurationKey(
            "limits.uriBytes", .size(64...65_536), "8KiB", "Bytes of a request target (414)."),
        ConfigurationKey(
            "limits.bodyBytes", .size(bytes), "0", "Bytes of a request body (413); 0: no limit."),
        ConfigurationKey(
            "limits.connections", .integer(1...1_000_000), "16384", "Client connections per worker."
        ),
        ConfigurationKey(
            "limits.handshakesInFlight", .integer(1...100_000), "1024",
            "TLS handshakes at once per worker; then the oldest silent one goes."),
        ConfigurationKey(
            "limits.handshakeFailuresPerSource", .integer(0...1_000_000), "60",
            "Failed handshakes a minute of one source (IPv4 address, IPv6 /64) per worker, before"
                + " its connections are closed at accept; 0 for no limit."),
        ConfigurationKey(
            "limits.requestsPerConnection", .integer(count), "0",
            "Requests after which a client's connection is closed; 0 for no limit."),
        ConfigurationKey(
            "timeouts.handshake", .duration, "10s", "From accept to the end of the TLS handshake."),
        ConfigurationKey(
            "timeouts.head", .duration, "10s", "From a head's first byte to its last (408)."),
        ConfigurationKey(
            "timeouts.body", .duration, "30s", "Window in which a body has to make progress."),
        ConfigurationKey(
            "timeouts.bodyMinimumRate", .size(bytes), "0",
            "Bytes per second a body must make over the window; 0 for any progress."),
        ConfigurationKey(
            "timeouts.idle", .duration, "60s", "Between two requests of a connection."),
        ConfigurationKey(
            "timeouts.upstreamConnect", .duration, "5s",
            "For each attempt to get an upstream connection (504)."),
        ConfigurationKey(
            "timeouts.upstreamHead", .duration, "60s",
            "From the end of a request to the response's head (504)."),
        ConfigurationKey(
            "timeouts.total", .durationOrZero, "0", "Of a whole exchange; 0 for no limit."),
        ConfigurationKey("timeouts.tunnel", .duration, "1h", "Silence in a WebSocket."),
        ConfigurationKey(
            "timeouts.lingering", .duration, "5s",
            "For a client to read the last response and close."),
        ConfigurationKey(
            "timeouts.drain", .durationOrZero, "10s",
            "For connections to finish on SIGTERM, or when a reload ends them; 0: at once."),
    ]

    private static let tuning = [
        ConfigurationKey(
            "tuning.ringEntries", .integer(64...32_768), "1024",
            "Entries of the io_uring submission queue."),
        ConfigurationKey(
            "tuning.completionEntries", .integer(128...65_536), "4096",
            "Entries of the io_uring completion queue."),
        ConfigurationKey(
            "tuning.receiveBuffers", .integer(4...32_768), "256",
            "Receive buffers per worker, a power of two (io_uring)."),
        ConfigurationKey(
            "tuning.receiveBufferBytes", .size(4_096...262_144), "16KiB",
            "Size of a receive buffer (io_uring)."),
        ConfigurationKey(
            "tuning.relayBuffers", .integer(64...1_000_000), "65536",
            "Relay buffers of 36 KiB per worker, at most."),
        ConfigurationKey(
            "tuning.pinWorkers", .flag, "false", "Whether each worker is pinned to a core."),
    ]

    /// The key for a concrete path.
    static func key(for path: [String]) -> ConfigurationKey? { keys.first { $0.matches(path) } }

    /// The components that may stand after `prefix`; `*` where any name may.
    static func children(of prefix: [String]) -> [String] {
        var found: [String] = []
        for key in keys {
            let components = key.components
            guard components.count > prefix.count,
                zip(components, prefix).allSatisfy({ $0 == "*" || $0 == $1 })
            else { continue }
            let child = String(components[prefix.count])
            if !found.contains(child) { found.append(child) }
        }
        return found
    }
}
