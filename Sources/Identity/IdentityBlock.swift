public import Core
internal import Synchronization
public import TLS

/// The identity headers of one peer, rendered once: complete lines, injected by reference.
///
/// Kept with the peer's validated chain, so that its next connection need not render them again.
@safe
public final class IdentityBlock: ChainAttachment, @unchecked Sendable {
    /// The longest value, in bytes.
    public static let valueLimit = 8_192
    /// The longest block, in bytes.
    public static let totalLimit = 16_384

    // Invariant: `storage` points at `count` initialised bytes until deinit; nothing writes them.
    nonisolated(unsafe) private let storage: UnsafeMutablePointer<UInt8>
    private let count: Int
    private let headersKey: String

    /// The block of `headers` for `peer`: a rendered one, or a new one.
    public static func of(
        _ peer: VerifiedPeer, headers: IdentityHeaderSet
    ) throws(IdentityError) -> IdentityBlock {
        let kept = peer.validated.attachment.load() as? IdentityBlock
        if let kept, kept.headersKey == headers.key { return kept }
        let block = try IdentityBlock(peer: peer, headers: headers)
        _ = peer.validated.attachment.storeIfNil(block)
        return block
    }

    /// Renders `headers` for `peer`.
    public init(peer: VerifiedPeer, headers: IdentityHeaderSet) throws(IdentityError) {
        let lines = try headers.lines(of: peer.validated)
        unsafe storage = .allocate(capacity: max(lines.count, 1))
        unsafe storage.initialize(from: lines, count: lines.count)
        count = lines.count
        headersKey = headers.key
    }

    deinit { unsafe storage.deallocate() }

    /// The lines, CRLF included. Valid for as long as the block.
    public var view: ByteView { unsafe ByteView(base: storage, count: count) }
}
