internal import COpenSSL
internal import Core

/// How verified chains are remembered.
public struct ValidationCacheOptions: Sendable, Hashable {
    /// Most certificates remembered by each worker for each trust store; 0 remembers none.
    public var capacity = 4_096
    /// How long a chain is trusted without being verified again, in seconds; at most an hour.
    public var lifetime: Int64 = 600

    /// The longest lifetime, in seconds.
    public static let longestLifetime: Int64 = 3_600

    /// The default settings.
    public init() {}
}

/// What a validation cache has done.
public struct ValidationCacheStatistics: Sendable, Equatable {
    /// Chains that were found, valid.
    public var hits: UInt64 = 0
    /// Chains that had to be verified.
    public var misses: UInt64 = 0
    /// Chains that made room for others.
    public var evictions: UInt64 = 0
    /// Chains that were found too old, or outside their validity.
    public var expired: UInt64 = 0
    /// Chains that were found, but revoked since.
    public var revokedOnHit: UInt64 = 0

    /// Nothing yet.
    public init() {}

    /// The sum of both.
    public static func + (
        left: ValidationCacheStatistics, right: ValidationCacheStatistics
    ) -> ValidationCacheStatistics {
        var sum = left
        sum.hits += right.hits
        sum.misses += right.misses
        sum.evictions += right.evictions
        sum.expired += right.expired
        sum.revokedOnHit += right.revokedOnHit
        return sum
    }
}

/// Chains that one trust context found valid, by the leaf's fingerprint. Positive results only.
///
/// Belongs to one `TrustContext`, hence to one worker and one set of rules (S06). A fixed number of
/// entries, replaced by SIEVE: an entry that was used since the hand last passed it stays.
@safe
final class ValidationCache {
    // Invariant: `entries[i].certificate` is an `X509` of ours, decoded, for each occupied `i`.
    // `table` maps to occupied entries by linear probing, never more than half full. The occupied
    // entries form one list by `newer` and `older`.
    @safe
    private struct Entry {
        var chain: ValidatedChain
        var certificate: OpaquePointer
        /// When it was verified, and until when that may be relied on: seconds since 1970.
        var verifiedAt: Int64
        var expiresAt: Int64
        var newer: Int32
        var older: Int32
        var wasUsed: Bool
    }

    /// A chain that was found, and its leaf, decoded.
    @safe
    struct Found {
        let chain: ValidatedChain
        let certificate: OpaquePointer
    }

    let options: ValidationCacheOptions
    private var entries: ContiguousArray<Entry> = []
    private var table: ContiguousArray<Int32>
    private let mask: Int
    private var newest: Int32 = none
    private var oldest: Int32 = none
    private var hand: Int32 = none
    private var vacant: ContiguousArray<Int32> = []
    private(set) var statistics = ValidationCacheStatistics()

    private static let none: Int32 = -1
    /// A chain this close to its end is not worth an entry, in seconds.
    private static let shortestUse: Int64 = 5

    init(_ options: ValidationCacheOptions) {
        precondition(options.capacity > 0 && options.capacity <= 1 << 24)
        self.options = options
        var size = 8
        while size < 2 * options.capacity { size *= 2 }
        mask = size - 1
        table = ContiguousArray(repeating: Self.none, count: size)
    }

    deinit {
        var slot = newest
        while slot != Self.none {
            unsafe X509_free(entries[Int(slot)].certificate)
            slot = entries[Int(slot)].older
        }
    }

    /// Certificates remembered.
    var count: Int { entries.count - vacant.count }

