import Core
import Testing

@testable import Server

@Suite("the time of turns in which connections hear of something")
struct SweepStopwatchTests {
    private func milliseconds(_ count: UInt64) -> Nanoseconds { .milliseconds(count) }

    @Test("S19 the longest turn counts, the one after the last included, and none beyond")
    func laps() {
        var watch = SweepStopwatch()
        #expect(!watch.isRunning)
        watch.start(at: milliseconds(10))
        watch.lap(isLast: false, at: milliseconds(12))
        watch.lap(isLast: true, at: milliseconds(15))
        #expect(watch.isRunning)
        watch.lap(isLast: true, at: milliseconds(19))
        #expect(watch.largest == milliseconds(4))
        #expect(!watch.isRunning)
        watch.lap(isLast: true, at: milliseconds(90))
        #expect(watch.largest == milliseconds(4))
    }

    @Test("S19 a change in the midst of a sweep goes on with the turn that has begun")
    func restart() {
        var watch = SweepStopwatch()
        watch.start(at: milliseconds(1))
        watch.lap(isLast: true, at: milliseconds(2))
        watch.start(at: milliseconds(4))
        watch.lap(isLast: false, at: milliseconds(5))
        #expect(watch.largest == milliseconds(3))
        watch.lap(isLast: true, at: milliseconds(6))
        watch.lap(isLast: true, at: milliseconds(7))
        #expect(!watch.isRunning)
    }
}
