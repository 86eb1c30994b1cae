public import Authorization
public import Core
public import Identity
public import TLS

/// A whole configuration, checked: nothing in it contradicts anything else in it.
public struct GatewaySettings: Sendable {
    /// `auto`, `io_uring` or `epoll`.
    public var io = "auto"
    /// Threads; 0 for one per core.
    public var workers = 0
    /// Least level of operational messages.
    public var logLevel = "info"
    /// File of the access log, `stdout` or `off`.
    public var accessLogPath = "off"
    /// Bytes of log lines that may wait per worker.
    public var accessLogQueueBytes = 0
    /// Where metrics and health are served; nil for nowhere.
    public var adminAddress: SocketAddress?
    /// Where clients connect.
    public var listeners: [ListenerSettings] = []
    /// Named sets of headers that say who the client is.
    public var identitySets: [(name: String, set: IdentityHeaderSet)] = []
    /// The virtual hosts.
    public var virtualHosts: [VirtualHostSettings] = []
    /// The authorizers.
    public var authorizers: [AuthorizerSettings] = []
    /// The upstreams.
    public var upstreams: [UpstreamSettings] = []
    /// How files are fetched, and where they are kept.
    public var sources = SourceSettings()
    /// The files that are fetched.
    public var remoteSources: [RemoteSource] = []
    /// Which client certificates are revoked.
    public var revocation = RevocationOptions()
    /// TLS towards clients.
    public var tls = TLSSettings()
    /// What is added to and removed from messages.
    public var http = HTTPSettings()
    /// How large things may be.
    public var limits = LimitSettings()
    /// How long things may take.
    public var timeouts = TimeoutSettings()
    /// Sizes of the machinery.
    public var tuning = TuningSettings()
    /// Whether changed files are applied without being asked.
    public var reloadWatch = true
    /// Every header that says who the client is, on whatever route: no client may send one.
    public var identityNames: [String] {
        virtualHosts.flatMap { host in
            host.identity.ownedNames + host.routes.flatMap { $0.identity?.ownedNames ?? [] }
        }
    }
    /// Every file and folder that the configuration names, once for each key that names it.
    public var files: [NamedFile] = []
    /// The trust stores that are used, by name.
    public var trustStores: [String: TrustStoreOptions] = [:]
}

/// A file or folder that a key of the configuration names.
public struct NamedFile: Sendable, Equatable, Hashable {
    /// Path, relative ones from the configuration's folder.
    public var path: String
    /// The key, dotted.
    public var key: String
    /// Where the key's value stands.
    public var origin: Origin

    /// Whether it says what is revoked: such files are read by who judges revocation.
    public var isOfRevocation: Bool { key.hasPrefix("revocation.") }
}

/// One listener.
public struct ListenerSettings: Sendable {
    /// Name in the configuration.
    public var name = ""
    /// Where clients connect.
    public var address = SocketAddress.ipv4(0, port: 0)
    /// Connections the kernel keeps waiting.
    public var backlog = 0
    /// Indices into `GatewaySettings.virtualHosts`.
    public var virtualHosts: [Int] = []
    /// Whether connections begin with a PROXY header: `off`, `required` or `optional`.
    public var proxyProtocol = "off"
    /// Networks of the balancers whose header is believed: address and prefix length.
    public var proxyProtocolFrom: [(address: SocketAddress, prefixLength: Int)] = []
    /// Whether that of balancers on a Unix-domain socket is.
    public var proxyProtocolFromUnix = false
}

/// One virtual host.
public struct VirtualHostSettings: Sendable {
    /// Whether clients present a certificate.
    public enum ClientCertificate: String, Sendable { case required, optional, off }

    /// A certificate chain and its key.
    public struct Certificate: Sendable {
        /// PEM file: leaf, then intermediates.
        public var chain = ""
        /// PEM file of the key.
        public var key = ""
        /// File whose first line opens an encrypted key.
        public var passphraseFile: String?
    }

