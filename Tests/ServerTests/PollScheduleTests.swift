import Core
import Testing

@testable import Server

@Suite("a source is asked regularly, and seldom while it fails") struct PollScheduleTests {
    @Test("failures double the pause up to four intervals; an answer ends that") func backoff() {
        var schedule = PollSchedule(interval: .seconds(60))
        #expect(schedule.succeed(random: 0.5) == .seconds(60))
        let pauses = (0..<8).map { _ in schedule.fail(random: 0.5).count / 100_000_000 }
        #expect(pauses == [75, 150, 300, 600, 1_200, 2_400, 2_400, 2_400])
        #expect(schedule.succeed(random: 0.5) == .seconds(60))
        #expect(schedule.fail(random: 0.5) == .milliseconds(7_500))
    }

    @Test("a fleet's requests are spread by a tenth to each side") func spread() {
        var schedule = PollSchedule(interval: .seconds(60))
        #expect(schedule.succeed(random: 0) == .seconds(54))
        #expect(schedule.succeed(random: 1) == .seconds(66))
    }

    @Test("neither the shortest nor the longest interval is too much", arguments: [1, UInt64.max])
    func extremes(count: UInt64) {
        var schedule = PollSchedule(interval: Nanoseconds(count))
        for _ in 0..<100 {
            #expect(schedule.fail(random: 0) >= .milliseconds(90))
        }
    }
}
