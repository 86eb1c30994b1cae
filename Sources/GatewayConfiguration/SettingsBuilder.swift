import Core
import HTTP
import Identity
import TLS

/// Builds checked settings from values, collecting every mistake.
struct SettingsBuilder {
    var reader: ValueReader
    /// Variables; some of AWS's are defaults.
    var environment: [String: String] = [:]
    var settings = GatewaySettings()

    mutating func build() {
        general()
        sources()
        settings.upstreams = reader.names(below: "upstreams").map { upstream($0) }
        identitySets()
        settings.authorizers = reader.names(below: "authorizers").map { authorizer($0) }
        let names = reader.names(below: "virtualHosts")
        settings.virtualHosts = names.map { virtualHost($0) }
        settings.listeners = reader.names(below: "listeners").map { listener($0, hosts: names) }
        if settings.listeners.isEmpty {
            reader.fail("listeners", "at least one listener is required")
        }
        checkListeners()
        revocation()
        protocols()
        checkAuthorizerFields()
        limits()
        settings.files = reader.files
    }

    private mutating func general() {
        settings.io = reader.choice("io")
        settings.workers = reader.integer("workers")
        settings.logLevel = reader.choice("log.level")
        settings.accessLogPath = reader.text("accessLog.path") ?? "off"
        settings.accessLogQueueBytes = reader.size("accessLog.queueBytes")
        settings.reloadWatch = reader.flag("reload.watch")
        guard reader.isGiven("admin.address") else { return }
        settings.adminAddress = reader.address("admin.address")
        if let address = settings.adminAddress, !address.isLocal {
            reader.fail(
                "admin.address",
                "'\(address.text)' is reachable from elsewhere; "
                    + "a loopback address or unix:/path is allowed")
        }
    }

    // MARK: Upstreams

    private mutating func upstream(_ name: String) -> UpstreamSettings {
        let base = "upstreams.\(name)."
        var upstream = UpstreamSettings()
        upstream.name = name
        let members = reader.list(base + "members")
        if members.isEmpty { reader.fail(base + "members", "at least one server is required") }
        for text in members {
            guard let member = MemberSettings(text) else {
                reader.fail(
                    base + "members", "'\(text)' is not HOST:PORT, [IPV6]:PORT or unix:/path")
                continue
            }
            upstream.members.append(member)
        }
        upstream.balancing = reader.choice(base + "balancing")
        upstream.maxConnections = reader.integer(base + "maxConnections")
        upstream.maxIdle = reader.integer(base + "maxIdle")
        upstream.idleTimeout = reader.duration(base + "idleTimeout")
        upstream.maxRequestsPerConnection = reader.integer(base + "maxRequestsPerConnection")
        upstream.queueLimit = reader.integer(base + "queueLimit")
        upstream.queueTimeout = reader.duration(base + "queueTimeout")
        upstream.resolveInterval = reader.duration(base + "resolveInterval")
        upstream.connectRetries = reader.integer(base + "connectRetries")
        upstream.ejectionFailures = reader.integer(base + "ejectionFailures")
        upstream.ejectionTime = reader.duration(base + "ejectionTime")
        upstream.ejectionMaximum = reader.duration(base + "ejectionMaximum")
        checkLimits(of: &upstream, base)
        upstream.tls = upstreamTLS(base, upstream.members)
        return upstream
    }

    /// A value that was given and contradicts another is a mistake; a default gives way.
    private mutating func checkLimits(of upstream: inout UpstreamSettings, _ base: String) {
        // A limit of 0 was refused above, or is no limit.
        if upstream.maxConnections > 0, upstream.maxIdle > upstream.maxConnections {
            if reader.isGiven(base + "maxIdle") {
                reader.fail(
                    base + "maxIdle",
                    "\(upstream.maxIdle) is more than maxConnections; "
                        + "0 to \(upstream.maxConnections) is allowed")
            }
            upstream.maxIdle = upstream.maxConnections
        }
        if upstream.ejectionTime > upstream.ejectionMaximum {
            if reader.isGiven(base + "ejectionTime") {
                reader.fail(
                    base + "ejectionTime",
                    "is longer than ejectionMaximum; up to "
                        + "\(upstream.ejectionMaximum.count / 1_000_000)ms is allowed")
            }
            upstream.ejectionTime = upstream.ejectionMaximum
        }
    }

