import Core
import Proxy
import Testing

@testable import Server

@Suite("a source may fail a minute's worth of handshakes, then one each time the rate allows")
struct FailedHandshakesTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static func at(_ milliseconds: UInt64) -> Instant {
        start + .milliseconds(milliseconds)
    }

    @Test("a burst, a refusal, and one more for each interval", arguments: [1, 2, 7, 60, 1_000])
    func bucket(perMinute: Int) {
        var table = FailedHandshakes(perMinute: perMinute)
        for _ in 0..<perMinute {
            #expect(!table.isOverRate(5, now: Self.start))
            table.record(5, now: Self.start)
        }
        #expect(table.isOverRate(5, now: Self.start))
        #expect(!table.isOverRate(6, now: Self.start), "another source is not concerned")
        let interval = 60_000_000_000 / UInt64(perMinute)
        let before = Self.start + Nanoseconds(interval - interval / 1_000)
        #expect(table.isOverRate(5, now: before))
        let after = Self.start + Nanoseconds(interval)
        #expect(!table.isOverRate(5, now: after))
        table.record(5, now: after)
        #expect(table.isOverRate(5, now: after))
        #expect(!table.isOverRate(5, now: after + .seconds(60)))
        #expect(table.count == 1)
    }

    @Test("a quiet source has a whole burst again, and not more") func refill() {
        var table = FailedHandshakes(perMinute: 10)
        table.record(5, now: Self.start)
        for _ in 0..<10 {
            #expect(!table.isOverRate(5, now: Self.at(3_600_000)))
            table.record(5, now: Self.at(3_600_000))
        }
        #expect(table.isOverRate(5, now: Self.at(3_600_000)))
    }

    @Test("a steady rate below the limit is never refused") func steady() {
        var table = FailedHandshakes(perMinute: 60)
        for step: UInt64 in 0..<1_000 {
            #expect(!table.isOverRate(5, now: Self.at(step * 1_000)))
            table.record(5, now: Self.at(step * 1_000))
        }
    }

    @Test("handshakes that were under way overdraw by a minute at most") func overdraft() {
        var table = FailedHandshakes(perMinute: 60)
        for _ in 0..<10_000 { table.record(5, now: Self.start) }
        #expect(table.isOverRate(5, now: Self.at(60_500)))
        #expect(!table.isOverRate(5, now: Self.at(61_000)))
    }

    @Test("0 is no limit, and keeps nothing") func off() {
        var table = FailedHandshakes(perMinute: 0)
        for _ in 0..<10_000 { table.record(5, now: Self.start) }
        #expect(!table.isOverRate(5, now: Self.start) && table.count == 0)
    }

    @Test("the table does not grow, and a flood of sources does not wash out who keeps failing")
    func bounded() {
        var table = FailedHandshakes(perMinute: 60, capacity: 64)
        let persistent: [UInt64] = [1, 2, 3]
        for source in persistent {
            for _ in 0..<60 { table.record(source, now: Self.start) }
        }
        for source: UInt64 in 1_000..<100_000 { table.record(source, now: Self.start) }
        #expect(table.count == 64)
        for source in persistent { #expect(table.isOverRate(source, now: Self.start)) }
        #expect(!table.isOverRate(1_000, now: Self.start))
        // A minute later they owe nothing, and make place like any other.
        for source: UInt64 in 100_000..<200_000 { table.record(source, now: Self.at(61_000)) }
        #expect(table.count == 64)
        for source in persistent { #expect(!table.isOverRate(source, now: Self.at(61_000))) }
    }

    @Test("any history gives what a table without a bound gives, while the table has room")
    func model() {
        var random = SplitMix(state: 7)
        var table = FailedHandshakes(perMinute: 6, capacity: 16)
        var debts: [UInt64: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<20_000 {
            now += UInt64.random(in: 0...4, using: &random) * 250
            let source = UInt64.random(in: 0..<16, using: &random)
            // The debt in milliseconds: what is left of the minutes that failures cost.
            let debt = max(debts[source, default: 0], now)
            #expect(table.isOverRate(source, now: Self.at(now)) == (debt - now > 50_000))
            guard Bool.random(using: &random) else { continue }
            table.record(source, now: Self.at(now))
            debts[source] = min(debt + 10_000, now + 120_000)
        }
    }

    @Test("one refusal a second is logged, with the number of the others") func log() {
        var events = EventLimiter(perSecond: 1, burst: 1)
        /// Refusals that the line at `now` stands for, its own included.
        func refused(_ now: UInt64) -> UInt64? { events.admit(now: Self.at(now)).map { $0 + 1 } }
        #expect(refused(0) == 1)
        for step: UInt64 in 1..<100 { #expect(refused(step) == nil) }
        #expect(refused(1_000) == 100)
        #expect(refused(1_001) == nil)
        #expect(refused(9_000) == 2)
    }
}
