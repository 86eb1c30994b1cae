internal import COpenSSL

/// Why a key or certificate could not be made.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, and OpenSSL's reason.
    public let description: String

    init(_ description: String) {
        if let text = unsafe ERR_reason_error_string(ERR_get_error()) {
            self.description = unsafe "\(description): \(String(cString: text))"
        } else {
            self.description = description
        }
        ERR_clear_error()
    }
}

/// A private key that certificates are made with.
@safe
public final class CertificateKey {
    /// Kinds of key.
    public enum Kind: Equatable, Hashable, Sendable {
        /// ECDSA over P-256.
        case p256
        /// ECDSA over P-384.
        case p384
        /// RSA with that many bits.
        case rsa(bits: Int)
        /// Ed25519.
        case ed25519
    }

    /// What kind of key it is.
    public let kind: Kind
    // Invariant: an `EVP_PKEY` that this object owns.
    let pointer: OpaquePointer

    /// A new random key.
    public init(_ kind: Kind) throws(CertificateError) {
        let pointer: OpaquePointer? =
            switch kind {
            case .p256: unsafe COpenSSL_generateEC("P-256")
            case .p384: unsafe COpenSSL_generateEC("P-384")
            case .rsa(let bits): unsafe COpenSSL_generateRSA(max(0, bits))
            case .ed25519: unsafe COpenSSL_generateEd25519()
            }
        guard let pointer = unsafe pointer else { throw CertificateError("no \(kind) key") }
        self.kind = kind
        unsafe self.pointer = pointer
    }

    /// The private key in `pem`, not encrypted.
    public init(pem: String) throws(CertificateError) {
        let bytes = Array(pem.utf8)
        guard let bio = unsafe COpenSSL_BIO_copying(bytes, bytes.count) else {
            throw CertificateError("out of memory")
        }
        defer { unsafe BIO_free(bio) }
        var asked: Int32 = 0
        guard let pointer = unsafe COpenSSL_PEM_read_private_key(bio, nil, 0, &asked) else {
            throw CertificateError("the file holds no unencrypted private key")
        }
        guard let kind = unsafe Self.kind(of: pointer) else {
            unsafe EVP_PKEY_free(pointer)
            throw CertificateError("the key is none of P-256, P-384, RSA and Ed25519")
        }
        self.kind = kind
        unsafe self.pointer = pointer
    }

    @unsafe
    private static func kind(of key: OpaquePointer) -> Kind? {
        let bits = unsafe Int(EVP_PKEY_get_bits(key))
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 { return .rsa(bits: bits) }
        if unsafe EVP_PKEY_is_a(key, "ED25519") == 1 { return .ed25519 }
        guard unsafe EVP_PKEY_is_a(key, "EC") == 1 else { return nil }
        var name = [CChar](repeating: 0, count: 32)
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return nil }
        switch String(decoding: name.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self) {
        case "prime256v1": return .p256
        case "secp384r1": return .p384
        default: return nil
        }
    }

    deinit { unsafe EVP_PKEY_free(pointer) }

    /// The key as PEM, PKCS #8, not encrypted. Keep the file's mode 0600.
    public var pem: String {
        get throws(CertificateError) {
            guard
                let text = unsafe PEMText.write({ bio in
                    unsafe PEM_write_bio_PKCS8PrivateKey(bio, pointer, nil, nil, 0, nil, nil)
                })
            else { throw CertificateError("the key cannot be written") }
            return text
        }
    }

    /// The digest to sign with: none for Ed25519, which has its own.
    var digest: OpaquePointer? {
        switch kind {
        case .ed25519: nil
        case .p384: unsafe EVP_sha384()
        case .p256, .rsa: unsafe EVP_sha256()
        }
    }
}

/// PEM out of OpenSSL's writers, and into its readers.
enum PEMText {
    /// The certificates in `text`, up to the first that is broken. The caller frees them.
    @unsafe
    static func readCertificates(_ text: String) -> [OpaquePointer] {
        let bytes = Array(text.utf8)
        guard let bio = unsafe COpenSSL_BIO_copying(bytes, bytes.count) else {
            return unsafe []
        }
        defer { unsafe BIO_free(bio) }
        var certificates: [OpaquePointer] = unsafe []
        while let certificate = unsafe COpenSSL_PEM_read_certificate(bio) {
            unsafe certificates.append(certificate)
        }
        ERR_clear_error()
        return unsafe certificates
    }

    /// What `body` writes into the BIO that it is given; nil when it fails.
    static func write(_ body: (OpaquePointer) -> Int32) -> String? {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(bio) }
        guard unsafe body(bio) == 1 else { return nil }
        var start: UnsafePointer<UInt8>?
        let count = unsafe COpenSSL_BIO_get_mem_data(bio, &start)
        return unsafe String(
            decoding: UnsafeBufferPointer(start: start, count: max(0, count)), as: UTF8.self)
    }
}
