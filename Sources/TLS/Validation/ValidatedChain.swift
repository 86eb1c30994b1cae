internal import COpenSSL
public import Synchronization

/// Something that another module keeps with a validated chain, such as its rendered headers.
open class ChainAttachment: @unchecked Sendable {
    /// Subclasses hold immutable values only.
    public init() {}
}

/// A chain that was verified, from the leaf to an anchor.
///
/// One object serves every connection and session of the certificate for as long as it is cached,
/// on every thread. It says that the certificate is valid, not that a peer holds its key.
public final class ValidatedChain: Sendable {
    /// The certificate that was presented.
    public let leaf: PeerCertificate
    /// SHA-256 of the leaf's encoding.
    public let fingerprint: Fingerprint
    /// DER, the leaf first, the anchor last. Not what the peer presented.
    public let certificates: [[UInt8]]
    /// Latest `notBefore` over all of them, anchor included: seconds since 1970.
    public let notBefore: Int64
    /// Earliest `notAfter` over all of them, anchor included: seconds since 1970.
    public let notAfter: Int64
    /// What revocation needs to know of each.
    public let members: [ChainMember]
    /// Set once at most, by whoever comes first.
    public let attachment = AtomicLazyReference<ChainAttachment>()

    /// The chain of `certificates`, the leaf first; nil when there is none.
    init?(
        _ certificates: [PeerCertificate], fingerprint: Fingerprint, members: [ChainMember]
    ) {
        guard let leaf = certificates.first else { return nil }
        self.leaf = leaf
        self.fingerprint = fingerprint
        self.certificates = certificates.map(\.der)
        notBefore = certificates.map(\.notBefore).max() ?? .max
        notAfter = certificates.map(\.notAfter).min() ?? .min
        self.members = members
    }

    /// What the leaf is counted by: the same whichever of its two encodings was presented.
    var holder: Fingerprint { members.first?.commonFingerprint ?? fingerprint }
}

/// A peer whose certificate was verified *and* who proved that it holds the key.
///
/// Only `TLSEngine` makes one, once, when the handshake is complete (S05).
public struct VerifiedPeer: Sendable {
    /// The chain from the peer's certificate to an anchor.
    public let validated: ValidatedChain
    /// When the peer proved that it holds the key, seconds since 1970; a resumed connection keeps
    /// the time of the one that was not. Zero where no clock was told.
    public let authenticatedAt: Int64

    init(_ validated: ValidatedChain, authenticatedAt: Int64) {
        self.validated = validated
        self.authenticatedAt = authenticatedAt
    }

    /// The peer's own certificate.
    public var leaf: PeerCertificate { validated.leaf }
    /// SHA-256 of the leaf's encoding.
    public var fingerprint: Fingerprint { validated.fingerprint }
    /// The validated chain, DER: the leaf first, the anchor last. Not what the peer presented.
    public var chain: [[UInt8]] { validated.certificates }
    /// Latest `notBefore` over the chain, seconds since 1970.
    public var notBefore: Int64 { validated.notBefore }
    /// Earliest `notAfter` over the chain, seconds since 1970.
    public var notAfter: Int64 { validated.notAfter }
}
