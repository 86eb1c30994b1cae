import Core
import Testing

@testable import Upstream

private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
private let first = SocketAddress.ipv4(0x7f00_0001, port: 1)
private let second = SocketAddress.ipv4(0x7f00_0001, port: 2)

private func options(_ change: (inout UpstreamOptions) -> Void = { _ in }) -> UpstreamOptions {
    var options = UpstreamOptions(name: "u", members: [first, second])
    change(&options)
    return options
}

@Suite struct UpstreamPoolTests {
    /// Opens a connection for `waiter` and returns its name.
    private func open(
        _ pool: inout UpstreamPool, _ waiter: UInt64, _ now: Instant
    ) throws -> UInt32 {
        let acquisition = pool.acquire(waiter: waiter, fresh: true, now: now)
        guard case .connect(let id, _) = acquisition else {
            throw Unexpected(what: "\(acquisition)")
        }
        pool.bind(id, token: 100 + UInt64(id))
        pool.connectSucceeded(id, now: now)
        return id
    }

    private struct Unexpected: Error { let what: String }

    @Test("the connection used last is reused first") func lastInFirstOut() throws {
        var pool = UpstreamPool(options { $0.members = [first] })
        let older = try open(&pool, 1, at(0))
        let newer = try open(&pool, 2, at(0))
        #expect(pool.release(older, reusable: true, healthy: true, now: at(1)) == .keepIdle)
        #expect(pool.release(newer, reusable: true, healthy: true, now: at(2)) == .keepIdle)
        let token = 100 + UInt64(newer)
        #expect(pool.acquire(waiter: 3, fresh: false, now: at(3)) == .reuse(newer, token: token))
    }

    @Test("an idle connection of an ejected member, or of one that is gone, is not reused")
    func idleOutOfFavour() throws {
        var pool = UpstreamPool(options { $0.ejection.consecutiveFailures = 1 })
        let kept = try open(&pool, 1, at(0))
        let failing = try open(&pool, 2, at(0))
        let idle = try open(&pool, 3, at(0))
        #expect(pool.release(failing, reusable: true, healthy: true, now: at(1)) == .keepIdle)
        #expect(pool.release(idle, reusable: true, healthy: true, now: at(1)) == .keepIdle)
        #expect(pool.release(kept, reusable: false, healthy: false, now: at(1)) == .none)
        // `kept` and `idle` belong to the first member, which is ejected now.
        let token = 100 + UInt64(failing)
        #expect(pool.acquire(waiter: 4, fresh: false, now: at(1)) == .reuse(failing, token: token))
        #expect(pool.acquire(waiter: 5, fresh: false, now: at(1)) == .connect(kept, second))
        pool.update(members: [second])
        #expect(pool.nextExpired(now: at(1)) == .idleConnection(token: 100 + UInt64(idle)))
        #expect(pool.nextExpired(now: at(1)) == nil)
    }

    @Test("idle connections are dropped, the oldest first; others are not") func dropped() throws {
        var pool = UpstreamPool(options())
        let busy = try open(&pool, 1, at(0))
        let older = try open(&pool, 2, at(0))
        let newer = try open(&pool, 3, at(0))
        #expect(pool.dropIdle() == nil)
        #expect(pool.release(older, reusable: true, healthy: true, now: at(1)) == .keepIdle)
        #expect(pool.release(newer, reusable: true, healthy: true, now: at(2)) == .keepIdle)
        #expect(pool.dropIdle() == 100 + UInt64(older))
        #expect(pool.dropIdle() == 100 + UInt64(newer) && pool.dropIdle() == nil)
        #expect(pool.idle == 0 && pool.busy == 1)
        #expect(pool.release(busy, reusable: false, healthy: true, now: at(3)) == .none)
    }

    @Test("a member that vanishes during an exchange on it is no more than gone")
    func vanishedMember() throws {
        var pool = UpstreamPool(options())
        let id = try open(&pool, 1, at(0))
        pool.update(members: [second])
        #expect(pool.release(id, reusable: true, healthy: true, now: at(1)) == .close)
        #expect(pool.busy == 0)
    }

    @Test("a connect given up by the client is not held against the server")
    func givenUp() {
        var pool = UpstreamPool(options { $0.ejection.consecutiveFailures = 1 })
        guard case .connect(let id, _) = pool.acquire(waiter: 1, fresh: false, now: at(0)) else {
            Issue.record("no connection")
            return
        }
        #expect(pool.connectFailed(id, isServersFault: false, now: at(0)) == .none)
        #expect(pool.ejections == 0)
        #expect(pool.members[0].failures == 0)
    }

    @Test("members are taken in turn, and the least busy one where asked") func balancing() throws {
        var turns = UpstreamPool(options())
        #expect(turns.acquire(waiter: 1, fresh: true, now: at(0)) == .connect(0, first))
        #expect(turns.acquire(waiter: 2, fresh: true, now: at(0)) == .connect(1, second))
        #expect(turns.acquire(waiter: 3, fresh: true, now: at(0)) == .connect(2, first))
        var least = UpstreamPool(options { $0.balancing = .leastConnections })
        let id = try open(&least, 1, at(0))
        #expect(least.acquire(waiter: 2, fresh: true, now: at(0)) == .connect(1, second))
        _ = least.release(id, reusable: false, healthy: true, now: at(0))
        #expect(least.acquire(waiter: 3, fresh: true, now: at(0)) == .connect(0, first))
    }