    // MARK: Virtual hosts

    private mutating func virtualHost(_ name: String) -> VirtualHostSettings {
        let base = "virtualHosts.\(name)."
        var host = VirtualHostSettings()
        host.name = name
        host.serverNames = reader.list(base + "serverNames").map { $0.lowercased() }
        for serverName in host.serverNames where !Self.isServerName(serverName) {
            reader.fail(
                base + "serverNames",
                "'\(serverName)' is no host name; a wildcard is '*.' in front of one")
        }
        host.isDefault = reader.flag(base + "default")
        if host.serverNames.isEmpty && !host.isDefault {
            reader.fail(base + "serverNames", "a virtual host without names must be the default")
        }
        for certificate in reader.names(below: base + "certificates") {
            let path = base + "certificates.\(certificate)."
            host.certificates.append(
                .init(
                    chain: reader.file(path + "chain"), key: reader.file(path + "key"),
                    passphraseFile: reader.optionalFile(path + "passphraseFile")))
        }
        if host.certificates.isEmpty {
            reader.fail(base + "certificates", "at least one certificate is required")
        }
        trust(&host, base)
        identityHeaders(&host, base)
        for route in reader.names(below: base + "routes") {
            host.routes.append(self.route(route, base + "routes.\(route).", host))
        }
        if host.routes.isEmpty { reader.fail(base + "routes", "at least one route is required") }
        return host
    }

    private mutating func trust(_ host: inout VirtualHostSettings, _ base: String) {
        let mode = reader.choice(base + "clientCertificate")
        host.clientCertificate = .init(rawValue: mode) ?? .required
        let store = reader.text(base + "trustStore") ?? ""
        if store.isEmpty {
            if host.clientCertificate != .off {
                reader.fail(
                    base + "trustStore", "is required when clientCertificate is '\(mode)'")
            }
            return
        }
        let stores = reader.names(below: "trustStores")
        guard stores.contains(store) else {
            reader.fail(base + "trustStore", unknown("trust store", store, stores))
            return
        }
        host.trust = trustStore("trustStores.\(store).")
    }

    mutating func trustStore(_ base: String) -> TrustStoreOptions {
        var texts = reader.list(base + "sources").map { (text: $0, key: base + "sources") }
        if texts.isEmpty || reader.isGiven(base + "file") {
            texts.insert((reader.required(base + "file"), base + "file"), at: 0)
        }
        var store = TrustStoreOptions(sources: [])
        store.mode = TrustStoreMode(rawValue: reader.choice(base + "mode")) ?? .standard
        store.maximumChainLength = reader.integer(base + "chainLength")
        store.securityLevel = reader.integer(base + "securityLevel")
        store.allowsPartialChains = reader.flag(base + "partialChains")
        store.isStrict = reader.flag(base + "strict")
        let usage = reader.choice(base + "extendedKeyUsage")
        store.extendedKeyUsage = ExtendedKeyUsagePolicy(rawValue: usage) ?? .ifPresent
        store.extendedKeyUsageExceptions = reader.files(base + "extendedKeyUsageExceptions")
        store.minimumRSABits = reader.integer(base + "minimumRSABits")
        store.minimumECBits = reader.integer(base + "minimumECBits")
        store.signatureAlgorithms = reader.list(base + "signatureAlgorithms")
        if store.mode == .apiGateway { applyAPIGatewayRules(&store, base) }
        let policy = trustPolicy(base, of: texts.count, store)
        for (text, key) in texts where !text.isEmpty {
            store.sources.append(
                source(text, key, owner: String(base.dropLast()), .trust(policy)))
        }
        let name = String(base.dropFirst("trustStores.".count).dropLast())
        settings.trustStores[name] = store
        return store
    }

