import Authorization
import Core
import Crypto
import EventLoop
import GatewayConfiguration
import HTTP
import Identity
import Proxy
import TLS
import Telemetry
import Upstream

/// Turns settings into the options of each module.
struct Assembly {
    let settings: GatewaySettings
    /// The files that the settings name; what was not read is read when it is needed.
    let files: FileContents
    /// Where workers keep each upstream of the settings (`UpstreamSlots`).
    let places: [Int]
    /// Names of the upstreams by place.
    let upstreamNames: [String]
    let slots: UpstreamSlots
    /// When its trust stores are judged, seconds since 1970; nil for now. What is served by stays
    /// good enough to serve by: an authority that expires ends by itself.
    private let time: Int64?

    /// When its trust stores are judged, seconds since 1970.
    var judgedAt: Int64 { time ?? Clock.now().wallSeconds }

    /// The assembly that a gateway starts with.
    init(start settings: GatewaySettings, files: FileContents) {
        var slots = UpstreamSlots()
        let places = slots.assign(settings.upstreams.map { Self.upstream($0, members: []) })
        guard let places, slots.assign(authorizers: settings.externalAuthorizerNames) else {
            preconditionFailure("all upstreams and authorizers have a place at start")
        }
        self.init(
            settings: settings, files: files, places: places, slots: slots)
    }

    /// An assembly whose upstreams have `places` among `slots`, with trust stores as at `time`.
    init(
        settings: GatewaySettings, files: FileContents, places: [Int], slots: UpstreamSlots,
        time: Int64? = nil
    ) {
        self.time = time
        self.settings = settings
        self.files = files
        self.places = places
        upstreamNames = slots.names
        self.slots = slots
    }

    /// The same without the bytes of its files, keys and passphrases among them: to be kept.
    var withoutFiles: Assembly {
        Assembly(settings: settings, files: FileContents(), places: places, slots: slots)
    }

    /// Everything that `run` would load and that may be wrong, tried.
    ///
    /// - Parameters:
    ///   - earlier: what is revoked now.
    ///   - isForced: whether to look again where nothing has changed.
    ///   - known: what is revoked, which is not loaded then; nil to load it.
    /// - Returns: what is revoked then.
    @discardableResult
    func check(
        after earlier: LoadedRevocation? = nil, isForced: Bool = false,
        keeping known: LoadedRevocation? = nil
    ) throws(GatewayError) -> LoadedRevocation {
        var problems = fileProblems()
        var revocation = known
        do throws(TLSConfigurationError) {
            if revocation == nil {
                revocation = try LoadedRevocation(
                    settings.revocation, after: earlier, isForced: isForced)
            }
        } catch {
            problems += revocationProblems(error)
        }
        guard problems.isEmpty, let revocation else {
            throw GatewayError(
                problems.map { problem in
                    var named = problem
                    named.message = settings.naming(problem.message)
                    return named
                })
        }
        for listener in settings.listeners { _ = try served(listener, WorkerTLS.stock, []) }
        for upstream in settings.upstreams { _ = try security(upstream, members: []) }
        return revocation
    }

    /// What connections of `listener` are served with; nil when it has no virtual hosts.
    private func served(
        _ listener: ListenerSettings, _ tls: WorkerTLS, _ authorizers: [ExternalAuthorizer?]
    ) throws(GatewayError) -> Served? {
        guard !listener.virtualHosts.isEmpty else { return nil }
        let context: ServerTLSContext
        do throws(TLSConfigurationError) {
            context = try ServerTLSContext(
                tlsOptions(listener), libraries: tls.libraries, sessions: tls.sessions,
                at: judgedAt)
        } catch {
            throw GatewayError("listener '\(listener.name)': \(error)")
        }
        return Served(
            context: context, table: try table(listener, context, authorizers),
            proxyProtocol: proxyProtocol(listener))
    }

    /// The share of this configuration of the worker that `tls` belongs to. `members` are the
    /// upstreams' addresses.
    func snapshot(
        _ tls: WorkerTLS, members: [[ResolvedMember]], revocation: RevocationSet,
        receipt: Snapshot.Receipt
    ) throws(GatewayError) -> Snapshot {
        var listeners: [Served?] = []
        let authorizers = externalAuthorizers()
        for listener in settings.listeners {
            listeners.append(try served(listener, tls, authorizers))
        }
        var upstreams: [Snapshot.Upstream] = []
        for (index, upstream) in settings.upstreams.enumerated() {
            upstreams.append(
                Snapshot.Upstream(
                    place: places[index],
                    options: Self.upstream(upstream, members: members[index].addresses),
                    security: try security(upstream, members: members[index])))
        }
        return Snapshot(
            listeners: listeners, timeouts: timeouts(), limits: limits(),
            upstreams: upstreams.sorted { $0.place < $1.place }, revocation: revocation,
            receipt: receipt)
    }

