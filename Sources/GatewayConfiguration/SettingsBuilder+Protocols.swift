import Core
import HTTP
import TLS

extension SettingsBuilder {
    mutating func protocols() {
        settings.tls.minimumVersion = reader.choice("tls.minimumVersion")
        settings.tls.cipherSuites = reader.text("tls.cipherSuites")
        settings.tls.tls12Ciphers = reader.text("tls.tls12Ciphers")
        settings.tls.groups = reader.text("tls.groups")
        settings.tls.certificateListLimit = reader.size("tls.certificateListLimit")
        settings.tls.fastCertificatePath =
            FastCertificatePath(rawValue: reader.choice("tls.fastCertificatePath")) ?? .auto
        settings.tls.validationCache.capacity = reader.integer("tls.validationCache.capacity")
        settings.tls.validationCache.lifetime = seconds(
            "tls.validationCache.lifetime", most: ValidationCacheOptions.longestLifetime)
        settings.tls.sessions.isEnabled = reader.choice("tls.sessionResumption") == "stateful"
        settings.tls.sessions.capacity = reader.integer("tls.sessionCapacity")
        settings.tls.sessions.mostPerCertificate = reader.integer("tls.sessionsPerCertificate")
        settings.tls.sessions.lifetime = seconds(
            "tls.sessionLifetime", most: SessionOptions.longestLifetime)
        settings.http.forwarded = reader.choice("http.forwarded")
        for text in reader.list("http.trustedProxies") {
            guard let network = Self.network(text) else {
                reader.fail(
                    "http.trustedProxies", "'\(text)' is no network such as 10.0.0.0/8 or fd00::/8")
                continue
            }
            settings.http.trustedProxies.append(network)
        }
        settings.http.requestId = reader.flag("http.requestId")
        settings.http.via = reader.flag("http.via")
        settings.http.allowedSpellings = reader.list("http.allowedSpellings")
        requestTrailers()
        settings.http.ownedHeaderExceptions = reader.list("http.ownedHeaderExceptions")
    }

    private mutating func seconds(_ path: String, most: Int64) -> Int64 {
        let seconds = Int64(reader.duration(path).count / 1_000_000_000)
        if seconds > most { reader.fail(path, "must not be longer than \(most)s") }
        return max(seconds, 1)
    }

    /// The names that may be passed on as trailers, by the same rules as the gateway's own (S24).
    private mutating func requestTrailers() {
        settings.http.requestTrailers = reader.list("http.requestTrailers")
        let firewall: HeaderFirewall
        do throws(HeaderFirewall.ConfigurationError) {
            firewall = try HeaderFirewall(
                ownedNames: settings.identityNames + ["x-request-id"])
        } catch {
            reader.fail("virtualHosts", "identity headers: \(error)")
            return
        }
        for name in settings.http.requestTrailers {
            switch RequestTrailers.refusal(of: name, firewall) {
            case nil: break
            case .notPlain:
                reader.fail(
                    "http.requestTrailers",
                    "'\(name)' cannot be a trailer: letters, digits and '-' are allowed")
            case .owned:
                reader.fail(
                    "http.requestTrailers",
                    "'\(name)' cannot be a trailer: only the gateway says who a client is and "
                        + "where a request came from")
            case .reserved:
                reader.fail(
                    "http.requestTrailers",
                    "'\(name)' cannot be a trailer: no name is allowed that frames, routes, "
                        + "authenticates or changes a request")
            }
        }
    }

    mutating func proxyProtocol(_ listener: inout ListenerSettings, _ base: String) {
        listener.proxyProtocol = reader.choice(base + "proxyProtocol")
        let sources = reader.list(base + "proxyProtocolFrom")
        for text in sources {
            if text == "unix:" {
                listener.proxyProtocolFromUnix = true
            } else if let network = Self.network(text) {
                listener.proxyProtocolFrom.append(network)
            } else {
                reader.fail(
                    base + "proxyProtocolFrom",
                    "'\(text)' is no network such as 10.0.0.0/8 or fd00::/8, nor 'unix:'")
            }
        }
        if listener.proxyProtocol == "off", !sources.isEmpty {
            reader.fail(base + "proxyProtocolFrom", "has no effect: proxyProtocol is 'off'")
        } else if listener.proxyProtocol != "off", sources.isEmpty {
            reader.fail(
                base + "proxyProtocolFrom",
                "is required when proxyProtocol is '\(listener.proxyProtocol)': the networks of the"
                    + " balancers")
        }
    }

