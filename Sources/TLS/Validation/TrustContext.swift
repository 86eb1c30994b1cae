internal import COpenSSL
internal import Core

/// Anchors and the rules under which a chain to them is valid, on one worker. The rules never
/// change; what was validated under them is remembered.
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
    /// SHA-256 of the certificates and all rules: contexts of one digest judge alike.
    let digest: Fingerprint
    /// What chains have to be like, and where they may end.
    let admission: Admission
    let policy: ChainPolicy
    let libraries: CryptoLibraries
    private(set) var cache: ValidationCache?
    let authorities = AuthorityTable()
    // Invariant: `scratchSize` bytes this object owns; holds one certificate while it is verified.
    private let scratch: UnsafeMutablePointer<UInt8>
    private static let scratchSize = 1 << 17

    /// Loads what `options` names.
    ///
    /// - Parameters:
    ///   - cache: how to remember chains; nil remembers none.
    ///   - now: seconds since 1970.
    init(
        _ options: TrustStoreOptions, role: Role, libraries: CryptoLibraries = .stock,
        cache: ValidationCacheOptions? = nil, at now: Int64 = 0
    ) throws(TLSConfigurationError) {
        let subject = options.sources.joined(separator: ", ")
        guard options.maximumChainLength >= 2 else {
            throw TLSConfigurationError(
                subject, "a chain of \(options.maximumChainLength) certificates is too short",
                advice: "leaf and anchor are counted, so allow at least 2")
        }
        guard (0...5).contains(options.securityLevel) else {
            throw TLSConfigurationError(
                subject, "security level \(options.securityLevel) does not exist",
                advice: "choose 0 to 5; 2 is the default")
        }
        let trusted = try TrustStore(options, at: now)
        policy = try ChainPolicy(options, role, stored: trusted.fingerprints)
        guard let store = unsafe X509_STORE_new() else {
            throw TLSConfigurationError(
                subject, "out of memory", advice: "free memory and try again")
        }
        for index in 0..<trusted.certificates.count
        where unsafe X509_STORE_add_cert(store, trusted.certificates[index]) != 1 {
            let reason = ErrorQueue.drainedText()
            unsafe X509_STORE_free(store)
            throw TLSConfigurationError(
                subject, "certificate \(index + 1) cannot be trusted (\(reason))",
                advice: "remove that certificate")
        }
        self.options = options.withoutContents
        self.role = role
        self.libraries = libraries
        unsafe self.store = unsafe store
        let rules = policy.digest.bytes + Array("\(options.withoutContents) \(role)".utf8)
        digest = Fingerprint(of: trusted.digest.bytes + rules)
        admission = Admission(
            rules: Fingerprint(of: rules), trusted: trusted.fingerprints,
            trustsWholeChains: options.mode == .apiGateway)
        self.cache = cache.flatMap { $0.capacity > 0 ? ValidationCache($0) : nil }
        unsafe scratch = .allocate(capacity: Self.scratchSize)
    }

    deinit {
        unsafe X509_STORE_free(store)
        unsafe scratch.deallocate()
    }

    /// Shares the cache of `other`, if it judges alike and remembers in the same way.
    ///
    /// - Returns: whether it does.
    func adoptCache(of other: TrustContext) -> Bool {
        guard digest == other.digest, libraries === other.libraries, let theirs = other.cache,
            cache?.options == theirs.options
        else { return false }
        cache = theirs
        return true
    }

    /// OpenSSL's depth: the most intermediates, so neither leaf nor anchor counts (S09).
    var depth: Int32 { Int32(clamping: options.maximumChainLength - 2) }

    /// The flags that a verification must run with, no more and no fewer.
    var flags: UInt {
        UInt(X509_V_FLAG_TRUSTED_FIRST)
            | (options.allowsPartialChains ? UInt(X509_V_FLAG_PARTIAL_CHAIN) : 0)
            | (options.isStrict ? UInt(X509_V_FLAG_X509_STRICT) : 0)
    }

    /// Where the policy judges the Extended Key Usage itself, OpenSSL must not.
    private var purpose: Int32 {
        switch role {
        case .servers: X509_PURPOSE_SSL_SERVER
        case .clients: policy.judgesExtendedKeyUsage ? X509_PURPOSE_ANY : X509_PURPOSE_SSL_CLIENT
        }
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

    /// The encoding of `certificate`, until the next call; nil when it is too long to be one that
    /// a peer may present.
    func encoding(of certificate: OpaquePointer) -> ByteView? {
        let count = unsafe i2d_X509(certificate, nil)
        guard count > 0, count <= Self.scratchSize else { return nil }
        var cursor: UnsafeMutablePointer<UInt8>? = unsafe scratch
        guard unsafe i2d_X509(certificate, &cursor) == count else { return nil }
        return unsafe ByteView(base: scratch, count: Int(count))
    }
}