    /// Name in the configuration.
    public var name = ""
    /// Names it answers to.
    public var serverNames: [String] = []
    /// Whether it takes handshakes that name no other.
    public var isDefault = false
    /// Its certificates, one per key type.
    public var certificates: [Certificate] = []
    /// Whether clients present a certificate.
    public var clientCertificate = ClientCertificate.required
    /// Which clients' certificates are trusted.
    public var trust: TrustStoreOptions?
    /// Headers that say who the client is.
    public var identity = IdentityHeaderSet([])
    /// Its routes.
    public var routes: [RouteSettings] = []
}

/// One route.
public struct RouteSettings: Sendable {
    /// Name in the configuration.
    public var name = ""
    /// Host it is for; nil for all of the virtual host.
    public var host: String?
    /// Path prefix.
    public var path = "/"
    /// Methods; empty for all.
    public var methods: [String] = []
    /// Index into `GatewaySettings.upstreams`.
    public var upstream = 0
    /// Headers that say who the client is; nil for those of the virtual host.
    public var identity: IdentityHeaderSet?
    /// Whether anonymous clients are refused.
    public var requireCertificate = true
    /// Index into `GatewaySettings.authorizers` of who says who may pass; nil for none.
    public var authorizer: Int?
    /// The same of the rules on how well a client has to prove itself.
    public var assurance: Int?
    /// Whether WebSockets are forwarded.
    public var allowWebSocket = false
    /// Whether `//` may stand in a path.
    public var allowEmptySegments = false
    /// Whether `;` may stand in a path.
    public var allowPathParameters = false
}

/// One authorizer.
public struct AuthorizerSettings: Sendable {
    /// One rule.
    public struct Rule: Sendable {
        /// The rule, less its condition on the chain's anchor.
        public var rule: Authorization.Rule
        /// Trust stores of which one has to have the anchor; empty for no condition.
        public var trustStores: [TrustStoreOptions] = []
    }

    /// Name in the configuration.
    public var name = ""
    /// Whether nobody is refused.
    public var isReportOnly = false
    /// The rules, in order.
    public var rules: [Rule] = []
    /// The service that is asked instead of rules; nil for rules.
    public var external: ExternalAuthorizerSettings?
}

/// One upstream.
public struct UpstreamSettings: Sendable {
    /// Name in the configuration.
    public var name = ""
    /// Its servers.
    public var members: [MemberSettings] = []
    /// `roundRobin` or `leastConnections`.
    public var balancing = ""
    /// Connections per worker.
    public var maxConnections = 0
    /// Idle connections kept per worker.
    public var maxIdle = 0
    /// How long an idle connection is kept.
    public var idleTimeout = Nanoseconds.zero
    /// Requests after which a connection is closed; 0 for no limit.
    public var maxRequestsPerConnection = 0
    /// Requests that may wait.
    public var queueLimit = 0
    /// How long a request may wait.
    public var queueTimeout = Nanoseconds.zero
    /// How often names are resolved.
    public var resolveInterval = Nanoseconds.zero
    /// Further servers that a request may try when a connect fails.
    public var connectRetries = 0
    /// Failures in a row before an ejection.
    public var ejectionFailures = 0
    /// Length of the first ejection.
    public var ejectionTime = Nanoseconds.zero
    /// Longest ejection.
    public var ejectionMaximum = Nanoseconds.zero
    /// How TLS is spoken to its servers; nil for plain text.
    public var tls: UpstreamTLSSettings?
}

/// TLS towards the servers of an upstream.
public struct UpstreamTLSSettings: Sendable {
    /// PEM file of the authorities that servers are verified by.
    public var trust = ""
    /// Name or address that every server's certificate is for; nil for each member's own host.
    public var serverName: String?
    /// Name sent as SNI; nil for the verified one.
    public var sni: String?
    /// Our own certificate, for servers that ask for one.
    public var certificate: VirtualHostSettings.Certificate?
    /// `1.2` or `1.3`.
    public var minimumVersion = "1.2"
    /// Whether sessions are resumed.
    public var sessionReuse = true
}

