internal import COpenSSL
internal import Core

/// Verifies the chain that a peer presented: the hook of `SSL_CTX_set_cert_verify_callback`.
///
/// It only proposes: the peer has not yet shown that it holds the key (S05). `TLSEngine` turns the
/// proposal into a `VerifiedPeer` when the handshake is complete.
enum ChainVerifier {
    /// What a verification found.
    enum Outcome {
        case valid(ValidatedChain)
        case refused(Refusal)
    }

    /// Why a chain was refused.
    struct Refusal {
        /// OpenSSL's `X509_V_ERR_…`; it decides on the alert.
        let code: Int32
        /// Position of the certificate at fault, 0 for the leaf.
        let depth: Int
        let reason: String
        /// Subject of the certificate at fault, printable.
        var subject: String?
        /// The leaf that was presented.
        var leaf: PeerCertificate?
    }

    /// Verifies what `context` holds; returns 1 when the chain is valid, else 0.
    static func verify(_ context: OpaquePointer, trust: TrustContext) -> Int32 {
        guard let ssl = unsafe peerConnection(of: context),
            let record = unsafe HandshakeRecord.of(ssl)
        else {
            unsafe X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED)
            return 0
        }
        let outcome: Outcome
        // S03: a connection that was switched to another virtual host must have switched its
        // rules as well.
        if unsafe trust.governs(context), unsafe record.pointee.trust === trust {
            let revocation = unsafe record.pointee.server?.revocation ?? .empty
            unsafe record.pointee.revocationGeneration = revocation.generation
            outcome = unsafe judge(context, trust, revocation, at: record.pointee.wallSeconds)
        } else {
            outcome = .refused(
                Refusal(
                    code: X509_V_ERR_APPLICATION_VERIFICATION, depth: 0,
                    reason: "the rules are another virtual host's"))
        }
        unsafe record.pointee.verification = outcome
        // OpenSSL leaves entries even about a certificate that it then went round; at libssl's next
        // want of input they would pass for a failure.
        ErrorQueue.clear()
        switch outcome {
        case .valid:
            unsafe X509_STORE_CTX_set_error(context, X509_V_OK)
            unsafe record.pointee.verifiedLeaf = unsafe X509_STORE_CTX_get0_cert(context)
            return 1
        case .refused(let refusal):
            unsafe X509_STORE_CTX_set_error(context, refusal.code)
            return 0
        }
    }

    /// The verdict on what `context` holds: a remembered one, or a new one.
    static func judge(
        _ context: OpaquePointer, _ trust: TrustContext, _ revocation: RevocationSet, at now: Int64
    ) -> Outcome {
        guard let presented = unsafe X509_STORE_CTX_get0_cert(context),
            let der = unsafe trust.encoding(of: presented)
        else {
            return .refused(
                Refusal(code: X509_V_ERR_UNSPECIFIED, depth: 0, reason: "no certificate"))
        }
        let fingerprint = Fingerprint(of: der)
        if let cache = trust.cache, now > 0,
            let found = cache.find(fingerprint, der: der, at: now)
        {
            switch revocation.judge(found.chain.members, wallSeconds: now) {
            case .good:
                unsafe useDecoded(found.certificate, in: context)
                return .valid(found.chain)
            case .revoked(let index, let reason):
                cache.revoke(fingerprint)
                if index == 0 { return .refused(revoked(found.chain, at: index, reason)) }
            // There may be another path, around the member that is revoked.
            case .stale(let index, let issuer):
                return .refused(stale(found.chain, at: index, issuer))
            }
        }
        guard unsafe decodePresented(in: context, trust) else {
            return .refused(
                Refusal(
                    code: X509_V_ERR_UNSPECIFIED, depth: 0,
                    reason: "a presented certificate cannot be decoded"))
        }
        if now > 0 { unsafe X509_STORE_CTX_set_time(context, 0, Int(now)) }
        guard unsafe X509_verify_cert(context) == 1 else {
            return unsafe .refused(refusal(of: context))
        }
        return unsafe validate(context, fingerprint, trust, revocation, at: now)
    }

    /// Judges the chain that OpenSSL found by what else is asked of it, and remembers it.
    private static func validate(
        _ context: OpaquePointer, _ fingerprint: Fingerprint, _ trust: TrustContext,
        _ revocation: RevocationSet, at now: Int64
    ) -> Outcome {
        // A verification whose error was set aside is none (S07).
        guard unsafe X509_STORE_CTX_get_error(context) == X509_V_OK,
            let stack = unsafe X509_STORE_CTX_get0_chain(context),
            let certificates = unsafe certificates(of: stack, trust),
            let members = unsafe ChainMember.chain(
                certificates, { unsafe COpenSSL_sk_X509_value(stack, Int32($0)) }),
            let chain = ValidatedChain(certificates, fingerprint: fingerprint, members: members),
            let leaf = unsafe X509_STORE_CTX_get0_cert(context)
        else { return unsafe .refused(refusal(of: context)) }
        if let refused = unsafe trust.policy.refusal(of: stack, certificates) {
            return .refused(
                Refusal(
                    code: refused.code, depth: refused.depth, reason: refused.reason,
                    subject: unsafe PrintableName.text(
                        of: X509_get_subject_name(
                            COpenSSL_sk_X509_value(stack, Int32(refused.depth)))),
                    leaf: chain.leaf))
        }
        switch revocation.judge(members, wallSeconds: now) {
        case .good: break
        case .revoked(let index, let reason): return .refused(revoked(chain, at: index, reason))
        case .stale(let index, let issuer): return .refused(stale(chain, at: index, issuer))
        }
        if now > 0 { unsafe trust.cache?.insert(chain, leaf, at: now) }
        // Neither is needed any more: libssl would keep both for as long as the connection lives.
        unsafe X509_STORE_CTX_set0_verified_chain(context, nil)
        unsafe COpenSSL_keepFirstPresented(context)
        return .valid(chain)
    }

    // MARK: Certificates

    /// Gives libssl the decoded leaf for the one that it has parsed, and drops the rest.
    private static func useDecoded(_ leaf: OpaquePointer, in context: OpaquePointer) {
        unsafe X509_up_ref(leaf)
        _ = unsafe COpenSSL_replacePresented(context, 0, leaf)
        unsafe COpenSSL_keepFirstPresented(context)
    }

    /// Decodes what the connection's library could only parse: all public keys.
    private static func decodePresented(
        in context: OpaquePointer, _ trust: TrustContext
    ) -> Bool {
        guard trust.libraries.isRestricted else { return true }
        guard let presented = unsafe X509_STORE_CTX_get0_untrusted(context) else { return false }
        for index in unsafe 0..<COpenSSL_sk_X509_num(presented) {
            guard let certificate = unsafe COpenSSL_sk_X509_value(presented, index),
                let der = unsafe trust.encoding(of: certificate),
                let decoded = unsafe decode(der, isLeaf: index == 0, trust),
                unsafe COpenSSL_replacePresented(context, index, decoded) == 1
            else { return false }
        }
        return true
    }

    /// A certificate with its public key, which the caller owns.
    private static func decode(
        _ der: ByteView, isLeaf: Bool, _ trust: TrustContext
    ) -> OpaquePointer? {
        if !isLeaf, let known = trust.authorities[der.array] {
            unsafe X509_up_ref(known.certificate)
            return unsafe known.certificate
        }
        guard let decoded = unsafe parse(der, by: trust.libraries.certificates) else { return nil }
        if unsafe X509_get0_pubkey(decoded) != nil { return unsafe decoded }
        // A kind of key that TLS does not offer: OpenSSL's whole library may know it.
        ErrorQueue.clear()
        unsafe X509_free(decoded)
        return unsafe parse(der, by: nil)
    }

    private static func parse(_ der: ByteView, by library: OpaquePointer?) -> OpaquePointer? {
        var certificate = unsafe X509_new_ex(library, nil)
        var cursor = unsafe der.raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
        // On failure the object is freed and the variable nil.
        _ = unsafe d2i_X509(&certificate, &cursor, der.count)
        return unsafe certificate
    }

    private static func certificates(
        of stack: OpaquePointer, _ trust: TrustContext
    ) -> [PeerCertificate]? {
        var certificates: [PeerCertificate] = []
        for index in unsafe 0..<COpenSSL_sk_X509_num(stack) {
            guard let certificate = unsafe COpenSSL_sk_X509_value(stack, index) else { return nil }
            if index > 0, let der = unsafe trust.encoding(of: certificate)?.array,
                let known = trust.authorities[der]
            {
                certificates.append(known.parsed)
                continue
            }
            guard let parsed = unsafe PeerCertificate(certificate) else { return nil }
            if index > 0 { unsafe trust.authorities.insert(certificate, parsed) }
            certificates.append(parsed)
        }
        return certificates
    }

    // MARK: Refusals

    private static func peerConnection(of context: OpaquePointer) -> OpaquePointer? {
        let index = SSL_get_ex_data_X509_STORE_CTX_idx()
        return unsafe OpaquePointer(X509_STORE_CTX_get_ex_data(context, index))
    }

    private static func revoked(
        _ chain: ValidatedChain, at index: Int, _ reason: RevocationReason
    ) -> Refusal {
        Refusal(
            code: X509_V_ERR_CERT_REVOKED, depth: index,
            reason: "the certificate is revoked (\(reason))",
            subject: subject(of: chain, at: index), leaf: chain.leaf)
    }

    private static func stale(
        _ chain: ValidatedChain, at index: Int, _ issuer: String
    ) -> Refusal {
        Refusal(
            code: X509_V_ERR_CRL_HAS_EXPIRED, depth: index,
            reason: "no revocation list of issuer '\(issuer)' is in force",
            subject: subject(of: chain, at: index), leaf: chain.leaf)
    }

    private static func subject(of chain: ValidatedChain, at index: Int) -> String? {
        guard chain.certificates.indices.contains(index) else { return nil }
        return PrintableName.subject(certificate: chain.certificates[index])
    }

    private static func refusal(of context: OpaquePointer) -> Refusal {
        var code = unsafe X509_STORE_CTX_get_error(context)
        if code == X509_V_OK { code = X509_V_ERR_UNSPECIFIED }
        let certificate = unsafe X509_STORE_CTX_get_current_cert(context)
        return unsafe Refusal(
            code: code, depth: Int(X509_STORE_CTX_get_error_depth(context)),
            reason: String(cString: X509_verify_cert_error_string(Int(code))),
            subject: certificate.flatMap {
                unsafe PrintableName.text(of: X509_get_subject_name($0))
            },
            leaf: X509_STORE_CTX_get0_cert(context).flatMap { unsafe PeerCertificate($0) })
    }
}

/// The C side of `ChainVerifier.verify`; the argument is the `TrustContext`, unretained.
let verifyChain: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
    context, argument in
    guard let context = unsafe context, let argument = unsafe argument else { return 0 }
    let trust = unsafe Unmanaged<TrustContext>.fromOpaque(argument).takeUnretainedValue()
    return unsafe ChainVerifier.verify(context, trust: trust)
}
