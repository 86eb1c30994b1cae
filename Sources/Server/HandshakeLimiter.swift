import Core

/// Bounds the handshakes in flight and picks the victim when a new connection finds them full
/// (security rule S26): first the oldest without a complete ClientHello, then the oldest of the
/// busiest source (an IPv4 address, or an IPv6 /64).
///
/// Its tables hold at most `limit` entries, so a flood cannot grow them.
struct HandshakeLimiter {
    private struct Entry {
        var handle: SlabHandle
        var source: UInt64
    }

    private let limit: Int
    /// In order of arrival; entries whose handshake ended are dropped when as many of them as live
    /// ones may have gathered.
    private var arrivals: [Entry] = []
    private var live: [SlabHandle: UInt64] = [:]
    private var perSource: [UInt64: Int] = [:]

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
        live.reserveCapacity(limit)
    }

    /// Handshakes in flight.
    var count: Int { live.count }

    var isFull: Bool { live.count >= limit }

    mutating func began(_ handle: SlabHandle, source: UInt64) {
        arrivals.append(Entry(handle: handle, source: source))
        live[handle] = source
        perSource[source, default: 0] += 1
        if arrivals.count > 2 * limit + 64 { compact() }
    }

    mutating func ended(_ handle: SlabHandle) {
        guard let source = live.removeValue(forKey: handle) else { return }
        let left = (perSource[source] ?? 1) - 1
        perSource[source] = left > 0 ? left : nil
    }

    /// Whom to close so that another handshake fits.
    ///
    /// - Parameter hasClientHello: whether that handshake's ClientHello is complete.
    func victim(hasClientHello: (SlabHandle) -> Bool) -> SlabHandle? {
        let silent = arrivals.first { live[$0.handle] != nil && !hasClientHello($0.handle) }
        if let silent { return silent.handle }
        guard let busiest = perSource.max(by: { $0.value < $1.value })?.key else { return nil }
        return arrivals.first { live[$0.handle] != nil && $0.source == busiest }?.handle
    }

    private mutating func compact() {
        arrivals.removeAll { live[$0.handle] == nil }
    }

    /// The source that `address` counts for.
    static func source(of address: SocketAddress) -> UInt64 {
        switch address {
        case .ipv4(let bits, _): UInt64(bits)
        case .ipv6(let bits, _): bits.high
        case .unix: 0
        }
    }
}
