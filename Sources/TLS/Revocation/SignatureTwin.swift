internal import COpenSSL

/// The other encoding of a certificate that was signed with ECDSA.
///
/// Where (r, s) is a signature, so is (r, n - s), n being the order of the group (SEC 1 §4.1.4 asks
/// for nothing else of s), and whoever has the one can compute the other. So everybody can make of
/// such a certificate one more that is as valid and has another fingerprint.
enum SignatureTwin {
    /// What came of looking for it.
    enum Result {
        case none
        case encoding([UInt8])
        /// There is one, but it cannot be computed.
        case failed
    }

    /// The twin of `certificate`, an `X509` of the encoding `der` that `issuer` signed.
    static func find(
        of certificate: OpaquePointer, _ der: [UInt8], issuer: OpaquePointer
    ) -> Result {
        guard let key = unsafe X509_get0_pubkey(issuer) else { return .failed }
        guard unsafe EVP_PKEY_is_a(key, "EC") == 1 else { return .none }
        var order: OpaquePointer?
        defer { unsafe BN_free(order) }
        var signature: UnsafePointer<ASN1_BIT_STRING>?
        unsafe X509_get0_signature(&signature, nil, certificate)
        guard unsafe EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_ORDER, &order) == 1,
            let signature = unsafe signature,
            let twin = unsafe twin(of: signature, order)
        else { return .failed }
        return replaceSignature(of: der, oldCount: unsafe Int(signature.pointee.length), by: twin)
            .map(Result.encoding) ?? .failed
    }

    /// The DER of (r, `order` - s).
    private static func twin(
        of signature: UnsafePointer<ASN1_BIT_STRING>, _ order: OpaquePointer?
    ) -> [UInt8]? {
        var cursor: UnsafePointer<UInt8>? = unsafe UnsafePointer(signature.pointee.data)
        let parts = unsafe d2i_ECDSA_SIG(nil, &cursor, Int(signature.pointee.length))
        defer { unsafe ECDSA_SIG_free(parts) }
        guard let parts = unsafe parts, let copy = unsafe BN_dup(ECDSA_SIG_get0_r(parts)) else {
            return nil
        }
        guard let other = unsafe BN_new() else {
            unsafe BN_free(copy)
            return nil
        }
        guard unsafe BN_sub(other, order, ECDSA_SIG_get0_s(parts)) == 1,
            unsafe ECDSA_SIG_set0(parts, copy, other) == 1
        else {
            unsafe BN_free(copy)
            unsafe BN_free(other)
            return nil
        }
        let count = unsafe i2d_ECDSA_SIG(parts, nil)
        guard count > 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { room, filled in
            var cursor = room.baseAddress
            filled = unsafe max(0, Int(i2d_ECDSA_SIG(parts, &cursor)))
        }
    }

    /// The certificate `der` with `signature` for the one of `oldCount` bytes that it ends with
    /// (RFC 5280 §4.1: a SEQUENCE of the signed part, the algorithm, and a BIT STRING).
    private static func replaceSignature(
        of der: [UInt8], oldCount: Int, by signature: [UInt8]
    ) -> [UInt8]? {
        // A BIT STRING's first byte counts unused bits: none.
        let oldEnd = header(V_ASN1_BIT_STRING, count: oldCount + 1).count + oldCount + 1
        guard let start = contentStart(of: der), der.count - start >= oldEnd else { return nil }
        let content =
            Array(der[start..<der.count - oldEnd])
            + header(V_ASN1_BIT_STRING, count: signature.count + 1) + [0] + signature
        return header(V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, count: content.count) + content
    }

    /// Where the content of the element at the start of `der` begins.
    private static func contentStart(of der: [UInt8]) -> Int? {
        guard der.count >= 2 else { return nil }
        return der[1] < 0x80 ? 2 : 2 + Int(der[1] & 0x7F)
    }

    /// Tag and length (X.690 §8.1).
    private static func header(_ tag: Int32, count: Int) -> [UInt8] {
        var length: [UInt8] = []
        var rest = count
        repeat {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        } while rest > 0
        if count >= 0x80 { length.insert(0x80 | UInt8(length.count), at: 0) }
        return [UInt8(truncatingIfNeeded: tag)] + length
    }
}
