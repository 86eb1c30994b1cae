import Core
import Testing

@testable import Server

@Suite("S20 a source that is not heard grows stale") struct FreshnessTests {
    private let week = Freshness(maxStale: .seconds(7 * 86_400))

    @Test(
        "S20 half of maxStale warns, all of it ends",
        arguments: [
            (0, Freshness.Standing.fresh, 302_400), (302_399, .fresh, 1),
            (302_400, .ageing, 302_400),
            (604_799, .ageing, 1), (604_800, .stale, nil), (.max / 1_000_000_000, .stale, nil),
        ] as [(UInt64, Freshness.Standing, UInt64?)])
    func standing(age: UInt64, expected: Freshness.Standing, remaining: UInt64?) {
        #expect(week.standing(age: .seconds(age)) == expected)
        #expect(week.remaining(age: .seconds(age)) == remaining.map { .seconds($0) })
    }

    @Test("S20 alerts come at once, then hourly, and again when it was well meanwhile")
    func alerts() {
        var freshness = week
        let start = Instant(nanoseconds: 1_000)
        func due(_ standing: Freshness.Standing, _ minutes: UInt64) -> Bool {
            freshness.isAlertDue(standing, at: start + .seconds(60 * minutes))
        }
        #expect(!due(.fresh, 0))
        #expect(due(.ageing, 1) && !due(.ageing, 60) && due(.ageing, 61) && !due(.ageing, 62))
        #expect(due(.stale, 63) && !due(.stale, 122) && due(.stale, 123))
        #expect(!due(.fresh, 124))
        #expect(due(.ageing, 125))
        var short = Freshness(maxStale: .seconds(8))
        let alerts = [0, 999, 1_000].map {
            short.isAlertDue(.ageing, at: start + .milliseconds($0))
        }
        #expect(alerts == [true, false, true])
    }

    @Test("S20 an age goes on over a restart, and a clock that was ahead is not believed")
    func confirmation() {
        let now = Now(monotonic: Instant(nanoseconds: 5_000), wallSeconds: 1_000)
        let later = now.monotonic + .seconds(7)
        let old = SourceKeeper.Confirmation(at: 900, seen: now)
        #expect(old.wallSeconds == 900 && old.age(at: later) == .seconds(107))
        let ahead = SourceKeeper.Confirmation(at: 5_000, seen: now)
        #expect(ahead.wallSeconds == 1_000 && ahead.age(at: later) == .seconds(7))
    }

    @Test("ages are for people") func text() {
        let ages: [Int64] = [0, 119, 120, 7_199, 7_200, 172_799, 172_800]
        #expect(ages.map(\.ageText) == ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"])
    }
}
