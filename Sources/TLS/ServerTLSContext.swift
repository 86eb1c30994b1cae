internal import COpenSSL
public import Core

/// Everything that the server side of TLS needs on one worker: an `SSL_CTX` for each virtual host.
///
/// Not `Sendable`: a worker makes its own, because its engines share one transfer area. Immutable
/// after `init`; a reload makes a new one, and live connections keep the old one alive.
@safe
public final class ServerTLSContext {
    let options: ServerTLSOptions
    let libraries: CryptoLibraries
    let sessions: SessionStore?
    let transfer = TransferMemory()
    let table: VirtualHostTable
    // The listener's own context has no certificate: a connection whose ClientHello did not
    // choose a virtual host cannot complete.
    let listener: SSLContext
    private(set) var hosts: [VirtualHost] = []
    /// What is revoked: for every handshake from now on.
    public var revocation = RevocationSet.empty

    /// One virtual host, ready to be chosen.
    struct VirtualHost {
        let context: SSLContext
        let trust: TrustContext?
        let verifyMode: Int32
        /// What a session of this host is good for: the same host under the same rules (S17).
        let binding: Fingerprint
    }

    /// Loads every file that `options` names.
    ///
    /// - Parameters:
    ///   - libraries: the worker's own.
    ///   - sessions: the process's; nil resumes none.
    ///   - now: seconds since 1970, to find out that nothing in a trust store is valid.
    public init(
        _ options: ServerTLSOptions, libraries: CryptoLibraries = .stock,
        sessions: SessionStore? = nil, at now: Int64 = 0
    ) throws(TLSConfigurationError) {
        guard !options.virtualHosts.isEmpty else {
            throw TLSConfigurationError(
                "virtualHosts", "there is none", advice: "add a virtual host")
        }
        self.options = options.withoutContents
        self.libraries = libraries
        self.sessions = sessions
        table = try VirtualHostTable(options.virtualHosts)
        listener = try Self.makeContext("listener", options, libraries)
        for host in options.virtualHosts {
            hosts.append(try Self.makeHost(host, options, libraries, at: now))
        }
        let argument = unsafe Unmanaged.passUnretained(self).toOpaque()
        for context in [listener] + hosts.map(\.context) {
            // S01: on every context, or the second ClientHello would go unchecked.
            unsafe SSL_CTX_set_client_hello_cb(context.pointer, chooseVirtualHost, argument)
            // libssl takes the callbacks from the listener's, and whether TLS 1.2 names a session
            // at all from the virtual host's.
            if let sessions { SessionCallbacks.install(on: context, sessions.options) }
        }
    }

    /// The configured name of the virtual host at `index`.
    public func virtualHostName(at index: Int) -> String { options.virtualHosts[index].name }

    /// What the clients of the virtual host at `index` have to prove.
    public func admission(at index: Int) -> Admission {
        let host = hosts[index]
        let rules = (host.trust?.admission.rules.bytes ?? []) + Array("\(host.verifyMode)".utf8)
        return Admission(
            rules: Fingerprint(of: rules), trusted: host.trust?.admission.trusted ?? [],
            trustsWholeChains: host.trust?.admission.trustsWholeChains ?? false)
    }

    /// Tells the time once per turn. Without it chains are judged by the system's clock and
    /// neither they nor sessions are remembered, and a connection has 32 KeyUpdates for its life.
    public func setTime(_ now: Now) { transfer.setTime(now) }

    /// What the validation caches of all virtual hosts have done.
    public var validationStatistics: ValidationCacheStatistics {
        hosts.reduce(ValidationCacheStatistics()) { sum, host in
            host.trust?.cache.map { sum + $0.statistics } ?? sum
        }
    }

    /// Remembers the chains that `previous`, whose place this context takes on the same worker, has
    /// validated: those of virtual hosts whose trust is the same to the last rule.
    ///
    /// - Returns: what the caches have done that were left behind.
    public func adoptCaches(of previous: ServerTLSContext) -> ValidationCacheStatistics {
        var left = ValidationCacheStatistics()
        for (name, host) in zip(previous.options.virtualHosts.map(\.name), previous.hosts) {
            guard let trust = host.trust, let cache = trust.cache else { continue }
            let place = options.virtualHosts.firstIndex { $0.name == name }
            let isAdopted = place.flatMap { hosts[$0].trust?.adoptCache(of: trust) } ?? false
            if !isAdopted { left = left + cache.statistics }
        }
        return left
    }

    static func makeContext(
        _ name: String, _ options: ServerTLSOptions, _ libraries: CryptoLibraries
    ) throws(TLSConfigurationError) -> SSLContext {
        let context = unsafe try SSLContext(
            name, method: TLS_server_method(), library: libraries.connections,
            SSLContext.Settings(
                minimumVersion: options.minimumVersion, maximumVersion: options.maximumVersion,
                cipherSuites12: options.cipherSuites12, cipherSuites13: options.cipherSuites13,
                groups: options.groups, certificateListLimit: options.certificateListLimit,
                options: COpenSSL_serverOptions()))
        unsafe COpenSSL_SSL_CTX_acknowledge_server_name(context.pointer)
        unsafe COpenSSL_SSL_CTX_select_http11(context.pointer)
        return context
    }

    private static func makeHost(
        _ host: VirtualHostOptions, _ options: ServerTLSOptions, _ libraries: CryptoLibraries,
        at now: Int64
    ) throws(TLSConfigurationError) -> VirtualHost {
        guard !host.certificates.isEmpty else {
            throw TLSConfigurationError(
                host.name, "has no certificate", advice: "name a chain and its key")
        }
        guard !host.serverNames.isEmpty || host.isDefault else {
            throw TLSConfigurationError(
                host.name, "answers to no server name",
                advice: "list its server names, or mark it default")
        }
        let context = try makeContext(host.name, options, libraries)
        for files in host.certificates { try context.use(files) }
        var trust: TrustContext?
        if host.clientCertificate != .off {
            guard let settings = host.trust else {
                throw TLSConfigurationError(
                    host.name, "asks for client certificates but trusts none",
                    advice: "name a trust file, or turn clientCertificate off")
            }
            let made = try TrustContext(
                settings, role: .clients, libraries: libraries, cache: options.validationCache,
                at: now)
            try context.verify(by: made)
            unsafe COpenSSL_SSL_CTX_set_client_CA_names(
                context.pointer, made.store, Int32(clamping: host.authorityNameLimit))
            trust = made
        }
        let verifyMode =
            switch host.clientCertificate {
            case .required: SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            case .optional: SSL_VERIFY_PEER
            case .off: SSL_VERIFY_NONE
            }
        return VirtualHost(
            context: context, trust: trust, verifyMode: verifyMode,
            binding: binding(host, verifyMode, trust, options))
    }

    private static func binding(
        _ host: VirtualHostOptions, _ verifyMode: Int32, _ trust: TrustContext?,
        _ options: ServerTLSOptions
    ) -> Fingerprint {
        let rules = [
            host.name, "\(host.serverNames)", "\(verifyMode)", "\(options.minimumVersion)",
            "\(options.maximumVersion)", options.cipherSuites12, options.cipherSuites13,
        ].joined(separator: "\n")
        return Fingerprint(of: (trust?.digest.bytes ?? []) + Array(rules.utf8))
    }
}