    private mutating func route(
        _ name: String, _ base: String, _ host: VirtualHostSettings
    ) -> RouteSettings {
        var route = RouteSettings()
        route.name = name
        if reader.isGiven(base + "host") { route.host = reader.text(base + "host")?.lowercased() }
        route.path = reader.text(base + "path") ?? "/"
        if !route.path.hasPrefix("/") {
            reader.fail(base + "path", "must begin with '/'")
        } else if !route.path.utf8.allSatisfy(Self.hasOneSpelling) {
            // Requests may spell other characters as escapes, which a back end undoes (S22).
            reader.fail(base + "path", "may have letters, digits and - . _ ~ / only")
        }
        route.methods = reader.list(base + "methods").map { $0.uppercased() }
        for method in route.methods where ["CONNECT", "TRACE"].contains(method) {
            reader.fail(base + "methods", "\(method) is never forwarded")
        }
        let upstream = reader.required(base + "upstream")
        let names = settings.upstreams.map(\.name)
        if let index = names.firstIndex(of: upstream) {
            route.upstream = index
        } else if !upstream.isEmpty {
            reader.fail(base + "upstream", unknown("upstream", upstream, names))
        }
        route.identity = identitySet(named: base + "identity").map { settings.identitySets[$0].set }
        route.requireCertificate = reader.flag(base + "requireCertificate")
        if host.clientCertificate == .off {
            if route.requireCertificate, reader.isGiven(base + "requireCertificate") {
                reader.fail(
                    base + "requireCertificate",
                    "cannot be true: the virtual host's clientCertificate is 'off'")
            }
            route.requireCertificate = false
        }
        route.authorizer = authorizerIndex(base + "authorize")
        route.assurance = assuranceIndex(base + "assurance")
        route.allowWebSocket = reader.flag(base + "allowWebSocket")
        route.allowEmptySegments = reader.flag(base + "allowEmptySegments")
        route.allowPathParameters = reader.flag(base + "allowPathParameters")
        return route
    }

    // MARK: Listeners

    private mutating func listener(_ name: String, hosts: [String]) -> ListenerSettings {
        let base = "listeners.\(name)."
        var listener = ListenerSettings()
        listener.name = name
        if let address = reader.address(base + "address") { listener.address = address }
        listener.backlog = reader.integer(base + "backlog")
        let wanted =
            reader.isGiven(base + "virtualHosts") ? reader.list(base + "virtualHosts") : hosts
        for host in wanted {
            guard let index = hosts.firstIndex(of: host) else {
                reader.fail(base + "virtualHosts", unknown("virtual host", host, hosts))
                continue
            }
            listener.virtualHosts.append(index)
        }
        if wanted.isEmpty {
            reader.fail(base + "virtualHosts", "at least one virtual host is required")
        }
        let defaults = listener.virtualHosts.filter { settings.virtualHosts[$0].isDefault }
        if defaults.count > 1 {
            let names = defaults.map { hosts[$0] }.joined(separator: ", ")
            reader.fail(base + "virtualHosts", "only one default is allowed, not: \(names)")
        }
        proxyProtocol(&listener, base)
        return listener
    }

    private mutating func checkListeners() {
        var seen: [String: String] = [:]
        for listener in settings.listeners {
            guard listener.address.port != 0 else { continue }
            if let other = seen.updateValue(listener.name, forKey: listener.address.text) {
                reader.fail(
                    "listeners.\(listener.name).address",
                    "'\(listener.address.text)' is listener '\(other)''s already")
            }
        }
    }

    func unknown(_ what: String, _ word: String, _ known: [String]) -> String {
        let hint = suggestion(for: word, among: known).map { "did you mean '\($0)'?" }
        let all = known.isEmpty ? "there are none" : "allowed: " + known.joined(separator: ", ")
        return "there is no \(what) '\(word)' (\(hint ?? all))"
    }

    /// Labels of letters, digits and `-`; `*.` in front of at least two of them; or an address.
    static func isServerName(_ name: String) -> Bool {
        let rest = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
        if !name.hasPrefix("*."), SocketAddress(rest + ":1") != nil { return true }
        let labels = rest.split(separator: ".", omittingEmptySubsequences: false)
        return (!name.hasPrefix("*.") || labels.count >= 2)
            && labels.allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63
                    && label.utf8.allSatisfy { byte in
                        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2d
                    }
            }
    }

    /// Whether requests can spell `byte` in one way only: an unreserved character, or `/`.
    private static func hasOneSpelling(_ byte: UInt8) -> Bool {
        byte == 0x2f || byte.isUnreserved
    }
}
