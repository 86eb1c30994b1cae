import Core
import Testing

@testable import EventLoop

@Suite struct TimerWheelTests {
    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("an empty wheel has no deadline") func empty() {
        var wheel = TimerWheel(start: at(5))
        #expect(wheel.nextDeadline == .distantFuture)
        #expect(wheel.nextExpired(upTo: at(1_000_000)) == nil)
    }

    @Test("a timer never expires early, and expires once") func once() {
        var wheel = TimerWheel(start: at(0), capacity: 1)
        let handle = wheel.schedule(owner: 7, at: Instant(nanoseconds: 10_000_001))
        #expect(wheel.nextExpired(upTo: at(10)) == nil)
        #expect(wheel.nextExpired(upTo: at(11)) == 7)
        #expect(wheel.nextExpired(upTo: at(12)) == nil)
        #expect(wheel.contains(handle) == false)
        #expect(wheel.cancel(handle) == false)
        #expect(wheel.count == 0)
    }

    @Test("a past deadline expires at once, a distant one stays") func extremes() {
        var wheel = TimerWheel(start: at(100))
        let distant = wheel.schedule(owner: 1, at: .distantFuture)
        _ = wheel.schedule(owner: 2, at: at(50))
        #expect(wheel.nextDeadline <= at(100))
        #expect(wheel.nextExpired(upTo: at(100)) == 2)
        #expect(wheel.nextExpired(upTo: at(1 << 40)) == nil)
        #expect(wheel.contains(distant) == true)
    }

    @Test("a handle of a reused node is stale") func stale() {
        var wheel = TimerWheel(start: at(0), capacity: 1)
        let first = wheel.schedule(owner: 1, at: at(5))
        #expect(wheel.cancel(first) == true)
        let second = wheel.schedule(owner: 2, at: at(5))
        #expect(first != second)
        #expect(wheel.cancel(first) == false)
        #expect(wheel.reschedule(first, at: at(9)) == false)
        #expect(wheel.contains(second) == true)
        #expect(wheel.contains(.none) == false)
    }

    @Test("the wheel agrees with a list of deadlines", arguments: 0..<20 as Range<UInt64>)
    func agreesWithModel(seed: UInt64) throws {
        var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15 &+ 1)
        var now: UInt64 = random.next() % 10_000_000_000
        var wheel = TimerWheel(start: Instant(nanoseconds: now), capacity: 2)
        var model: [UInt64: (handle: TimerHandle, deadline: UInt64)] = [:]
        var owner: UInt64 = 0
        for _ in 0..<3_000 {
            let span: UInt64 = 1 << (random.next() % 44)
            let deadline = now + random.next() % span
            switch random.next() % 8 {
            case 0, 1, 2:
                owner += 1
                let instant = Instant(nanoseconds: deadline)
                model[owner] = (wheel.schedule(owner: owner, at: instant), deadline)
            case 3:
                guard let victim = model.keys.min() else { continue }
                let removedResult = model.removeValue(forKey: victim)
                let removed = try #require(removedResult)
                #expect(wheel.cancel(removed.handle) == true)
            case 4, 5:
                guard let (key, value) = model.min(by: { $0.key % 7 < $1.key % 7 }) else {
                    continue
                }
                let moved = wheel.reschedule(value.handle, at: Instant(nanoseconds: deadline))
                #expect(moved)
                model[key]?.deadline = deadline
            default:
                now = deadline
                let tick = now / 1_000_000 * 1_000_000
                var expired: Set<UInt64> = []
                wheel.expire(upTo: Instant(nanoseconds: now)) { expired.insert($0) }
                let due = model.filter { $0.value.deadline <= tick }
                // A deadline inside the tick that was scheduled in the past is due at once.
                #expect(expired.isSuperset(of: due.keys))
                #expect(expired.allSatisfy { (model[$0]?.deadline ?? .max) <= now })
                for owner in expired { model[owner] = nil }
            }
            #expect(wheel.count == model.count)
            if let earliest = model.values.map(\.deadline).min() {
                let rounded = (earliest + 999_999) / 1_000_000 * 1_000_000
                #expect(wheel.nextDeadline.nanoseconds <= max(rounded, now))
            }
        }
    }
}

struct Generator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
