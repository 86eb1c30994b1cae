import Core
import Testing

@testable import Server

@Suite struct HandshakeLimiterTests {
    private func handle(_ slot: UInt32) -> SlabHandle { SlabHandle(slot: slot, generation: 1) }

    @Test("S26 the oldest silent handshake goes first, then the oldest of the busiest source")
    func victim() {
        let limiter = HandshakeLimiter(limit: 4)
        for (slot, source): (UInt32, UInt64) in [(0, 7), (1, 8), (2, 7), (3, 7)] {
            limiter.began(handle(slot), source: source)
        }
        #expect(limiter.isFull)
        #expect(limiter.victim { $0.slot == 0 } == handle(1))
        #expect(limiter.victim { _ in true } == handle(0))
        limiter.ended(handle(0))
        limiter.ended(handle(2))
        limiter.began(handle(4), source: 8)
        #expect(limiter.victim { _ in true } == handle(1))
        #expect(limiter.count == 3 && !limiter.isFull)
    }

    @Test("S26 a handshake counts for the source that the balancer named, from then on")
    func moved() {
        let limiter = HandshakeLimiter(limit: 8)
        for slot: UInt32 in 0..<4 { limiter.began(handle(slot), source: 1) }
        limiter.began(handle(4), source: 2)
        limiter.began(handle(5), source: 2)
        #expect(limiter.victim { _ in true } == handle(0), "the balancer has most")
        limiter.moved(handle(0), to: 7)
        limiter.moved(handle(1), to: 8)
        limiter.moved(handle(2), to: 2)
        limiter.moved(handle(3), to: 3)
        limiter.moved(handle(3), to: 3)
        limiter.moved(handle(99), to: 3)
        #expect(limiter.count == 6)
        #expect(limiter.victim { _ in true } == handle(4), "source 2 has three")
        limiter.ended(handle(4))
        limiter.ended(handle(5))
        limiter.began(handle(6), source: 8)
        limiter.began(handle(7), source: 8)
        #expect(limiter.victim { _ in true } == handle(1), "source 8 has three")
        for slot: UInt32 in [0, 1, 2, 3, 6, 7] { limiter.ended(handle(slot)) }
        #expect(limiter.count == 0 && limiter.victim { _ in true } == nil)
    }

    @Test("an IPv4 address is one source in either dress") func mapped() {
        let plain = HandshakeLimiter.source(of: .ipv4(0x0102_0304, port: 1))
        let mapped = SocketAddress.InlineAddress(high: 0, low: 0xffff_0102_0304)
        #expect(HandshakeLimiter.source(of: .ipv6(mapped, port: 2)) == plain)
    }

    @Test("S26 any history gives the victim that a search of all handshakes gives")
    func model() {
        var random = SplitMix(state: 26)
        let limiter = HandshakeLimiter(limit: 12)
        var model: [(handle: SlabHandle, source: UInt64)] = []
        var heard: Set<SlabHandle> = []
        var next: UInt32 = 0
        for step in 0..<20_000 {
            let choice = random.next() % 8
            if choice < 3, !limiter.isFull {
                let source = random.next() % 4
                limiter.began(handle(next), source: source)
                model.append((handle(next), source))
                next += 1
            } else if choice < 5, !model.isEmpty {
                let index = Int(random.next() % UInt64(model.count))
                limiter.ended(model.remove(at: index).handle)
            } else if choice < 6, let entry = model.randomElement(using: &random) {
                heard.insert(entry.handle)
            } else {
                let victim = limiter.victim { heard.contains($0) }
                if let silent = model.first(where: { !heard.contains($0.handle) }) {
                    #expect(victim == silent.handle, "step \(step)")
                } else {
                    // Among equally busy sources any may be chosen.
                    let counts = Dictionary(grouping: model, by: \.source)
                    let most = counts.values.map(\.count).max() ?? 0
                    let oldest = counts.values.filter { $0.count == most }.map { $0[0].handle }
                    #expect(victim.map(oldest.contains) ?? model.isEmpty, "step \(step)")
                }
            }
            #expect(limiter.count == model.count)
        }
    }

    @Test("S26 a flood costs a constant amount of work for each handshake")
    func cost() {
        let limit: UInt32 = 10_000
        let limiter = HandshakeLimiter(limit: Int(limit))
        // Half have sent their ClientHello, and stand before those that keep silent.
        for slot in 0..<limit { limiter.began(handle(slot), source: UInt64(slot)) }
        var questions = 0
        for slot in limit..<limit + 50_000 {
            let victim = limiter.victim {
                questions += 1
                return $0.slot < limit / 2
            }
            guard let victim else {
                Issue.record("no victim")
                return
            }
            #expect(victim.slot == slot - limit / 2)
            limiter.ended(victim)
            limiter.began(handle(slot), source: UInt64(slot))
        }
        #expect(questions <= Int(limit) / 2 + 50_000)
        // All have sent one now: the busiest source is found without a search.
        let start = ContinuousClock.now
        for slot in limit + 50_000..<limit + 100_000 {
            guard let victim = limiter.victim(hasClientHello: { _ in true }) else {
                Issue.record("no victim")
                return
            }
            limiter.ended(victim)
            limiter.began(handle(slot), source: UInt64(slot % 500))
        }
        let elapsed = ContinuousClock.now - start
        #expect(elapsed < .seconds(30), "a search per handshake takes minutes: \(elapsed)")
        #expect(limiter.isFull)
    }

    @Test("sources are addresses, and /64 networks") func sources() {
        let low = SocketAddress.InlineAddress(high: 1, low: 2)
        let other = SocketAddress.InlineAddress(high: 1, low: 3)
        #expect(
            HandshakeLimiter.source(of: .ipv6(low, port: 1))
                == HandshakeLimiter.source(of: .ipv6(other, port: 2)))
        #expect(
            HandshakeLimiter.source(of: .ipv4(1, port: 1))
                != HandshakeLimiter.source(of: .ipv4(2, port: 1)))
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