    private func table(
        _ listener: ListenerSettings, _ context: ServerTLSContext,
        _ authorizers: [ExternalAuthorizer?]
    ) throws(GatewayError) -> RoutingTable {
        let style: ForwardedHeaders.Style? =
            switch settings.http.forwarded {
            case "x-forwarded": .xForwarded
            case "forwarded": .forwarded
            default: nil
            }
        var hosts: [VirtualHost] = []
        for (position, index) in listener.virtualHosts.enumerated() {
            let admission = context.admission(at: position)
            hosts.append(try virtualHost(settings.virtualHosts[index], admission))
        }
        return RoutingTable(
            virtualHosts: hosts, firewall: try firewall(), upstreamNames: upstreamNames,
            forwarding: style, trustedProxies: Self.addresses(settings.http.trustedProxies),
            addsRequestID: settings.http.requestId, addsVia: settings.http.via,
            requestTrailers: try requestTrailers(), authorizers: authorizers)
    }

    func virtualHost(
        _ host: VirtualHostSettings, _ admission: Admission = .open
    ) throws(GatewayError) -> VirtualHost {
        let authorizers = try authorizers(of: host)
        // Routes that say the same share a rendering.
        let own = host.certificates.first.flatMap { files.bytes($0.chain) }
            .flatMap { PeerCertificate(firstOf: $0) }
        var sets = [host.identity.naming(own)]
        for set in host.routes.compactMap({ $0.identity?.naming(own) }) where !sets.contains(set) {
            sets.append(set)
        }
        return VirtualHost(
            name: host.name, serverNames: host.serverNames, identityHeaders: sets[0],
            routeHeaders: Array(sets.dropFirst()),
            routes: host.routes.map { route in
                Route(
                    name: route.name, host: route.host, prefix: route.path,
                    methods: route.methods, upstream: places[route.upstream],
                    requirement: route.requireCertificate ? .verifiedCertificate : .none,
                    policy: policy(of: route, authorizers),
                    externalAuthorizer: route.authorizer.flatMap {
                        settings.authorizers[$0].external == nil ? nil : $0
                    }, allowsWebSocket: route.allowWebSocket,
                    pathPolicy: PathPolicy(
                        allowsEmptySegments: route.allowEmptySegments,
                        allowsParameters: route.allowPathParameters),
                    identitySet: route.identity.flatMap { sets.firstIndex(of: $0.naming(own)) } ?? 0
                )
            }, admission: admission)
    }

    private func firewall() throws(GatewayError) -> HeaderFirewall {
        var owned = settings.identityNames + authorizerFields
        if settings.http.requestId { owned.append("x-request-id") }
        do {
            return try HeaderFirewall(
                ownedNames: owned, ownedExceptions: settings.http.ownedHeaderExceptions,
                spellingExceptions: settings.http.allowedSpellings)
        } catch {
            throw GatewayError("http: \(error)")
        }
    }

    private func requestTrailers() throws(GatewayError) -> RequestTrailers {
        let firewall = try firewall()
        do throws(RequestTrailers.Refusal) {
            return try RequestTrailers(names: settings.http.requestTrailers, firewall: firewall)
        } catch {
            throw GatewayError("http.requestTrailers: \(error)")
        }
    }

    func tlsOptions(_ listener: ListenerSettings) -> ServerTLSOptions {
        let hosts = listener.virtualHosts.map { index in
            let host = settings.virtualHosts[index]
            let mode: ClientCertificateMode =
                switch host.clientCertificate {
                case .required: .required
                case .optional: .optional
                case .off: .off
                }
            return VirtualHostOptions(
                name: host.name, serverNames: host.serverNames.filter { !Self.isAddress($0) },
                isDefault: host.isDefault,
                certificates: host.certificates.map(certificateFiles), clientCertificate: mode,
                trust: trust(host))
        }
        var options = ServerTLSOptions(virtualHosts: hosts)
        options.minimumVersion = settings.tls.minimumVersion == "1.3" ? .tls13 : .tls12
        if let suites = settings.tls.cipherSuites { options.cipherSuites13 = suites }
        if let suites = settings.tls.tls12Ciphers { options.cipherSuites12 = suites }
        if let groups = settings.tls.groups { options.groups = groups }
        options.certificateListLimit = settings.tls.certificateListLimit
        options.validationCache = settings.tls.validationCache
        return options
    }

    func certificateFiles(_ certificate: VirtualHostSettings.Certificate) -> CertificateFiles {
        var pair = CertificateFiles(
            chain: certificate.chain, key: certificate.key,
            passphraseFile: certificate.passphraseFile)
        for path in [pair.chain, pair.key, pair.passphraseFile ?? ""] {
            pair.contents[path] = files.bytes(path)
        }
        return pair
    }

    /// Whom clients of `host` are verified by; nil when they are not asked.
    func trust(_ host: VirtualHostSettings) -> TrustStoreOptions? {
        guard host.clientCertificate != .off, let trust = host.trust else { return nil }
        return withContents(trust)
    }

