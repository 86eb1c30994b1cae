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

    /// Virtual hosts of all listeners, one after the other, as sessions index them.
    struct Hosts {
        var hosts: [VirtualHost] = []
        /// Index of each listener's first host.
        var bases: [Int] = []
    }

    func hosts() throws(GatewayError) -> Hosts {
        var hosts = Hosts()
        for listener in settings.listeners {
            hosts.bases.append(hosts.hosts.count)
            for index in listener.virtualHosts {
                hosts.hosts.append(try virtualHost(settings.virtualHosts[index]))
            }
        }
        return hosts
    }

    private func virtualHost(
        _ host: VirtualHostSettings
    ) throws(GatewayError) -> VirtualHost {
        var headers: [IdentityHeader] = []
        for header in host.identityHeaders {
            do throws(IdentityError) {
                headers.append(try IdentityHeader(name: header.name, format: header.format))
            } catch {
                throw GatewayError("identity header '\(header.name)' of '\(host.name)': \(error)")
            }
        }
        return VirtualHost(
            name: host.name, serverNames: host.serverNames,
            identityHeaders: IdentityHeaderSet(headers),
            routes: host.routes.map { route in
                Route(
                    name: route.name, host: route.host, prefix: route.path,
                    methods: route.methods, upstream: route.upstream,
                    requirement: route.requireCertificate ? .verifiedCertificate : .none,
                    allowsWebSocket: route.allowWebSocket,
                    pathPolicy: PathPolicy(
                        allowsEmptySegments: route.allowEmptySegments,
                        allowsParameters: route.allowPathParameters))
            })
    }

    func firewall() throws(GatewayError) -> HeaderFirewall {
        var owned = settings.virtualHosts.flatMap { $0.identityHeaders.map(\.name) }
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
                certificates: host.certificates.map {
                    CertificateFiles(chain: $0.chain, key: $0.key)
                },
                clientCertificate: mode,
                trust: mode == .off ? nil : host.trust)
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

    /// An address may stand in Host, never in SNI (RFC 6066 §3).
    private static func isAddress(_ name: String) -> Bool {
        SocketAddress(name + ":1") != nil
    }

    func environment(
        hosts: [VirtualHost], metrics: WorkerMetrics, accessLog: AccessLogQueue?
    ) throws(GatewayError) -> SessionEnvironment {
        let style: ForwardedHeaders.Style? =
            switch settings.http.forwarded {
            case "x-forwarded": .xForwarded
            case "forwarded": .forwarded
            default: nil
            }
        let prefix = SecureRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return SessionEnvironment(
            heads: BufferPool(
                chunkSize: settings.limits.headBytes + 4_096, limit: settings.tuning.relayBuffers),
            chunks: BufferPool(chunkSize: Limits.relayChunk, limit: settings.tuning.relayBuffers),
            metrics: metrics, accessLog: accessLog, virtualHosts: hosts, firewall: try firewall(),
            upstreamNames: settings.upstreams.map(\.name), timeouts: timeouts(), limits: limits(),
            forwarding: style, trustedProxies: Self.addresses(settings.http.trustedProxies),
            addsRequestID: settings.http.requestId, addsVia: settings.http.via,
            requestIDPrefix: prefix, requestTrailers: try requestTrailers())
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

    func upstream(_ upstream: UpstreamSettings, members: [SocketAddress]) -> UpstreamOptions {
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
            proxyProtocols: settings.listeners.map(proxyProtocol),
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
            settings.limits.connections + upstreams + settings.listeners.count + 64
        options.submissionEntries = UInt32(settings.tuning.ringEntries)
        options.completionEntries = UInt32(settings.tuning.completionEntries)
        options.receiveBufferCount = UInt32(settings.tuning.receiveBuffers)
        options.receiveBufferSize = UInt32(settings.tuning.receiveBufferBytes)
        return options
    }
}
