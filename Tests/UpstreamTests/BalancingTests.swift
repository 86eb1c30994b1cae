import Core
import Testing

@testable import Upstream

private let start = Instant(nanoseconds: 0)
private func server(_ port: UInt16) -> SocketAddress { .ipv4(0x7f00_0001, port: port) }

@Suite("the load is balanced over members, on reused connections as on new ones")
struct BalancingTests {
    private static func pool(
        _ balancing: Balancing, _ change: (inout UpstreamOptions) -> Void = { _ in }
    ) -> UpstreamPool {
        var options = UpstreamOptions(name: "u", members: [server(1), server(2), server(3)])
        options.balancing = balancing
        change(&options)
        return UpstreamPool(options)
    }

    /// Acquires for a request; the connection's name, its member, and whether it was reused.
    private static func take(
        _ pool: inout UpstreamPool, fresh: Bool = false
    ) throws -> (id: UInt32, member: Int, isReused: Bool) {
        switch pool.acquire(waiter: 0, fresh: fresh, now: start) {
        case .reuse(let id, let token):
            #expect(token == UInt64(id))
            return (id, pool.member(of: id), true)
        case .connect(let id, let address):
            #expect(pool.members[pool.member(of: id)].address == address)
            pool.bind(id, token: UInt64(id))
            pool.connectSucceeded(id, now: start)
            return (id, pool.member(of: id), false)
        case .queued, .refused: throw None()
        }
    }

    private struct None: Error {}

    /// Opens `count` connections and lets all become idle, in that order.
    private static func warm(_ pool: inout UpstreamPool, _ count: Int) throws -> [UInt32] {
        let ids = try (0..<count).map { _ in try take(&pool, fresh: true).id }
        for id in ids {
            #expect(pool.release(id, reusable: true, healthy: true, now: start) == .keepIdle)
        }
        return ids
    }

    @Test("one request after the other goes to the members in turn") func sequence() throws {
        var pool = Self.pool(.roundRobin)
        var seen: [Int] = []
        var reused = 0
        for _ in 0..<30 {
            let taken = try Self.take(&pool)
            seen.append(taken.member)
            reused += taken.isReused ? 1 : 0
            _ = pool.release(taken.id, reusable: true, healthy: true, now: start)
        }
        #expect(seen == (0..<30).map { $0 % 3 })
        #expect(reused == 27 && pool.idle == 3, "one connect for each member")
    }

    @Test("of a member's idle connections the one used last is reused") func latest() throws {
        var pool = Self.pool(.roundRobin)
        let ids = try Self.warm(&pool, 6)
        let taken = try (0..<6).map { _ in try Self.take(&pool) }
        #expect(taken.map(\.id) == [3, 4, 5, 0, 1, 2].map { ids[$0] })
        #expect(taken.map(\.member) == [0, 1, 2, 0, 1, 2])
        #expect(taken.allSatisfy(\.isReused) && pool.idle == 0)
    }

    @Test("the member with the fewest busy connections is reused first") func least() throws {
        var pool = Self.pool(.leastConnections)
        _ = try Self.warm(&pool, 9)
        let taken = try (0..<6).map { _ in try Self.take(&pool) }
        #expect(pool.members.map(\.busy) == [2, 2, 2])
        // Two members become free of load: they get all until they are even.
        for one in taken where one.member != 1 {
            _ = pool.release(one.id, reusable: true, healthy: true, now: start)
        }
        let next = try (0..<4).map { _ in try Self.take(&pool) }
        #expect(next.allSatisfy(\.isReused) && next.allSatisfy { $0.member != 1 })
        #expect(pool.members.map(\.busy) == [2, 2, 2])
    }

    @Test("with every slot taken an idle connection elsewhere is used", arguments: [false, true])
    func full(fresh: Bool) throws {
        var pool = Self.pool(.roundRobin) { $0.maxConnections = 3 }
        let ids = try Self.warm(&pool, 3)
        _ = try Self.take(&pool)
        _ = try Self.take(&pool)
        // The third member's turn is over when its only connection is in use again.
        let third = try Self.take(&pool, fresh: fresh)
        #expect(third.id == ids[2] && third.isReused)
        _ = pool.release(ids[1], reusable: true, healthy: true, now: start)
        let other = try Self.take(&pool, fresh: fresh)
        #expect(other.id == ids[1] && other.member == 1)
        #expect(pool.acquire(waiter: 0, fresh: fresh, now: start) == .queued)
    }

    @Test("idle connections of an ejected member rest") func ejected() throws {
        var pool = Self.pool(.roundRobin) { $0.ejection.consecutiveFailures = 1 }
        let ids = try Self.warm(&pool, 6)
        _ = try Self.take(&pool)
        _ = pool.release(ids[3], reusable: false, healthy: false, now: start)
        let members = try (0..<4).map { _ in try Self.take(&pool).member }
        #expect(members == [1, 2, 1, 2])
    }

    @Test("new names keep the idle connections of members that stay, in order") func update() throws
    {
        var pool = Self.pool(.roundRobin)
        let ids = try Self.warm(&pool, 6)
        pool.update(members: [server(3), server(9)])
        #expect(pool.nextExpired(now: start) != nil && pool.idle == 5)
        let first = try Self.take(&pool)
        #expect(first.id == ids[5] && first.member == 0)
        let second = try Self.take(&pool)
        #expect(second.member == 1 && !second.isReused)
        let third = try Self.take(&pool)
        #expect(third.id == ids[2] && third.member == 0)
    }
}
