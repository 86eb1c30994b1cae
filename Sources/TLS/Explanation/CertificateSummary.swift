internal import COpenSSL

/// A certificate as people look at it.
public struct CertificateSummary: Sendable, Equatable {
    /// The certificate.
    public let certificate: PeerCertificate
    /// OpenSSL's name of the kind of key: `RSA`, `EC`, `ED25519`; empty when it cannot be read.
    public let keyType: String
    /// Bits of the key.
    public let keyBits: Int
    /// OpenSSL's name of the algorithm that signed it, such as `ecdsa-with-SHA256`.
    public let signatureAlgorithm: String

    /// What `certificate`, an `X509`, says; nil when it cannot be read.
    init?(_ certificate: OpaquePointer) {
        guard let parsed = unsafe PeerCertificate(certificate) else { return nil }
        self.certificate = parsed
        let key = unsafe X509_get0_pubkey(certificate)
        var (type, bits) = ("", 0)
        if let key = unsafe key {
            if let name = unsafe EVP_PKEY_get0_type_name(key) {
                type = unsafe String(cString: name)
            }
            bits = unsafe Int(EVP_PKEY_get_bits(key))
        }
        (keyType, keyBits) = (type, bits)
        let algorithm = unsafe OBJ_nid2ln(X509_get_signature_nid(certificate))
        signatureAlgorithm = unsafe algorithm.map { unsafe String(cString: $0) } ?? ""
        ErrorQueue.clear()
    }
}
