public import TLS

/// What header values are made of: a chain, and its leaf's attributes once they are asked for.
///
/// It proves nothing. Only an `IdentityBlock`, which wants a `VerifiedPeer`, goes to an upstream.
public struct IdentityInput: Sendable {
    /// The leaf.
    let leaf: PeerCertificate
    /// SHA-256 of the leaf, DER.
    let fingerprint: [UInt8]
    /// DER, the leaf first, the anchor last.
    let certificates: [[UInt8]]
    /// URIs that the proxy's own certificate has, for `By` of `X-Forwarded-Client-Cert`.
    let proxyURIs: [String]
    private let parsed: Result<CertificateAttributes, CertificateMistake>

    /// The input for a validated chain; parses its leaf.
    public init(_ chain: ValidatedChain, proxyURIs: [String] = []) {
        self.init(
            chain.leaf, chain.fingerprint.bytes, chain.certificates, proxyURIs)
    }

    /// The input for a chain that nobody has validated, for examples: DER, the leaf first. Nil
    /// unless the leaf is a certificate.
    public init?(unverified certificates: [[UInt8]]) {
        guard let first = certificates.first, let leaf = PeerCertificate(der: first) else {
            return nil
        }
        self.init(leaf, leaf.sha256Fingerprint, certificates, [])
    }

    private init(
        _ leaf: PeerCertificate, _ fingerprint: [UInt8], _ certificates: [[UInt8]],
        _ proxyURIs: [String]
    ) {
        self.leaf = leaf
        self.fingerprint = fingerprint
        self.certificates = certificates
        self.proxyURIs = proxyURIs
        do throws(CertificateMistake) {
            parsed = .success(
                try CertificateAttributes(leaf, sha256: fingerprint, chain: certificates))
        } catch {
            parsed = .failure(error)
        }
    }

    /// What the leaf says.
    var attributes: CertificateAttributes {
        get throws(IdentityError) {
            switch parsed {
            case .success(let attributes): return attributes
            case .failure(let mistake): throw .malformed(mistake.part)
            }
        }
    }

    /// The leaf and its intermediates, without the anchor, which who is told has himself.
    var chainWithoutAnchor: [[UInt8]] {
        certificates.count > 1 ? certificates.dropLast() : certificates
    }
}
