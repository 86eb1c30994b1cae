internal import COpenSSL
internal import Core
internal import Synchronization

/// Who a session is for, and until when.
final class SessionIdentity: Sendable {
    /// The virtual host with its policy and trust; a session is resumed under the same only.
    let binding: Fingerprint
    /// The chain that was verified; nil for a client without a certificate.
    let chain: ValidatedChain?
    /// When the client proved who it is, seconds since 1970.
    let authenticatedAt: Int64
    /// From then on it cannot be resumed, however often it was: seconds since 1970 (S17).
    let deadline: Int64

    init(binding: Fingerprint, chain: ValidatedChain?, at now: Int64, lifetime: Int64) {
        self.binding = binding
        self.chain = chain
        authenticatedAt = now
        let end = now + min(lifetime, SessionOptions.longestLifetime)
        deadline = min(end, chain?.notAfter ?? .max)
    }

    /// Whether a session for it may be resumed. A clock that went backwards proves nothing.
    func isUsable(under binding: Fingerprint, at now: Int64) -> Bool {
        self.binding == binding && now >= authenticatedAt && now < deadline
            && now >= chain?.notBefore ?? .min
    }
}

/// TLS sessions of all workers, by session identifier.
///
/// Each is a private copy that no connection ever uses (S12). Nobody but expiry, revocation and
/// eviction removes one: not a failed connection, which a stranger could bring about (S13).
public final class SessionStore: Sendable {
    let options: SessionOptions
    private let shards: [Shard]
    private let owners: [OwnerShard]
    private let capacityOfShard: Int

    /// A store as `options` say; nil when sessions are off, or the OpenSSL that is loaded
    /// would resume a session under another context's rules (S12).
    public init?(_ options: SessionOptions) {
        guard options.isEnabled, options.capacity > 0, Self.isSafe(UInt(OpenSSL_version_num()))
        else { return nil }
        self.options = options
        let count = options.capacity < 1_024 ? 1 : 16
        shards = (0..<count).map { _ in Shard() }
        owners = (0..<count).map { _ in OwnerShard() }
        capacityOfShard = options.capacity / count
    }

    /// Whether OpenSSL of that number has the repair of CVE-2024-2511: 3.0.14, 3.1.6, 3.2.2 and
    /// what came later.
    static func isSafe(_ version: UInt) -> Bool {
        switch version >> 20 {
        case ..<0x301: version >= 0x3000_00E0
        case 0x301: version >= 0x3010_0060
        case 0x302: version >= 0x3020_0020
        default: true
        }
    }

    /// A private copy of a session. Nothing changes it, so every thread may copy it.
    final class Stored: @unchecked Sendable {
        let session: SessionCopy
        let id: SessionID
        let identity: SessionIdentity

        init(_ session: SessionCopy, _ id: SessionID, _ identity: SessionIdentity) {
            self.session = session
            self.id = id
            self.identity = identity
        }

        var owner: Owner? {
            identity.chain.map { Owner(leaf: $0.holder, binding: identity.binding) }
        }
    }

    /// Whose sessions are counted together.
    struct Owner: Hashable {
        /// `ValidatedChain.holder`.
        let leaf: Fingerprint
        let binding: Fingerprint
    }

    private final class Shard: Sendable {
        struct State {
            var sessions: [SessionID: Stored] = [:]
            private var anonymous = Arrivals<SessionID>()
            private var verified = Arrivals<SessionID>()

            mutating func insert(_ stored: Stored) {
                sessions[stored.id] = stored
                let live = sessions.count
                if stored.owner == nil {
                    anonymous.append(stored.id, live: live) { sessions[$0] != nil }
                } else {
                    verified.append(stored.id, live: live) { sessions[$0] != nil }
                }
            }

