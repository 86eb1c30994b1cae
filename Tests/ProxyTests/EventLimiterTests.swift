import Core
import TLS
import Telemetry
import Testing

@testable import Proxy

@Suite("events are let through at a bounded rate, and what is left out is counted")
struct EventLimiterTests {
    private func instant(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 1) + .milliseconds(milliseconds)
    }

    @Test("a burst, then one for each interval") func burst() {
        var limiter = EventLimiter(perSecond: 50, burst: 10)
        for _ in 0..<10 { #expect(limiter.admit(now: instant(0)) == 0) }
        for _ in 0..<7 { #expect(limiter.admit(now: instant(0)) == nil) }
        #expect(limiter.admit(now: instant(19)) == nil)
        #expect(limiter.admit(now: instant(20)) == 8)
        #expect(limiter.admit(now: instant(20)) == nil)
        #expect(limiter.suppressed == 1)
        #expect(limiter.admit(now: instant(40)) == 1)
    }

    @Test("a quiet time gives the burst back, and no more") func quiet() {
        var limiter = EventLimiter(perSecond: 50, burst: 10)
        for _ in 0..<500 { _ = limiter.admit(now: instant(0)) }
        var admitted = 0
        for _ in 0..<500 where limiter.admit(now: instant(3_600_000)) != nil { admitted += 1 }
        #expect(admitted == 10)
    }

    @Test("over a long time the rate holds") func rate() {
        var limiter = EventLimiter(perSecond: 50, burst: 50)
        var admitted = 0
        var named: UInt64 = 0
        for step in 0..<10_000 {
            guard let left = limiter.admit(now: instant(UInt64(step))) else { continue }
            admitted += 1
            named += left
        }
        #expect(admitted == 50 + 499)
        #expect(named + limiter.suppressed == UInt64(10_000 - admitted))
    }

    @Test("each cause has its counter", arguments: FailureCause.allCases)
    func counters(cause: FailureCause) {
        #expect(HandshakeFailure(rawValue: cause.rawValue) != nil)
        #expect(HandshakeFailure.allCases.count == FailureCause.allCases.count)
    }
}