    private static func network(_ text: String) -> (address: SocketAddress, prefixLength: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let host = parts.first.map(String.init) else { return nil }
        let isIPv6 = host.contains(":")
        guard let address = SocketAddress(isIPv6 ? "[\(host)]:0" : "\(host):0") else { return nil }
        let widest = isIPv6 ? 128 : 32
        guard parts.count == 2 else { return (address, widest) }
        guard let length = Int(parts[1]), (0...widest).contains(length) else { return nil }
        return (address, length)
    }

    mutating func limits() {
        settings.limits.headBytes = reader.size("limits.headBytes")
        settings.limits.headerCount = reader.integer("limits.headerCount")
        settings.limits.uriBytes = reader.size("limits.uriBytes")
        settings.limits.bodyBytes = reader.size("limits.bodyBytes")
        settings.limits.connections = reader.integer("limits.connections")
        settings.limits.handshakesInFlight = reader.integer("limits.handshakesInFlight")
        settings.limits.handshakeFailuresPerSource = reader.integer(
            "limits.handshakeFailuresPerSource")
        settings.limits.requestsPerConnection = reader.integer("limits.requestsPerConnection")
        if settings.limits.uriBytes > settings.limits.headBytes {
            reader.fail("limits.uriBytes", "must not be larger than limits.headBytes")
        }
        settings.timeouts.handshake = reader.duration("timeouts.handshake")
        settings.timeouts.head = reader.duration("timeouts.head")
        settings.timeouts.body = reader.duration("timeouts.body")
        settings.timeouts.bodyMinimumRate = reader.size("timeouts.bodyMinimumRate")
        settings.timeouts.idle = reader.duration("timeouts.idle")
        settings.timeouts.upstreamConnect = reader.duration("timeouts.upstreamConnect")
        settings.timeouts.upstreamHead = reader.duration("timeouts.upstreamHead")
        settings.timeouts.total = reader.duration("timeouts.total")
        settings.timeouts.tunnel = reader.duration("timeouts.tunnel")
        settings.timeouts.lingering = reader.duration("timeouts.lingering")
        settings.timeouts.drain = reader.duration("timeouts.drain")
        settings.tuning.ringEntries = reader.integer("tuning.ringEntries")
        settings.tuning.completionEntries = reader.integer("tuning.completionEntries")
        settings.tuning.receiveBuffers = reader.integer("tuning.receiveBuffers")
        settings.tuning.receiveBufferBytes = reader.size("tuning.receiveBufferBytes")
        settings.tuning.relayBuffers = reader.integer("tuning.relayBuffers")
        settings.tuning.pinWorkers = reader.flag("tuning.pinWorkers")
        let buffers = settings.tuning.receiveBuffers
        if buffers > 0, buffers & (buffers - 1) != 0 {
            reader.fail("tuning.receiveBuffers", "must be a power of two, not \(buffers)")
        }
        if settings.tuning.completionEntries < settings.tuning.ringEntries {
            reader.fail("tuning.completionEntries", "must not be smaller than tuning.ringEntries")
        }
    }
}

extension MemberSettings {
    /// Parses `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`.
    init?(_ text: String) {
        if let address = SocketAddress(text) {
            guard address.port != 0 else { return nil }
            self = .address(address)
            return
        }
        guard !text.hasPrefix("unix:"), !text.hasPrefix("["), let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        let host = text[..<colon]
        let isName = host.utf8.allSatisfy { byte in
            (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte)
                || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
        guard !host.isEmpty, isName, host.contains(where: \.isLetter) else { return nil }
        self = .name(String(host), port: port)
    }
}
