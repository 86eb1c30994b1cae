internal import COpenSSL

/// What a chain must satisfy beyond OpenSSL's verification.
@safe
struct ChainPolicy {
    private let extendedKeyUsage: ExtendedKeyUsagePolicy
    private let role: TrustContext.Role
    private let excusedIssuers: Set<[UInt8]>
    private let minimumRSABits: Int32
    private let minimumECBits: Int32
    private let signatureAlgorithms: Set<Int32>
    private let mode: TrustStoreMode
    /// SHA-256 of every certificate of the store.
    private let stored: Set<Fingerprint>
    /// SHA-256 over what was loaded from files.
    let digest: Fingerprint

    /// The policy of `options`, whose store holds the certificates `stored`.
    init(
        _ options: TrustStoreOptions, _ role: TrustContext.Role, stored: Set<Fingerprint>
    ) throws(TLSConfigurationError) {
        self.role = role
        mode = options.mode
        self.stored = stored
        // A server's usage is OpenSSL's to judge.
        extendedKeyUsage = role == .clients ? options.extendedKeyUsage : .off
        minimumRSABits = Int32(clamping: options.minimumRSABits)
        minimumECBits = Int32(clamping: options.minimumECBits)
        var algorithms: Set<Int32> = []
        for name in options.signatureAlgorithms {
            let nid = unsafe OBJ_txt2nid(name)
            var digest: Int32 = 0
            guard nid != NID_undef, unsafe OBJ_find_sigid_algs(nid, &digest, nil) == 1 else {
                ErrorQueue.clear()
                throw TLSConfigurationError(
                    name, "is no signature algorithm that OpenSSL knows",
                    advice: "use names such as ecdsa-with-SHA256 and RSA-SHA256")
            }
            algorithms.insert(nid)
        }
        signatureAlgorithms = algorithms
        var issuers: Set<[UInt8]> = []
        for path in options.extendedKeyUsageExceptions {
            let certificates = try PEMFile(
                path: path, contents: options.contents[path]
            ).certificates()
            for index in 0..<certificates.count {
                guard let issuer = unsafe PeerCertificate(certificates[index]) else { continue }
                issuers.insert(issuer.der)
            }
        }
        excusedIssuers = issuers
        digest = Fingerprint(
            of: issuers.map { Fingerprint(of: $0).bytes }.sorted {
                $0.lexicographicallyPrecedes($1)
            }
            .flatMap { $0 })
    }

    /// Whether `refusal(of:)` decides on the Extended Key Usage alone.
    var judgesExtendedKeyUsage: Bool { extendedKeyUsage == .off || !excusedIssuers.isEmpty }

    /// Something that is not good enough.
    struct Finding {
        let code: Int32
        let depth: Int
        let reason: String
    }

    /// Why the chain in `stack`, which OpenSSL has verified, is not good enough; nil when it is.
    ///
    /// - Parameter certificates: the chain, the leaf first, the anchor last.
    func refusal(of stack: OpaquePointer, _ certificates: [PeerCertificate]) -> Finding? {
        unsafe findings(of: stack, certificates).first
    }

    /// Everything in that chain that is not good enough, in order.
    func findings(of stack: OpaquePointer, _ certificates: [PeerCertificate]) -> [Finding] {
        var found: [Finding] = []
        let isExcused = certificates.count > 1 && excusedIssuers.contains(certificates[1].der)
        for index in certificates.indices {
            guard let certificate = unsafe COpenSSL_sk_X509_value(stack, Int32(index)) else {
                found.append(
                    Finding(
                        code: X509_V_ERR_UNSPECIFIED, depth: index, reason: "the chain is broken"))
                return found
            }
            let isAnchor = index > 0 && index == certificates.count - 1
            if index > 0, mode == .apiGateway,
                !stored.contains(Fingerprint(of: certificates[index].der))
            {
                found.append(
                    Finding(
                        code: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, depth: index - 1,
                        reason: "its issuer is not in the trust store, whose mode takes none from "
                            + "the client"))
            }
            if unsafe !hasStrongKey(certificate) {
                let code = index == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL
                found.append(
                    Finding(
                        code: code, depth: index,
                        reason: "the key is not one that the trust store allows"))
            }
            if isAnchor { continue }
            if unsafe !hasStrongSignature(certificate) {
                found.append(
                    Finding(
                        code: X509_V_ERR_CA_MD_TOO_WEAK, depth: index,
                        reason: "the trust store does not allow its signature algorithm"))
            }
            // OpenSSL does not look where `judgesExtendedKeyUsage`; nobody is excused from it.
            if index == 0, role == .clients, unsafe !maySign(certificate) {
                found.append(
                    Finding(
                        code: X509_V_ERR_INVALID_PURPOSE, depth: index,
                        reason: "its key usage does not allow signing"))
            }
            if !isExcused, unsafe !allowsClients(certificate, isLeaf: index == 0) {
                found.append(
                    Finding(
                        code: X509_V_ERR_INVALID_PURPOSE, depth: index,
                        reason: "its extended key usage does not allow client authentication"))
            }
        }
        return found
    }

    /// As OpenSSL asks it of clients (RFC 5280 §4.2.1.3). Without the extension all bits are set.
    private func maySign(_ certificate: OpaquePointer) -> Bool {
        unsafe X509_get_key_usage(certificate)
            & UInt32(KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT) != 0
    }

    private func allowsClients(_ certificate: OpaquePointer, isLeaf: Bool) -> Bool {
        let isPresent =
            unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_XKUSAGE) != 0
        let allows =
            unsafe X509_get_extended_key_usage(certificate) & UInt32(XKU_SSL_CLIENT) != 0
        return switch extendedKeyUsage {
        case .off: true
        case .ifPresent: !isPresent || allows
        case .require: isPresent ? allows : !isLeaf
        }
    }

    /// Whether the algorithm that signed it is allowed.
    func hasStrongSignature(_ certificate: OpaquePointer) -> Bool {
        if mode == .apiGateway {
            var digestBits: Int32 = 0
            guard unsafe X509_get_signature_info(certificate, nil, nil, &digestBits, nil) == 1,
                digestBits >= TrustStoreMode.apiGatewayDigestBits
            else { return false }
        }
        return unsafe signatureAlgorithms.isEmpty
            || signatureAlgorithms.contains(X509_get_signature_nid(certificate))
    }

    /// Whether its key is of a kind and a length that are allowed.
    func hasStrongKey(_ certificate: OpaquePointer) -> Bool {
        guard minimumRSABits > 0 || minimumECBits > 0 || mode == .apiGateway else { return true }
        guard let key = unsafe X509_get0_pubkey(certificate) else { return false }
        let bits = unsafe EVP_PKEY_get_bits(key)
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: return bits >= minimumRSABits
        case EVP_PKEY_EC: return bits >= minimumECBits
        default: return mode != .apiGateway
        }
    }
}
