internal import COpenSSL

/// Anchors and the rules under which a chain to them is valid. Immutable once made.
@safe
final class TrustContext {
    /// Whose certificates are verified.
    enum Role {
        case clients
        case servers
    }

    let options: TrustStoreOptions
    let role: Role
    // Invariant: a store this object owns, and nobody changes.
    let store: OpaquePointer

    /// Loads the bundle that `options` names.
    init(_ options: TrustStoreOptions, role: Role) throws(TLSConfigurationError) {
        guard options.maximumChainLength >= 2 else {
            throw TLSConfigurationError(
                options.file, "a chain of \(options.maximumChainLength) certificates is too short",
                advice: "leaf and anchor are counted, so allow at least 2")
        }
        guard (0...5).contains(options.securityLevel) else {
            throw TLSConfigurationError(
                options.file, "security level \(options.securityLevel) does not exist",
                advice: "choose 0 to 5; 2 is the default")
        }
        let certificates = try PEMFile(path: options.file).certificates()
        guard let store = unsafe X509_STORE_new() else {
            throw TLSConfigurationError(
                options.file, "out of memory", advice: "free memory and try again")
        }
        for index in 0..<certificates.count
        where unsafe X509_STORE_add_cert(store, certificates[index]) != 1 {
            let reason = ErrorQueue.drainedText()
            unsafe X509_STORE_free(store)
            throw TLSConfigurationError(
                options.file, "certificate \(index + 1) cannot be trusted (\(reason))",
                advice: "remove that certificate")
        }
        self.options = options
        self.role = role
        unsafe self.store = unsafe store
    }

    deinit { unsafe X509_STORE_free(store) }

    /// OpenSSL's depth: the most intermediates, so neither leaf nor anchor counts (S09).
    var depth: Int32 { Int32(clamping: options.maximumChainLength - 2) }

    /// The flags that a verification must run with, no more and no fewer.
    var flags: UInt {
        UInt(X509_V_FLAG_TRUSTED_FIRST)
            | (options.allowsPartialChains ? UInt(X509_V_FLAG_PARTIAL_CHAIN) : 0)
    }

    private var purpose: Int32 {
        role == .clients ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER
    }

    /// Makes this context's rules those of `ssl` (S03): `SSL_set_SSL_CTX` does not carry them.
    func apply(to ssl: OpaquePointer) -> Bool {
        guard let parameters = unsafe SSL_get0_param(ssl) else { return false }
        unsafe X509_VERIFY_PARAM_set_depth(parameters, depth)
        unsafe SSL_set_security_level(ssl, Int32(options.securityLevel))
        let current = unsafe X509_VERIFY_PARAM_get_flags(parameters)
        return unsafe X509_VERIFY_PARAM_clear_flags(parameters, current & ~flags) == 1
            && X509_VERIFY_PARAM_set_flags(parameters, flags) == 1
            && X509_VERIFY_PARAM_set_purpose(parameters, purpose) == 1
    }

    /// Whether `context` verifies against this store under exactly these rules.
    func governs(_ context: OpaquePointer) -> Bool {
        guard let parameters = unsafe X509_STORE_CTX_get0_param(context) else { return false }
        return unsafe X509_STORE_CTX_get0_store(context) == store
            && X509_VERIFY_PARAM_get_depth(parameters) == depth
            && X509_VERIFY_PARAM_get_flags(parameters) == flags
            && X509_VERIFY_PARAM_get_auth_level(parameters) == Int32(options.securityLevel)
    }
}
