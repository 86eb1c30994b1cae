public import TLS

/// Who the client is: nobody, or a peer whose certificate was verified in this connection's
/// handshake. There is nothing between the two.
public enum ClientIdentity: Sendable {
    /// No certificate was presented.
    case anonymous
    /// The peer, and its headers.
    case verified(VerifiedPeer, IdentityBlock)

    /// The identity after a handshake that left `peer`, with its headers in each of `sets`.
    public init(peer: VerifiedPeer?, sets: [IdentityHeaderSet]) throws(IdentityError) {
        guard let peer else {
            self = .anonymous
            return
        }
        self = .verified(peer, try IdentityBlock.of(peer, sets: sets))
    }

    /// Whether a certificate was verified.
    public var isVerified: Bool {
        switch self {
        case .anonymous: false
        case .verified: true
        }
    }

    /// The verified peer.
    public var peer: VerifiedPeer? {
        switch self {
        case .anonymous: nil
        case .verified(let peer, _): peer
        }
    }

    /// The peer's headers.
    public var block: IdentityBlock? {
        switch self {
        case .anonymous: nil
        case .verified(_, let block): block
        }
    }
}