/// One server of an upstream.
public enum MemberSettings: Sendable, Equatable {
    /// An address.
    case address(SocketAddress)
    /// A name to resolve.
    case name(String, port: UInt16)
}

/// TLS towards clients.
public struct TLSSettings: Sendable {
    /// `1.2` or `1.3`.
    public var minimumVersion = "1.2"
    /// TLS 1.3 cipher suites; nil for the default.
    public var cipherSuites: String?
    /// TLS 1.2 cipher suites; nil for the default.
    public var tls12Ciphers: String?
    /// Key-exchange groups; nil for the default.
    public var groups: String?
    /// Bytes of a client's certificate list.
    public var certificateListLimit = 16_384
    /// How certificates are parsed.
    public var fastCertificatePath = FastCertificatePath.auto
    /// How valid chains are remembered.
    public var validationCache = ValidationCacheOptions()
    /// How sessions are resumed.
    public var sessions = SessionOptions()
}

/// What is added to and removed from messages.
public struct HTTPSettings: Sendable {
    /// `x-forwarded`, `forwarded` or `off`.
    public var forwarded = "x-forwarded"
    /// Networks whose forwarding fields are kept: address and prefix length.
    public var trustedProxies: [(address: SocketAddress, prefixLength: Int)] = []
    /// Whether `X-Request-Id` is written.
    public var requestId = true
    /// Whether `Via` is added.
    public var via = false
    /// Names with `_` or `.` that are let through.
    public var allowedSpellings: [String] = []
    /// Names of the request trailers that are passed on.
    public var requestTrailers: [String] = []
    /// Names of the stripped families that are let through.
    public var ownedHeaderExceptions: [String] = []
}

/// How large things may be.
public struct LimitSettings: Sendable {
    /// Bytes of a request head.
    public var headBytes = 0
    /// Field lines of a request head.
    public var headerCount = 0
    /// Bytes of a request target.
    public var uriBytes = 0
    /// Bytes of a request body; 0 for no limit.
    public var bodyBytes = 0
    /// Client connections per worker.
    public var connections = 0
    /// Handshakes at once per worker.
    public var handshakesInFlight = 0
    /// Failed handshakes of one source in a minute, per worker; 0 for no limit.
    public var handshakeFailuresPerSource = 0
    /// Requests per client connection; 0 for no limit.
    public var requestsPerConnection = 0
}

/// How long things may take; the keys' help says what each is.
public struct TimeoutSettings: Sendable {
    /// The handshake.
    public var handshake = Nanoseconds.zero
    /// A request head.
    public var head = Nanoseconds.zero
    /// Window of a body's progress.
    public var body = Nanoseconds.zero
    /// Bytes per second over the window.
    public var bodyMinimumRate = 0
    /// Between requests.
    public var idle = Nanoseconds.zero
    /// Getting an upstream connection.
    public var upstreamConnect = Nanoseconds.zero
    /// Waiting for a response's head.
    public var upstreamHead = Nanoseconds.zero
    /// A whole exchange; zero for no limit.
    public var total = Nanoseconds.zero
    /// Silence in a WebSocket.
    public var tunnel = Nanoseconds.zero
    /// Reading the last response.
    public var lingering = Nanoseconds.zero
    /// Finishing when the gateway stops.
    public var drain = Nanoseconds.zero
}

/// Sizes of the machinery.
public struct TuningSettings: Sendable {
    /// Entries of the submission queue.
    public var ringEntries = 0
    /// Entries of the completion queue.
    public var completionEntries = 0
    /// Receive buffers per worker.
    public var receiveBuffers = 0
    /// Size of a receive buffer.
    public var receiveBufferBytes = 0
    /// Relay buffers per worker.
    public var relayBuffers = 0
    /// Whether workers are pinned to cores.
    public var pinWorkers = false
}
