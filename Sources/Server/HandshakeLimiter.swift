import Core

/// Bounds the handshakes in flight and picks the victim when a new connection finds them full
/// (security rule S26): first the oldest without a complete ClientHello, then the oldest of the
/// busiest source (an IPv4 address, or an IPv6 /64).
///
/// Its tables hold at most a small multiple of `limit` entries, so a flood cannot grow them, and a
/// handshake costs a constant amount of work over its life, so a flood cannot slow them either.
/// An object, made once per worker, because looking for a victim reads the sessions that stand
/// beside it and forgets what it need not see again.
final class HandshakeLimiter {
    // Invariant: `live` has the source of every handshake in flight; each stands in the queue of
    // its source, and in `silent` until its ClientHello was seen to be complete. `sources[s]` is
    // at `ranks[sources[s].count][sources[s].position]`, and no rank above `highest` has any.
    private struct Source {
        var count = 0
        /// Place among the sources with the same count.
        var position = 0
        var arrivals = Arrivals<SlabHandle>()
    }

    private let limit: Int
    private var live: [SlabHandle: UInt64] = [:]
    private var silent = Arrivals<SlabHandle>()
    private var sources: [UInt64: Source] = [:]
    /// The sources by their count.
    private var ranks: [[UInt64]] = [[]]
    private var highest = 0

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
        live.reserveCapacity(limit)
    }

    /// Handshakes in flight.
    var count: Int { live.count }

    var isFull: Bool { live.count >= limit }

    func began(_ handle: SlabHandle, source: UInt64) {
        live[handle] = source
        silent.append(handle, live: live.count) { live[$0] != nil }
        rank(source, by: 1)
        arrived(handle, source: source)
    }

    /// The handshake turned out to be another source's: a balancer said so.
    func moved(_ handle: SlabHandle, to source: UInt64) {
        guard let old = live[handle], old != source else { return }
        live[handle] = source
        rank(old, by: -1)
        rank(source, by: 1)
        arrived(handle, source: source)
    }

    private func arrived(_ handle: SlabHandle, source: UInt64) {
        let count = sources[source]?.count ?? 0
        sources[source]?.arrivals.append(handle, live: count) { live[$0] == source }
    }

    func ended(_ handle: SlabHandle) {
        guard let source = live.removeValue(forKey: handle) else { return }
        rank(source, by: -1)
    }

    /// Whom to close so that another handshake fits.
    ///
    /// - Parameter hasClientHello: whether that handshake's ClientHello is complete; once true it
    ///   stays true.
    func victim(hasClientHello: (SlabHandle) -> Bool) -> SlabHandle? {
        if let handle = silent.first(where: { live[$0] != nil && !hasClientHello($0) }) {
            return handle
        }
        guard let busiest = ranks[highest].first else { return nil }
        return sources[busiest]?.arrivals.first { live[$0] == busiest }
    }

    // MARK: Ranks

    /// Moves `source` to the rank of one handshake more or less.
    private func rank(_ source: UInt64, by change: Int) {
        let old = sources[source, default: Source()]
        if old.count > 0 { leaveRank(old) }
        let count = old.count + change
        if count == 0 {
            sources[source] = nil
        } else {
            if count == ranks.count { ranks.append([]) }
            sources[source, default: Source()].count = count
            sources[source]?.position = ranks[count].count
            ranks[count].append(source)
            highest = max(highest, count)
        }
        // One step is enough: what left the highest rank went to a neighbour.
        if highest > 0 && ranks[highest].isEmpty { highest -= 1 }
    }

    private func leaveRank(_ source: Source) {
        let last = ranks[source.count].removeLast()
        guard source.position < ranks[source.count].count else { return }
        ranks[source.count][source.position] = last
        sources[last]?.position = source.position
    }

    /// The source that `address` counts for.
    static func source(of address: SocketAddress) -> UInt64 {
        switch address {
        case .ipv4(let bits, _): UInt64(bits)
        case .ipv6(let bits, _) where bits.high == 0 && bits.low >> 32 == 0xffff:
            // An IPv4 address in another dress (RFC 4291 §2.5.5.2).
            bits.low & 0xffff_ffff
        case .ipv6(let bits, _): bits.high
        case .unix: 0
        }
    }
}
