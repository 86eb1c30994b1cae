internal import COpenSSL
internal import Core

/// An `SSL_CTX` with the settings that every role shares. The one owner of its pointer.
@safe
final class SSLContext {
    // Invariant: an `SSL_CTX` this object owns; unchanged once a connection uses it.
    let pointer: OpaquePointer

    /// What a context is made with.
    struct Settings {
        var minimumVersion: TLSVersion
        var maximumVersion: TLSVersion
        var cipherSuites12: String
        var cipherSuites13: String
        var groups: String
        var certificateListLimit: Int
        var options: UInt64
    }

    /// A context with `settings` in `library`, or OpenSSL's default one; `name` is who they belong
    /// to, for messages.
    init(
        _ name: String, method: OpaquePointer?, library: OpaquePointer? = nil,
        _ settings: Settings
    ) throws(TLSConfigurationError) {
        ErrorQueue.clear()
        guard let pointer = unsafe SSL_CTX_new_ex(library, nil, method) else {
            throw TLSConfigurationError(
                name, "no TLS context (\(ErrorQueue.drainedText()))",
                advice: "check the installation of OpenSSL")
        }
        unsafe self.pointer = unsafe pointer
        unsafe COpenSSL_SSL_CTX_set_default_modes(pointer)
        unsafe COpenSSL_SSL_CTX_disable_session_cache(pointer)
        unsafe COpenSSL_SSL_CTX_set_max_cert_list(pointer, settings.certificateListLimit)
        unsafe SSL_CTX_set_options(pointer, settings.options)
        unsafe SSL_CTX_set_num_tickets(pointer, 0)
        unsafe SSL_CTX_set_max_early_data(pointer, 0)
        unsafe try check(
            COpenSSL_SSL_CTX_set_min_proto_version(pointer, settings.minimumVersion.rawValue) == 1
                && COpenSSL_SSL_CTX_set_max_proto_version(
                    pointer, settings.maximumVersion.rawValue) == 1
                && settings.minimumVersion <= settings.maximumVersion,
            name, "the protocol versions are impossible", "use tls12 or tls13")
        try check(
            unsafe SSL_CTX_set_cipher_list(pointer, settings.cipherSuites12) == 1,
            name, "no TLS 1.2 cipher suite in '\(settings.cipherSuites12)'",
            "use OpenSSL's names, separated by ':'")
        try check(
            unsafe SSL_CTX_set_ciphersuites(pointer, settings.cipherSuites13) == 1,
            name, "an unknown TLS 1.3 cipher suite in '\(settings.cipherSuites13)'",
            "use names such as TLS_AES_128_GCM_SHA256, separated by ':'")
        try check(
            unsafe COpenSSL_SSL_CTX_set1_groups_list(pointer, settings.groups) == 1,
            name, "an unknown group in '\(settings.groups)'",
            "use names such as X25519 and P-256, separated by ':'")
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    /// Installs a chain and its key.
    func use(_ files: CertificateFiles) throws(TLSConfigurationError) {
        let certificates = try files.certificates()
        let key = unsafe try files.privateKey()
        defer { unsafe EVP_PKEY_free(key) }
        unsafe try files.check(key, fits: certificates)
        let leaf = unsafe certificates[0]
        ErrorQueue.clear()
        unsafe try check(
            SSL_CTX_use_certificate(pointer, leaf) == 1, files.chain,
            "cannot be used", "use a key of RSA 2048 bits or more, P-256, P-384 or Ed25519")
        unsafe try check(
            SSL_CTX_use_PrivateKey(pointer, key) == 1, files.key,
            "cannot be used", "use a key of RSA 2048 bits or more, P-256, P-384 or Ed25519")
        for index in 1..<certificates.count {
            unsafe try check(
                COpenSSL_SSL_CTX_add1_chain_cert(pointer, certificates[index]) == 1, files.chain,
                "certificate \(index + 1) cannot be used", "replace or remove it")
        }
    }

    /// Verifies the peer's chains by `trust`, which must outlive the context.
    func verify(by trust: TrustContext) throws(TLSConfigurationError) {
        unsafe try check(
            COpenSSL_SSL_CTX_set1_verify_cert_store(pointer, trust.store) == 1,
            trust.options.sources.joined(separator: ", "), "cannot be used",
            "free memory and try again")
        unsafe SSL_CTX_set_security_level(pointer, Int32(trust.options.securityLevel))
        unsafe SSL_CTX_set_cert_verify_callback(
            pointer, verifyChain, Unmanaged.passUnretained(trust).toOpaque())
    }

    private func check(
        _ succeeded: Bool, _ subject: String, _ reason: String, _ advice: String
    ) throws(TLSConfigurationError) {
        if succeeded { return }
        let detail = ErrorQueue.drain().map { " (\($0.text))" } ?? ""
        throw TLSConfigurationError(subject, reason + detail, advice: advice)
    }
}

/// The memory through which every SSL of one context reads and writes. Owned by the context.
@safe
struct TransferMemory: ~Copyable {
    // Invariant: allocated and zeroed here, freed by `deinit`; idle between SSL calls.
    let pointer: UnsafeMutablePointer<COpenSSL_Transfer>

    init() {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: COpenSSL_Transfer())
    }

    deinit { unsafe pointer.deallocate() }

    /// Tells the time of this turn to every SSL.
    func setTime(_ now: Now) {
        unsafe pointer.pointee.seconds = Int64(now.monotonic.nanoseconds / 1_000_000_000)
        unsafe pointer.pointee.wallSeconds = now.wallSeconds
    }
}
