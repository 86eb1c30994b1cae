import Core
import Testing

@testable import Upstream

private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
private func server(_ port: UInt16) -> SocketAddress { .ipv4(0x7f00_0001, port: port) }

private func pool(
    _ members: Int, _ change: (inout UpstreamOptions) -> Void = { _ in }
) -> UpstreamPool {
    var options = UpstreamOptions(
        name: "u", members: (1...members).map { server(UInt16($0)) })
    change(&options)
    return UpstreamPool(options)
}

private func tried(_ members: Int...) -> TriedMembers {
    var tried = TriedMembers()
    for member in members { tried.insert(member) }
    return tried
}

@Suite("a connect that fails is tried on another member") struct ConnectRetryTests {
    /// What was tried, and where the next attempt goes: a port, or nil for none.
    @Test(
        "each member once, as often as allowed",
        arguments: [
            (3, 2, [], 1), (3, 2, [0], 2), (3, 2, [1], 1), (3, 2, [0, 1], 3),
            (4, 2, [0, 1, 2], nil), (4, 3, [0, 1, 2], 4), (2, 2, [0, 1], nil), (1, 2, [0], nil),
            (2, 0, [0], nil), (3, 1, [2], 1), (3, 1, [2, 0], nil),
        ] as [(Int, Int, [Int], UInt16?)])
    func attempts(members: Int, retries: Int, before: [Int], port: UInt16?) {
        var pool = pool(members) { $0.connectRetries = retries }
        var tried = TriedMembers()
        for member in before { tried.insert(member) }
        let acquisition = pool.acquire(waiter: 1, fresh: false, tried: tried, now: at(0))
        guard let port else {
            #expect(acquisition == .refused(.connectsFailed))
            #expect(pool.busy == 0 && pool.waiting == 0)
            return
        }
        #expect(acquisition == .connect(0, server(port)))
        #expect(pool.member(of: 0) == Int(port) - 1)
    }

    @Test(
        "the member that failed is left out, wherever its turn stands",
        arguments: Balancing.allCases)
    func leftOut(balancing: Balancing) {
        var pool = pool(2) { $0.balancing = balancing }
        for waiter in 1...9 as ClosedRange<UInt64> {
            let next = pool.acquire(waiter: waiter, fresh: true, tried: tried(0), now: at(0))
            #expect(next == .connect(UInt32(waiter - 1), server(2)))
        }
    }

    @Test("an ejected member is tried when no other is left") func ejected() {
        var pool = pool(2) { $0.ejection.consecutiveFailures = 1 }
        for member in [0, 1] {
            #expect(
                pool.acquire(waiter: 1, fresh: true, now: at(0))
                    == .connect(0, server(UInt16(member + 1))))
            #expect(pool.connectFailed(0, now: at(0)) == .none)
        }
        #expect(pool.members.allSatisfy { $0.isEjected(at: at(0)) })
        let next = pool.acquire(waiter: 2, fresh: false, tried: tried(0), now: at(0))
        #expect(next == .connect(0, server(2)))
    }

    @Test("who has to wait after a failed connect still gets another member") func queued() {
        var pool = pool(2) { $0.maxConnections = 1 }
        #expect(pool.acquire(waiter: 1, fresh: false, now: at(0)) == .connect(0, server(1)))
        #expect(pool.acquire(waiter: 2, fresh: false, tried: tried(1), now: at(0)) == .queued)
        #expect(pool.connectFailed(0, now: at(0)) == .connect(0, server(1), waiter: 2))
    }

    @Test("an open connection serves a request whose connect failed") func reuse() {
        var pool = pool(2)
        #expect(pool.acquire(waiter: 1, fresh: false, now: at(0)) == .connect(0, server(1)))
        pool.bind(0, token: 7)
        pool.connectSucceeded(0, now: at(0))
        #expect(pool.release(0, reusable: true, healthy: true, now: at(0)) == .keepIdle)
        let next = pool.acquire(waiter: 2, fresh: false, tried: tried(1), now: at(0))
        #expect(next == .reuse(0, token: 7))
    }

    @Test("attempts are counted where members are too many to remember") func many() {
        var tried = TriedMembers()
        tried.insert(64)
        tried.insert(1_000)
        #expect(tried.count == 2 && !tried.contains(64) && !tried.contains(0))
    }
}
