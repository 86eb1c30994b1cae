public import TLS

/// What header values are made of: a validated chain, and its leaf's attributes once they are
/// asked for.
public struct IdentityInput: Sendable {
    /// The chain.
    public let chain: ValidatedChain
    /// URIs that the proxy's own certificate has, for `By` of `X-Forwarded-Client-Cert`.
    let proxyURIs: [String]
    private let parsed: Result<CertificateAttributes, CertificateMistake>

    /// The input for `chain`; parses its leaf.
    public init(_ chain: ValidatedChain, proxyURIs: [String] = []) {
        self.chain = chain
        self.proxyURIs = proxyURIs
        do throws(CertificateMistake) {
            parsed = .success(try CertificateAttributes(chain))
        } catch {
            parsed = .failure(error)
        }
    }

    /// The leaf.
    var leaf: PeerCertificate { chain.leaf }

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
        chain.certificates.count > 1 ? chain.certificates.dropLast() : chain.certificates
    }
}
