internal import COpenSSL

/// A certificate with its key: issues others when it is an authority.
///
///     let root = try CertificateAuthority.root(.authority("Root", …), key: CertificateKey(.p256))
///     let client = try root.issue(
///         .client([.init("CN", "client1")], …), key: CertificateKey(.p256))
@safe
public final class CertificateAuthority {
    /// The private key of this certificate.
    public let key: CertificateKey
    /// Who issued it; nil when it issued itself, or was read from a file.
    public let issuer: CertificateAuthority?
    /// Whether it ends the chain: a peer does not present it.
    private let isRoot: Bool
    /// PEM of the intermediates above it that were read with it.
    private let upperChainPEM: String
    // Invariant: an `X509` that this object owns.
    let pointer: OpaquePointer

    /// A certificate that is signed by its own key: a root.
    public static func root(
        _ request: CertificateRequest, key: CertificateKey
    ) throws(CertificateError) -> CertificateAuthority {
        try CertificateAuthority(request, key: key, issuer: nil)
    }

    /// A certificate for `key`, signed by this one, whether or not this one is an authority:
    /// tests need chains that must be refused.
    public func issue(
        _ request: CertificateRequest, key: CertificateKey
    ) throws(CertificateError) -> CertificateAuthority {
        try CertificateAuthority(request, key: key, issuer: self)
    }

    private init(
        _ request: CertificateRequest, key: CertificateKey, issuer: CertificateAuthority?
    ) throws(CertificateError) {
        unsafe pointer = try CertificateBuilder.build(request, key: key, issuer: issuer)
        self.key = key
        self.issuer = issuer
        isRoot = issuer == nil
        upperChainPEM = ""
    }

    /// The authority whose certificate stands first in `pem`, before those above it if it is an
    /// intermediate, with the key in `keyPEM`. Fails when it is no authority, or the key another's.
    public init(pem: String, keyPEM: String) throws(CertificateError) {
        key = try CertificateKey(pem: keyPEM)
        issuer = nil
        var certificates = unsafe PEMText.readCertificates(pem)
        defer { unsafe certificates.forEach { unsafe X509_free($0) } }
        guard let first = unsafe certificates.first else {
            throw CertificateError("the file holds no certificate")
        }
        guard unsafe X509_check_ca(first) == 1 else {
            throw CertificateError("the certificate is no authority's")
        }
        guard unsafe X509_check_private_key(first, key.pointer) == 1 else {
            throw CertificateError("the key is not that certificate's")
        }
        let above = unsafe certificates.dropFirst().filter { unsafe !Self.isSelfIssued($0) }
        upperChainPEM = unsafe above.map { certificate in
            unsafe PEMText.write { unsafe PEM_write_bio_X509($0, certificate) } ?? ""
        }.joined()
        isRoot = unsafe Self.isSelfIssued(first)
        unsafe pointer = certificates.removeFirst()
    }

    @unsafe
    private static func isSelfIssued(_ certificate: OpaquePointer) -> Bool {
        unsafe X509_NAME_cmp(
            X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0
    }

    deinit { unsafe X509_free(pointer) }

    /// The certificate, DER.
    public var der: [UInt8] {
        let count = unsafe i2d_X509(pointer, nil)
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { room, filled in
            var cursor = room.baseAddress
            filled = unsafe max(0, Int(i2d_X509(pointer, &cursor)))
        }
    }

    /// The certificate as PEM.
    public var pem: String {
        get throws(CertificateError) {
            guard
                let text = unsafe PEMText.write({ unsafe PEM_write_bio_X509($0, pointer) })
            else { throw CertificateError("the certificate cannot be written") }
            return text
        }
    }

    /// The certificate and its issuers as PEM, without the root: what a peer presents.
    public var chainPEM: String {
        get throws(CertificateError) {
            var text = try pem + upperChainPEM
            var next = issuer
            while let certificate = next, !certificate.isRoot {
                text += try certificate.pem + certificate.upperChainPEM
                next = certificate.issuer
            }
            return text
        }
    }
}