    /// The chain of the leaf `der`, when it was verified, and the verification still holds.
    ///
    /// - Returns: also the decoded leaf, which stays the cache's.
    func find(_ fingerprint: Fingerprint, der: ByteView, at now: Int64) -> Found? {
        guard let position = position(of: fingerprint) else {
            statistics.misses += 1
            return nil
        }
        let slot = Int(table[position])
        let chain = entries[slot].chain
        guard matches(chain, der) else {
            statistics.misses += 1
            return nil
        }
        // A clock that went backwards proves nothing about the time between.
        guard now >= entries[slot].verifiedAt, now < entries[slot].expiresAt,
            now >= chain.notBefore, now <= chain.notAfter
        else {
            statistics.expired += 1
            statistics.misses += 1
            remove(at: position)
            return nil
        }
        entries[slot].wasUsed = true
        statistics.hits += 1
        return unsafe Found(chain: chain, certificate: entries[slot].certificate)
    }

    /// Remembers `chain`, verified `now`; `certificate` is its leaf, decoded, and is retained.
    func insert(_ chain: ValidatedChain, _ certificate: OpaquePointer, at now: Int64) {
        guard now >= chain.notBefore, chain.notAfter - now >= Self.shortestUse else { return }
        if let position = position(of: chain.fingerprint) { remove(at: position) }
        if count == options.capacity { evict() }
        unsafe X509_up_ref(certificate)
        let lifetime = min(options.lifetime, ValidationCacheOptions.longestLifetime)
        let entry = unsafe Entry(
            chain: chain, certificate: certificate, verifiedAt: now, expiresAt: now + lifetime,
            newer: Self.none, older: newest, wasUsed: false)
        let slot: Int32
        if let free = vacant.popLast() {
            slot = free
            entries[Int(free)] = entry
        } else {
            slot = Int32(entries.count)
            entries.append(entry)
        }
        if newest != Self.none { entries[Int(newest)].newer = slot }
        if oldest == Self.none { oldest = slot }
        newest = slot
        var position = home(of: chain.fingerprint)
        while table[position] != Self.none { position = (position + 1) & mask }
        table[position] = slot
    }

    /// Forgets the chain of that leaf, which has been revoked.
    func revoke(_ fingerprint: Fingerprint) {
        statistics.revokedOnHit += 1
        statistics.hits -= 1
        if let position = position(of: fingerprint) { remove(at: position) }
    }

    // MARK: Table

    private func matches(_ chain: ValidatedChain, _ der: ByteView) -> Bool {
        unsafe chain.leaf.der.withUnsafeBytes { known in unsafe ByteView(known).equals(der) }
    }

    private func home(of fingerprint: Fingerprint) -> Int {
        Int(truncatingIfNeeded: fingerprint.words.0) & mask
    }

    private func position(of fingerprint: Fingerprint) -> Int? {
        var position = home(of: fingerprint)
        while table[position] != Self.none {
            if entries[Int(table[position])].chain.fingerprint == fingerprint {
                return position
            }
            position = (position + 1) & mask
        }
        return nil
    }

    /// Removes what `position` maps to, and closes the gap that this leaves for probes.
    private func remove(at position: Int) {
        let slot = table[position]
        unlink(slot)
        vacant.append(slot)
        unsafe X509_free(entries[Int(slot)].certificate)
        var gap = position
        var next = (gap + 1) & mask
        while table[next] != Self.none {
            let home = home(of: entries[Int(table[next])].chain.fingerprint)
            if (next - home) & mask >= (next - gap) & mask {
                table[gap] = table[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        table[gap] = Self.none
    }

    private func unlink(_ slot: Int32) {
        let (newer, older) = (entries[Int(slot)].newer, entries[Int(slot)].older)
        if newer == Self.none { newest = older } else { entries[Int(newer)].older = older }
        if older == Self.none { oldest = newer } else { entries[Int(older)].newer = newer }
        if hand == slot { hand = newer }
    }

    private func evict() {
        var slot = hand == Self.none ? oldest : hand
        while entries[Int(slot)].wasUsed {
            entries[Int(slot)].wasUsed = false
            let newer = entries[Int(slot)].newer
            slot = newer == Self.none ? oldest : newer
        }
        hand = slot
        statistics.evictions += 1
        if let position = position(of: entries[Int(slot)].chain.fingerprint) {
            remove(at: position)
        }
    }
}
