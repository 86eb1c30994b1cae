internal import COpenSSL

/// What revocation needs to know of a certificate in a validated chain, so that the chain can be
/// judged again at any time without OpenSSL.
public struct ChainMember: Hashable, Sendable {
    /// SHA-256 over the issuer's canonical name and its SubjectPublicKeyInfo (DER): equal names
    /// with different keys are different issuers. Nil for an anchor, which nobody revokes.
    public let issuerKey: Fingerprint?
    /// The serial number.
    public let serialNumber: SerialNumber
    /// SHA-256 of the certificate, DER.
    public let fingerprint: Fingerprint
    /// SHA-256 of the other encoding that everybody can make of it (`SignatureTwin`); nil when
    /// there is none.
    public let twinFingerprint: Fingerprint?
    /// SHA-256 of its SubjectPublicKeyInfo, DER.
    public let publicKeyHash: Fingerprint
    /// SHA-256 of its issuer's name, DER as in the certificate.
    public let issuerNameHash: Fingerprint
    /// SHA-256 of its issuer's name in canonical form: `CanonicalName`.
    public let issuerCanonicalHash: Fingerprint

    /// What `certificate` says, an `X509` that `issuer` issued, or an anchor when that is nil.
    /// Nil when it cannot be read: such a certificate is to be refused.
    init?(_ certificate: OpaquePointer, _ parsed: PeerCertificate, issuer: OpaquePointer?) {
        guard let publicKey = unsafe Self.publicKey(of: certificate),
            let issuerName = unsafe CanonicalName(X509_get_issuer_name(certificate))
        else { return nil }
        if let issuer = unsafe issuer {
            guard let key = unsafe Self.issuerKey(of: issuer) else { return nil }
            issuerKey = key
            switch unsafe SignatureTwin.find(of: certificate, parsed.der, issuer: issuer) {
            case .none: twinFingerprint = nil
            case .encoding(let twin): twinFingerprint = Fingerprint(of: twin)
            case .failed: return nil
            }
        } else {
            issuerKey = nil
            twinFingerprint = nil
        }
        serialNumber = SerialNumber(parsed.serialNumber)
        fingerprint = Fingerprint(of: parsed.der)
        publicKeyHash = Fingerprint(of: publicKey)
        issuerNameHash = Fingerprint(of: parsed.issuerDER)
        issuerCanonicalHash = issuerName.digest
    }

    /// The same for both encodings of the certificate, of which its holder may choose.
    var commonFingerprint: Fingerprint {
        guard let twinFingerprint else { return fingerprint }
        return twinFingerprint.words < fingerprint.words ? twinFingerprint : fingerprint
    }

    /// The members of a validated chain: `certificates`, parsed, the leaf first, the anchor last,
    /// of which `pointer` gives the `X509` at a position. Nil when one of them cannot be read.
    static func chain(
        _ certificates: [PeerCertificate], _ pointer: (Int) -> OpaquePointer?
    ) -> [ChainMember]? {
        var members: [ChainMember] = []
        for (index, parsed) in certificates.enumerated() {
            let isAnchor = index + 1 == certificates.count
            let issuer = unsafe isAnchor ? nil : pointer(index + 1)
            guard let certificate = unsafe pointer(index), unsafe isAnchor || issuer != nil,
                let member = unsafe ChainMember(certificate, parsed, issuer: issuer)
            else { return nil }
            members.append(member)
        }
        return members
    }

    /// What the certificates that `issuer`, an `X509`, issued have as `issuerKey`.
    static func issuerKey(of issuer: OpaquePointer) -> Fingerprint? {
        guard let name = unsafe CanonicalName(X509_get_subject_name(issuer)),
            let key = unsafe publicKey(of: issuer)
        else { return nil }
        return Fingerprint(of: name.encoding + key)
    }

    /// SubjectPublicKeyInfo, DER; the key itself is not decoded.
    private static func publicKey(of certificate: OpaquePointer) -> [UInt8]? {
        let key = unsafe X509_get_X509_PUBKEY(certificate)
        let count = unsafe i2d_X509_PUBKEY(key, nil)
        guard count > 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { room, filled in
            var cursor = room.baseAddress
            filled = unsafe max(0, Int(i2d_X509_PUBKEY(key, &cursor)))
        }
    }
}
