import Core
import Testing

@testable import Server

@Suite struct HandshakeLimiterTests {
    private func handle(_ slot: UInt32) -> SlabHandle { SlabHandle(slot: slot, generation: 1) }

    @Test("S26 the oldest silent handshake goes first, then the oldest of the busiest source")
    func victim() {
        var limiter = HandshakeLimiter(limit: 4)
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
