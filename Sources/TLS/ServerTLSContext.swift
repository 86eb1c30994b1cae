internal import COpenSSL
public import Core

/// Everything that the server side of TLS needs on one worker: an `SSL_CTX` for each virtual host.
///
/// Not `Sendable`: a worker makes its own, because its engines share one transfer area. Immutable
/// after `init`; a reload makes a new one, and live connections keep the old one alive.
@safe
public final class ServerTLSContext {
    let options: ServerTLSOptions
    let transfer = TransferMemory()
    let table: VirtualHostTable
    // The listener's own context has no certificate: a connection whose ClientHello did not
    // choose a virtual host cannot complete.
    let listener: SSLContext
    private(set) var hosts: [VirtualHost] = []

    /// One virtual host, ready to be chosen.
    struct VirtualHost {
        let context: SSLContext
        let trust: TrustContext?
        let verifyMode: Int32
        let sessionContext: [UInt8]
    }

    /// Loads every file that `options` names.
    public init(_ options: ServerTLSOptions) throws(TLSConfigurationError) {
        guard !options.virtualHosts.isEmpty else {
            throw TLSConfigurationError(
                "virtualHosts", "there is none", advice: "add a virtual host")
        }
        self.options = options
        table = try VirtualHostTable(options.virtualHosts)
        listener = try Self.makeContext("listener", options)
        for (index, host) in options.virtualHosts.enumerated() {
            hosts.append(try Self.makeHost(host, index, options))
        }
        let argument = unsafe Unmanaged.passUnretained(self).toOpaque()
        for context in [listener] + hosts.map(\.context) {
            // S01: on every context, or the second ClientHello would go unchecked.
            unsafe SSL_CTX_set_client_hello_cb(context.pointer, chooseVirtualHost, argument)
        }
    }

    /// The configured name of the virtual host at `index`.
    public func virtualHostName(at index: Int) -> String { options.virtualHosts[index].name }

    /// Tells the time once per turn, so that KeyUpdates are counted by the minute. Without it a
    /// connection has 32 for its whole life.
    public func setTime(_ now: Instant) {
        unsafe transfer.pointer.pointee.seconds = Int64(now.nanoseconds / 1_000_000_000)
    }

    private static func makeContext(
        _ name: String, _ options: ServerTLSOptions
    ) throws(TLSConfigurationError) -> SSLContext {
        let context = unsafe try SSLContext(
            name, method: TLS_server_method(),
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
        _ host: VirtualHostOptions, _ index: Int, _ options: ServerTLSOptions
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
        let context = try makeContext(host.name, options)
        for files in host.certificates { try context.use(files) }
        var trust: TrustContext?
        if host.clientCertificate != .off {
            guard let settings = host.trust else {
                throw TLSConfigurationError(
                    host.name, "asks for client certificates but trusts none",
                    advice: "name a trust file, or turn clientCertificate off")
            }
            let made = try TrustContext(settings, role: .clients)
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
            sessionContext: Array("postern virtual host \(index)".utf8))
    }
}