    @Test("who waits is served in order, up to a limit and a deadline") func queue() throws {
        var pool = UpstreamPool(
            options {
                $0.maxConnections = 1
                $0.queueLimit = 2
                $0.queueTimeout = .seconds(5)
            })
        let id = try open(&pool, 1, at(0))
        #expect(pool.acquire(waiter: 2, fresh: false, now: at(0)) == .queued)
        #expect(pool.acquire(waiter: 3, fresh: false, now: at(1)) == .queued)
        #expect(pool.acquire(waiter: 4, fresh: false, now: at(1)) == .refused(.queueFull))
        let next = pool.release(id, reusable: true, healthy: true, now: at(2))
        #expect(next == .handOver(waiter: 2))
        #expect(pool.nextExpired(now: at(5)) == nil)
        #expect(pool.nextExpired(now: at(6)) == .waiter(3))
        #expect(pool.waiting == 0)
    }

    @Test("a cancelled waiter is skipped") func cancel() throws {
        var pool = UpstreamPool(options { $0.maxConnections = 1 })
        let id = try open(&pool, 1, at(0))
        #expect(pool.acquire(waiter: 2, fresh: false, now: at(0)) == .queued)
        pool.cancel(waiter: 2)
        #expect(pool.release(id, reusable: true, healthy: true, now: at(0)) == .keepIdle)
    }

    @Test("a connection that dies makes room for the next waiter") func replaced() throws {
        var pool = UpstreamPool(options { $0.maxConnections = 1 })
        let id = try open(&pool, 1, at(0))
        #expect(pool.acquire(waiter: 2, fresh: false, now: at(0)) == .queued)
        let next = pool.release(id, reusable: false, healthy: true, now: at(0))
        #expect(next == .connect(id, second, waiter: 2))
    }

    @Test("idle connections end after their time, spent ones at once") func limits() throws {
        var pool = UpstreamPool(
            options {
                $0.idleTimeout = .seconds(10)
                $0.maxRequestsPerConnection = 1
            })
        let spent = try open(&pool, 1, at(0))
        #expect(pool.release(spent, reusable: true, healthy: true, now: at(0)) == .close)
        var idle = UpstreamPool(options { $0.idleTimeout = .seconds(10) })
        let id = try open(&idle, 1, at(0))
        _ = idle.release(id, reusable: true, healthy: true, now: at(1))
        #expect(idle.nextExpired(now: at(10)) == nil)
        #expect(idle.nextExpired(now: at(11)) == .idleConnection(token: 100 + UInt64(id)))
        #expect(idle.idle == 0)
    }

    @Test("a failing member is left out, longer each time, never all of them") func ejection() {
        var pool = UpstreamPool(options { $0.ejection.consecutiveFailures = 1 })
        pool.connectFailed(0, afterAcquiringAt: at(0))
        #expect(pool.members[0].isEjected(at: at(0)) && !pool.members[0].isEjected(at: at(1)))
        #expect(pool.acquire(waiter: 2, fresh: true, now: at(0)) == .connect(0, second))
        _ = pool.connectFailed(0, now: at(0))
        #expect(pool.members.allSatisfy { $0.isEjected(at: at(0)) })
        let panic = pool.acquire(waiter: 3, fresh: true, now: at(0))
        #expect(panic == .connect(0, first), "when all are out, one is used anyway")
    }

    @Test("10,000 random operations keep the books", arguments: [1, 2, 3])
    func model(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var pool = UpstreamPool(
            options {
                $0.maxConnections = 8
                $0.maxIdle = 4
                $0.queueLimit = 5
            })
        var busy: [UInt32] = []
        var connecting: [UInt32] = []
        var waiting: [UInt64] = []
        func follow(_ action: PoolAction, _ id: UInt32) {
            switch action {
            case .handOver(let waiter):
                #expect(waiting.removeFirst() == waiter)
                busy.append(id)
            case .connect(let new, _, let waiter):
                #expect(waiting.removeFirst() == waiter)
                pool.bind(new, token: UInt64(new))
                connecting.append(new)
            case .none, .keepIdle, .close: break
            }
        }
        for step in 0..<10_000 {
            let now = Instant(nanoseconds: UInt64(step) * 1_000_000)
            switch random.next() % 4 {
            case 0:
                switch pool.acquire(waiter: UInt64(step), fresh: false, now: now) {
                case .reuse(let id, _): busy.append(id)
                case .connect(let id, _):
                    pool.bind(id, token: UInt64(id))
                    connecting.append(id)
                case .queued: waiting.append(UInt64(step))
                case .refused: #expect(waiting.count == 5)
                }
            case 1 where !connecting.isEmpty:
                let id = connecting.remove(at: Int(random.next() % UInt64(connecting.count)))
                if random.next() % 4 == 0 {
                    follow(pool.connectFailed(id, now: now), id)
                } else {
                    pool.connectSucceeded(id, now: now)
                    busy.append(id)
                }
            case 2 where !busy.isEmpty:
                let id = busy.remove(at: Int(random.next() % UInt64(busy.count)))
                let reusable = random.next() % 3 != 0
                follow(pool.release(id, reusable: reusable, healthy: true, now: now), id)
            default: break
            }
            let isConsistent =
                pool.busy == busy.count + connecting.count && pool.waiting == waiting.count
                && pool.idle <= 4 && pool.busy + pool.idle <= 8
                && Set(busy + connecting).count == busy.count + connecting.count
            try #require(isConsistent, "step \(step) of seed \(seed)")
        }
    }
}

extension UpstreamPool {
    fileprivate mutating func connectFailed(_ id: UInt32, afterAcquiringAt now: Instant) {
        _ = acquire(waiter: 1, fresh: true, now: now)
        _ = connectFailed(id, now: now)
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
