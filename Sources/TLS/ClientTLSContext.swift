internal import COpenSSL
public import Core

/// Everything that connections to one upstream need on one worker.
///
/// Not `Sendable`, immutable after `init`, as `ServerTLSContext`.
@safe
public final class ClientTLSContext {
    let options: ClientTLSOptions
    let transfer = TransferMemory()
    let context: SSLContext
    let trust: TrustContext?

    /// Loads every file that `options` names. `now`, seconds since 1970, is to find out that
    /// nothing in a trust store is valid.
    public init(_ options: ClientTLSOptions, at now: Int64 = 0) throws(TLSConfigurationError) {
        self.options = options.withoutContents
        context = unsafe try SSLContext(
            "upstream", method: TLS_client_method(),
            SSLContext.Settings(
                minimumVersion: options.minimumVersion, maximumVersion: options.maximumVersion,
                cipherSuites12: options.cipherSuites12, cipherSuites13: options.cipherSuites13,
                groups: options.groups, certificateListLimit: options.certificateListLimit,
                options: COpenSSL_clientOptions()))
        if let files = options.certificate { try context.use(files) }
        trust = try options.trust.map { (settings) throws(TLSConfigurationError) in
            try TrustContext(settings, role: .servers, at: now)
        }
        if let trust { try context.verify(by: trust) }
        if options.keepsSessions { ClientSessionRecord.keepSessions(of: context) }
        var protocols: [UInt8] = []
        for name in options.protocols {
            guard (1...255).contains(name.utf8.count) else {
                throw TLSConfigurationError(
                    "upstream", "'\(name)' is no protocol name", advice: "use 'http/1.1'")
            }
            protocols.append(UInt8(name.utf8.count))
            protocols.append(contentsOf: name.utf8)
        }
        // Zero means success here, unlike everywhere else in OpenSSL.
        let count = UInt32(protocols.count)
        guard
            unsafe protocols.isEmpty
                || SSL_CTX_set_alpn_protos(context.pointer, protocols, count) == 0
        else {
            throw TLSConfigurationError(
                "upstream", "the protocols cannot be offered", advice: "use 'http/1.1'")
        }
    }

    /// Tells the time once per turn; see `ServerTLSContext.setTime(_:)`.
    public func setTime(_ now: Now) { transfer.setTime(now) }

    /// Prepares `ssl` for a server called `serverName`; false when nothing could be verified.
    func prepare(_ ssl: OpaquePointer, serverName: String?) -> Bool {
        if let serverName, !Self.isAddress(serverName) {
            guard unsafe COpenSSL_SSL_set_tlsext_host_name(ssl, serverName) == 1 else {
                return false
            }
        }
        guard let trust else {
            unsafe SSL_set_verify(ssl, SSL_VERIFY_NONE, nil)
            return true
        }
        unsafe SSL_set_verify(ssl, SSL_VERIFY_PEER, nil)
        guard unsafe trust.apply(to: ssl), let name = options.verifiedName ?? serverName,
            !name.isEmpty, !name.utf8.contains(0), let parameters = unsafe SSL_get0_param(ssl)
        else { return false }
        if Self.isAddress(name) {
            return unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1
        }
        unsafe X509_VERIFY_PARAM_set_hostflags(
            parameters,
            UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        return unsafe X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1
    }

    /// Whether `name` is an IP literal, which has no place in SNI (RFC 6066 §3).
    private static func isAddress(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: ":")) || ServerName.isIPv4Literal(Array(name.utf8))
    }
}