    /// The options with the bytes of the files that they name, as far as those were read.
    func withContents(_ options: TrustStoreOptions) -> TrustStoreOptions {
        var trust = options
        trust.suspended = files.suspended.intersection(trust.sources)
        for source in trust.sources {
            trust.listings[source] = files.listing(source)
            for path in files.listing(source) ?? [source] {
                trust.contents[path] = files.bytes(path)
            }
        }
        for path in trust.extendedKeyUsageExceptions { trust.contents[path] = files.bytes(path) }
        return trust
    }

    /// An address may stand in Host, never in SNI (RFC 6066 §3).
    private static func isAddress(_ name: String) -> Bool {
        SocketAddress(name + ":1") != nil
    }

    /// What the sessions of one worker share.
    func environment(metrics: WorkerMetrics, accessLog: AccessLogQueue?) -> SessionEnvironment {
        let prefix = SecureRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return SessionEnvironment(
            heads: BufferPool(
                chunkSize: settings.limits.headBytes + 4_096, limit: settings.tuning.relayBuffers),
            chunks: BufferPool(chunkSize: Limits.relayChunk, limit: settings.tuning.relayBuffers),
            questions: BufferPool(
                chunkSize: settings.limits.headBytes * 3 + Limits.questionRoom,
                limit: Limits.questions * 2),
            metrics: metrics, accessLog: accessLog, timeouts: timeouts(), limits: limits(),
            requestIDPrefix: prefix)
    }

    private func timeouts() -> ProxyTimeouts {
        var timeouts = ProxyTimeouts()
        timeouts.handshake = settings.timeouts.handshake
        timeouts.head = settings.timeouts.head
        timeouts.body = settings.timeouts.body
        timeouts.minimumRate = UInt64(settings.timeouts.bodyMinimumRate)
        timeouts.idle = settings.timeouts.idle
        timeouts.upstreamConnect = settings.timeouts.upstreamConnect
        timeouts.upstreamHead = settings.timeouts.upstreamHead
        timeouts.total = settings.timeouts.total
        timeouts.tunnel = settings.timeouts.tunnel
        timeouts.lingering = settings.timeouts.lingering
        timeouts.drain = settings.timeouts.drain
        return timeouts
    }

    private func limits() -> ProxyLimits {
        var limits = ProxyLimits()
        limits.head = HeadLimits(
            headBytes: settings.limits.headBytes, fieldCount: settings.limits.headerCount,
            targetBytes: settings.limits.uriBytes)
        limits.bodyBytes = UInt64(settings.limits.bodyBytes)
        limits.requestsPerConnection = UInt64(settings.limits.requestsPerConnection)
        return limits
    }

    static func upstream(_ upstream: UpstreamSettings, members: [SocketAddress]) -> UpstreamOptions
    {
        var options = UpstreamOptions(name: upstream.name, members: members)
        options.balancing = Balancing(rawValue: upstream.balancing) ?? .roundRobin
        options.maxConnections = upstream.maxConnections
        options.maxIdle = upstream.maxIdle
        options.idleTimeout = upstream.idleTimeout
        options.maxRequestsPerConnection = UInt64(upstream.maxRequestsPerConnection)
        options.queueLimit = upstream.queueLimit
        options.queueTimeout = upstream.queueTimeout
        options.connectRetries = upstream.connectRetries
        options.ejection.consecutiveFailures = upstream.ejectionFailures
        options.ejection.baseDuration = upstream.ejectionTime
        options.ejection.maximumDuration = upstream.ejectionMaximum
        return options
    }

    private func proxyProtocol(_ listener: ListenerSettings) -> ProxyProtocolPolicy {
        ProxyProtocolPolicy(
            mode: .init(rawValue: listener.proxyProtocol) ?? .off,
            sources: Self.addresses(listener.proxyProtocolFrom),
            includesUnixPeers: listener.proxyProtocolFromUnix)
    }

    private static func addresses(
        _ networks: [(address: SocketAddress, prefixLength: Int)]
    ) -> AddressList {
        AddressList(
            networks.compactMap {
                AddressList.Network($0.address, prefixLength: $0.prefixLength)
            })
    }

    func worker() -> WorkerOptions {
        WorkerOptions(
            clientLimit: settings.limits.connections,
            // Beyond the connections there would be no room to evict for (S26).
            handshakeLimit: max(
                min(settings.limits.handshakesInFlight, settings.limits.connections / 2), 1),
            handshakeFailuresPerSource: settings.limits.handshakeFailuresPerSource)
    }

    func loop() -> LoopOptions {
        var options = LoopOptions()
        let upstreams = settings.upstreams.reduce(0) { $0 + 2 * $1.maxConnections }
        options.socketLimit =
            settings.limits.connections + upstreams + WorkerOptions.spareConnections
            + settings.listeners.count + 64
        options.submissionEntries = UInt32(settings.tuning.ringEntries)
        options.completionEntries = UInt32(settings.tuning.completionEntries)
        options.receiveBufferCount = UInt32(settings.tuning.receiveBuffers)
        options.receiveBufferSize = UInt32(settings.tuning.receiveBufferBytes)
        return options
    }
}
