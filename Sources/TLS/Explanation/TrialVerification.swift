internal import COpenSSL
internal import Core

/// Verifies presented certificates outside a handshake, as libssl would inside one.
///
/// The parameters come from an `SSL` to which the trust context has been applied, joined as
/// `ssl_verify_cert_chain` joins them, and `TrustContext.governs` must agree that they are the
/// handshake's. What verifies is then `ChainVerifier.judge` itself.
@safe
final class TrialVerification {
    // Invariant: an `SSL_CTX` (by `context`), an `SSL` and `X509`s that this object keeps alive.
    private let context: SSLContext
    private let ssl: OpaquePointer
    private let presented: CertificateList
    private let trust: TrustContext

    /// An error that OpenSSL found on its way.
    struct Finding {
        let code: Int32
        let depth: Int
    }

    init(
        _ presented: CertificateList, _ trust: TrustContext, _ options: ServerTLSOptions
    ) throws(TLSConfigurationError) {
        let context = try ServerTLSContext.makeContext("explain", options, trust.libraries)
        try context.verify(by: trust)
        guard let ssl = unsafe SSL_new(context.pointer) else { throw Self.exhausted }
        unsafe SSL_set_accept_state(ssl)
        guard unsafe trust.apply(to: ssl) else {
            unsafe SSL_free(ssl)
            throw Self.exhausted
        }
        self.context = context
        unsafe self.ssl = unsafe ssl
        self.presented = presented
        self.trust = trust
    }

    deinit { unsafe SSL_free(ssl) }

    private static let exhausted = TLSConfigurationError(
        "explain", "out of memory", advice: "free memory and try again")

    /// The handshake's verdict.
    func judge(
        _ revocation: RevocationSet, at now: Int64
    ) throws(TLSConfigurationError) -> ChainVerifier.Outcome {
        unsafe try withStoreContext { store in
            unsafe ChainVerifier.judge(store, trust, revocation, at: now)
        }
    }

    /// Everything that OpenSSL finds wrong, where `judge` stops at the first, and the chain that it
    /// built.
    func findings<Result>(
        at now: Int64, _ body: (_ chain: OpaquePointer?, [Finding]) -> Result
    ) throws(TLSConfigurationError) -> Result {
        unsafe try withStoreContext { store in
            var findings: [Finding] = []
            unsafe withUnsafeMutablePointer(to: &findings) { pointer in
                _ = unsafe X509_STORE_CTX_set_ex_data(store, 0, pointer)
                unsafe X509_STORE_CTX_set_verify_cb(store, recordFinding)
                if now > 0 { unsafe X509_STORE_CTX_set_time(store, 0, Int(now)) }
                _ = unsafe X509_verify_cert(store)
                _ = unsafe X509_STORE_CTX_set_ex_data(store, 0, nil)
            }
            return unsafe body(X509_STORE_CTX_get0_chain(store), findings)
        }
    }

    private func withStoreContext<Result>(
        _ body: (OpaquePointer) -> Result
    ) throws(TLSConfigurationError) -> Result {
        guard let stack = unsafe COpenSSL_sk_X509_new() else { throw Self.exhausted }
        defer { unsafe COpenSSL_sk_X509_free(stack) }
        for index in 0..<presented.count {
            guard unsafe COpenSSL_sk_X509_push(stack, presented[index]) == 1 else {
                throw Self.exhausted
            }
        }
        guard let store = unsafe X509_STORE_CTX_new_ex(trust.libraries.connections, nil) else {
            throw Self.exhausted
        }
        defer {
            unsafe X509_STORE_CTX_free(store)
            ErrorQueue.clear()
        }
        let leaf = unsafe presented[0]
        guard unsafe X509_STORE_CTX_init(store, trust.store, leaf, stack) == 1,
            let parameters = unsafe X509_STORE_CTX_get0_param(store)
        else { throw Self.exhausted }
        unsafe X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl))
        guard unsafe X509_STORE_CTX_set_default(store, "ssl_client") == 1,
            unsafe X509_VERIFY_PARAM_set1(parameters, SSL_get0_param(ssl)) == 1
        else { throw Self.exhausted }
        precondition(unsafe trust.governs(store), "not the rules of a handshake")
        return unsafe body(store)
    }
}

/// Records an error and lets OpenSSL go on.
private let recordFinding: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isGood, store in
    guard isGood == 0, let store = unsafe store,
        let findings = unsafe X509_STORE_CTX_get_ex_data(store, 0)?
            .assumingMemoryBound(to: [TrialVerification.Finding].self)
    else { return 1 }
    unsafe findings.pointee.append(
        TrialVerification.Finding(
            code: X509_STORE_CTX_get_error(store), depth: Int(X509_STORE_CTX_get_error_depth(store))
        ))
    return 1
}
