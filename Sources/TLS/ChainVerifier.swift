internal import COpenSSL

/// Verifies the chain that a peer presented: the hook of `SSL_CTX_set_cert_verify_callback`.
///
/// It only proposes: the peer has not yet shown that it holds the key (S05). `TLSEngine` turns the
/// proposal into a `VerifiedPeer` when the handshake is complete. A validation cache belongs here:
/// look up before `X509_verify_cert`, insert after it.
enum ChainVerifier {
    /// What a verification found.
    enum Outcome {
        case valid(ValidatedChain)
        case refused(Refusal)
    }

    /// A chain that leads from the leaf to an anchor.
    struct ValidatedChain {
        /// DER, the leaf first, the anchor last.
        let certificates: [[UInt8]]
        let leaf: PeerCertificate
        /// Latest `notBefore` and earliest `notAfter` over all of them, in epoch seconds.
        let notBefore: Int64
        let notAfter: Int64
    }

    /// Why a chain was refused.
    struct Refusal {
        let code: Int32
        let depth: Int
        let subject: String?

        var reason: String { unsafe String(cString: X509_verify_cert_error_string(Int(code))) }
    }

    /// Verifies what `context` holds; returns 1 when the chain is valid, else 0.
    static func verify(_ context: OpaquePointer, trust: TrustContext) -> Int32 {
        guard let ssl = unsafe peerConnection(of: context),
            let record = unsafe HandshakeRecord.of(ssl)
        else {
            unsafe X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED)
            return 0
        }
        // S03: a connection that was switched to another virtual host must have switched its
        // rules as well.
        guard unsafe trust.governs(context), unsafe record.pointee.trust === trust else {
            unsafe X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION)
            unsafe record.pointee.verification = .refused(
                Refusal(code: X509_V_ERR_APPLICATION_VERIFICATION, depth: 0, subject: nil))
            return 0
        }
        guard unsafe X509_verify_cert(context) == 1, let chain = unsafe validatedChain(of: context)
        else {
            if unsafe X509_STORE_CTX_get_error(context) == X509_V_OK {
                unsafe X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED)
            }
            unsafe record.pointee.verification = .refused(refusal(of: context))
            return 0
        }
        unsafe record.pointee.verification = .valid(chain)
        return 1
    }

    private static func peerConnection(of context: OpaquePointer) -> OpaquePointer? {
        let index = SSL_get_ex_data_X509_STORE_CTX_idx()
        return unsafe OpaquePointer(X509_STORE_CTX_get_ex_data(context, index))
    }

    private static func validatedChain(of context: OpaquePointer) -> ValidatedChain? {
        guard let stack = unsafe X509_STORE_CTX_get0_chain(context) else { return nil }
        var certificates: [[UInt8]] = []
        var leaf: PeerCertificate?
        var notBefore = Int64.min
        var notAfter = Int64.max
        for index in unsafe 0..<COpenSSL_sk_X509_num(stack) {
            guard let certificate = unsafe COpenSSL_sk_X509_value(stack, index),
                let parsed = unsafe PeerCertificate(certificate)
            else { return nil }
            certificates.append(parsed.der)
            notBefore = max(notBefore, parsed.notBefore)
            notAfter = min(notAfter, parsed.notAfter)
            if leaf == nil { leaf = parsed }
        }
        guard let leaf else { return nil }
        return ValidatedChain(
            certificates: certificates, leaf: leaf, notBefore: notBefore, notAfter: notAfter)
    }

    private static func refusal(of context: OpaquePointer) -> Refusal {
        let certificate = unsafe X509_STORE_CTX_get_current_cert(context)
        return unsafe Refusal(
            code: X509_STORE_CTX_get_error(context),
            depth: Int(X509_STORE_CTX_get_error_depth(context)),
            subject: certificate.flatMap(unsafe printableSubject))
    }

    /// The subject for messages: RFC 2253 with everything but printable ASCII escaped, capped.
    private static func printableSubject(_ certificate: OpaquePointer) -> String? {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(bio) }
        let name = unsafe X509_get_subject_name(certificate)
        guard unsafe X509_NAME_print_ex(bio, name, 0, COpenSSL_XN_FLAG_RFC2253) >= 0 else {
            return nil
        }
        var start: UnsafePointer<UInt8>?
        let count = unsafe COpenSSL_BIO_get_mem_data(bio, &start)
        guard let start = unsafe start, count > 0 else { return "" }
        let bytes = unsafe UnsafeBufferPointer(start: start, count: min(count, 512))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }
}

/// The C side of `ChainVerifier.verify`; the argument is the `TrustContext`, unretained.
let verifyChain: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
    context, argument in
    guard let context = unsafe context, let argument = unsafe argument else { return 0 }
    let trust = unsafe Unmanaged<TrustContext>.fromOpaque(argument).takeUnretainedValue()
    return unsafe ChainVerifier.verify(context, trust: trust)
}
