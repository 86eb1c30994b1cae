internal import COpenSSL

/// The certificate of an authority whose lists are obeyed.
@safe
final class RevocationAuthority {
    let options: RevocationIssuerOptions
    /// What the certificates it issued have as `ChainMember.issuerKey`.
    let key: Fingerprint
    private let certificates: CertificateList

    /// Reads the certificate that `options` names.
    init(_ options: RevocationIssuerOptions) throws(TLSConfigurationError) {
        let path = options.certificate
        let certificates = try PEMFile(path: path).certificates()
        guard certificates.count == 1 else {
            throw TLSConfigurationError(
                path, "contains \(certificates.count) certificates, of which one is the issuer's",
                advice: "name a file with the certificate of issuer '\(options.name)' only")
        }
        let certificate = unsafe certificates[0]
        // Without the extension there is no restriction, and OpenSSL says all bits are set.
        guard unsafe X509_check_ca(certificate) != 0,
            unsafe X509_get_key_usage(certificate) & UInt32(KU_CRL_SIGN) != 0
        else {
            throw TLSConfigurationError(
                path, "may not sign revocation lists (no authority, or keyUsage without cRLSign)",
                advice: "name the authority that signs the lists of issuer '\(options.name)'")
        }
        guard let key = unsafe ChainMember.issuerKey(of: certificate) else {
            throw TLSConfigurationError(
                path, "has a name or key that cannot be read", advice: "name another certificate")
        }
        self.options = options
        self.key = key
        self.certificates = certificates
    }

    /// Whether `list` bears this authority's name.
    func isNamed(by list: SignedRevocationList) -> Bool {
        unsafe X509_NAME_cmp(X509_CRL_get_issuer(list.pointer), name) == 0
    }

    /// Whether `list` bears this authority's signature.
    func signed(_ list: SignedRevocationList) -> Bool {
        defer { ErrorQueue.clear() }
        guard let key = unsafe X509_get0_pubkey(certificates[0]) else { return false }
        return unsafe X509_CRL_verify(list.pointer, key) == 1
    }

    private var name: OpaquePointer? { unsafe X509_get_subject_name(certificates[0]) }
}
