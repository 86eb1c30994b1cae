public import Core
internal import Synchronization
public import TLS

/// The identity headers of one peer, rendered once: complete lines for each set of headers that its
/// virtual host has, injected by reference.
///
/// Kept with the peer's validated chain, so that its next connection need not render them again.
@safe
public final class IdentityBlock: ChainAttachment, @unchecked Sendable {
    /// Why a request cannot carry a set's headers.
    public enum Refusal: UInt8, Sendable {
        /// They are larger than the set's limits.
        case tooLarge
        /// No header can say what the certificate says.
        case unrepresentable
    }

    /// What is sent with a request. Views are valid for as long as the block.
    public struct Part {
        /// Complete lines, CRLF included.
        public let lines: ByteView
        /// What goes behind a received `X-Forwarded-Client-Cert`, CRLF included.
        public let appendix: ByteView
        /// What becomes of a received `X-Forwarded-Client-Cert`.
        public let received: ReceivedClientCert
        /// Why none of it can be sent.
        public let refusal: Refusal?
    }

    private struct Place {
        var lines = ByteRange.empty
        var appendix = ByteRange.empty
        var received = ReceivedClientCert.removed
        var refusal: Refusal?
    }

    // Invariant: `storage` points at `count` initialised bytes until deinit, nothing writes them,
    // and every range of `places` lies within them.
    nonisolated(unsafe) private let storage: UnsafeMutablePointer<UInt8>
    private let count: Int
    private let places: [Place]
    private let key: [String]
    // Set once at most: the block of another virtual host or of a later configuration.
    private let successor = AtomicLazyReference<IdentityBlock>()
    /// Blocks that are kept with a chain; what is asked for beyond that is rendered each time.
    private static let mostKept = 4

    /// The block of `sets` for `peer`: a rendered one, or a new one.
    public static func of(
        _ peer: VerifiedPeer, sets: [IdentityHeaderSet]
    ) throws(IdentityError) -> IdentityBlock {
        var last: IdentityBlock?
        var next = peer.validated.attachment.load() as? IdentityBlock
        var count = 0
        while let kept = next {
            if kept.key.elementsEqual(sets.lazy.map(\.key)) { return kept }
            (last, next, count) = (kept, kept.successor.load(), count + 1)
        }
        let block = try IdentityBlock(peer: peer, sets: sets)
        if let last {
            if count < mostKept { _ = last.successor.storeIfNil(block) }
        } else {
            _ = peer.validated.attachment.storeIfNil(block)
        }
        return block
    }

    /// Renders `sets` for `peer`.
    ///
    /// - Throws: when the first set, that of the virtual host, cannot say what the certificate
    ///   says. Other sets, and limits, concern single requests: `part(_:)`.
    public convenience init(peer: VerifiedPeer, sets: [IdentityHeaderSet]) throws(IdentityError) {
        var bytes: [UInt8] = []
        var places: [Place] = []
        for (index, set) in sets.enumerated() {
            var place = Place()
            do throws(IdentityError) {
                let rendered = try set.render(peer.validated)
                place.lines = ByteRange(start: bytes.count, count: rendered.lines.count)
                bytes += rendered.lines
                place.appendix = ByteRange(start: bytes.count, count: rendered.appendix.count)
                bytes += rendered.appendix
                place.received = rendered.received
            } catch .tooLarge {
                place.refusal = .tooLarge
            } catch {
                guard index > 0 else { throw error }
                place.refusal = .unrepresentable
            }
            places.append(place)
        }
        self.init(bytes, places, sets)
    }

    /// What `sets` say of a client that has shown no certificate; nil when it is nothing.
    public convenience init?(anonymousOf sets: [IdentityHeaderSet]) {
        var bytes: [UInt8] = []
        var places: [Place] = []
        for set in sets {
            var place = Place()
            let lines = set.anonymousLines
            place.lines = ByteRange(start: bytes.count, count: lines.count)
            bytes += lines
            places.append(place)
        }
        guard !bytes.isEmpty else { return nil }
        self.init(bytes, places, sets)
    }

    private init(_ bytes: [UInt8], _ places: [Place], _ sets: [IdentityHeaderSet]) {
        self.places = places
        unsafe storage = .allocate(capacity: max(bytes.count, 1))
        unsafe storage.initialize(from: bytes, count: bytes.count)
        count = bytes.count
        key = sets.map(\.key)
    }

    deinit { unsafe storage.deallocate() }

    /// What the set at `index` says of the peer.
    public func part(_ index: Int) -> Part {
        let place = places[index]
        let bytes = unsafe ByteView(base: storage, count: count)
        return Part(
            lines: bytes[place.lines], appendix: bytes[place.appendix],
            received: place.received, refusal: place.refusal)
    }
}