            /// Takes out the session that has been here longest: of those without a certificate
            /// while there are any, for everybody can have as many of them as he likes.
            mutating func takeOldest() -> Stored? {
                let oldest =
                    anonymous.first { sessions[$0] != nil }
                    ?? verified.first { sessions[$0] != nil }
                return oldest.flatMap { sessions.removeValue(forKey: $0) }
            }
        }
        let state = Mutex(State())
    }

    private final class OwnerShard: Sendable {
        let sessions = Mutex<[Owner: [SessionID]]>([:])
    }

    /// Sessions that are kept.
    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.sessions.count } } }

    /// Keeps `session`, which no connection uses. When its certificate has one too many then, the
    /// session that it goes on from, called `origin`, makes room for it: the client has no more use
    /// for that one. Without it the certificate's oldest goes.
    func insert(_ session: SessionCopy, after origin: SessionID? = nil) {
        guard let id = unsafe SessionID(of: session.pointer),
            let identity = unsafe SessionIdentity.of(session.pointer)
        else { return }
        let stored = Stored(session, id, identity)
        if let owner = stored.owner, let surplus = enter(id, for: owner, after: origin) {
            _ = take(surplus)
        }
        let evicted = shard(of: id).state.withLock { state -> Stored? in
            state.insert(stored)
            guard state.sessions.count > capacityOfShard else { return nil }
            return state.takeOldest()
        }
        if let evicted { leave(evicted) }
    }

    /// The session called `id`, when it may be resumed under `binding` now.
    func find(_ id: SessionID, binding: Fingerprint, at now: Int64) -> Stored? {
        guard let stored = shard(of: id).state.withLock({ $0.sessions[id] }) else { return nil }
        if stored.identity.isUsable(under: binding, at: now) { return stored }
        if now >= stored.identity.deadline { remove(stored) }
        return nil
    }

    /// Forgets `stored`: its time is over, or its certificate is revoked.
    func remove(_ stored: Stored) {
        if take(stored.id) != nil { leave(stored) }
    }

    private func take(_ id: SessionID) -> Stored? {
        shard(of: id).state.withLock { $0.sessions.removeValue(forKey: id) }
    }

    /// Counts `id` for `owner`; returns which of the owner's has to go when that is one too many.
    private func enter(
        _ id: SessionID, for owner: Owner, after origin: SessionID?
    ) -> SessionID? {
        ownerShard(of: owner).sessions.withLock { owners in
            owners[owner, default: []].append(id)
            guard owners[owner]?.count ?? 0 > options.mostPerCertificate else { return nil }
            let position = origin.flatMap { owners[owner]?.firstIndex(of: $0) } ?? 0
            return owners[owner]?.remove(at: position)
        }
    }

    private func leave(_ stored: Stored) {
        guard let owner = stored.owner else { return }
        ownerShard(of: owner).sessions.withLock { owners in
            owners[owner]?.removeAll { $0 == stored.id }
            if owners[owner]?.isEmpty == true { owners[owner] = nil }
        }
    }

    private func shard(of id: SessionID) -> Shard {
        shards[Int(truncatingIfNeeded: id.words.0 & UInt64(shards.count - 1))]
    }

    private func ownerShard(of owner: Owner) -> OwnerShard {
        owners[Int(truncatingIfNeeded: owner.leaf.words.0 & UInt64(owners.count - 1))]
    }
}

/// A session identifier of 32 bytes, as libssl makes them: random.
struct SessionID: Hashable {
    let words: (UInt64, UInt64, UInt64, UInt64)

    /// The identifier of an `SSL_SESSION`; nil when it is not 32 bytes long.
    init?(of session: OpaquePointer) {
        var count: UInt32 = 0
        let start = unsafe SSL_SESSION_get_id(session, &count)
        guard let start = unsafe start else { return nil }
        unsafe self.init(ByteView(base: start, count: Int(count)))
    }

    /// The identifier in `bytes`; nil when they are not 32.
    init?(_ bytes: ByteView) {
        guard bytes.count == 32 else { return nil }
        words = unsafe bytes.raw.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
    }

    static func == (left: SessionID, right: SessionID) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
