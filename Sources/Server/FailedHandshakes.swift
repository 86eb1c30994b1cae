import Core

/// Which sources fail too many handshakes: a token bucket for each, in a table of fixed size.
///
/// A bucket holds a minute's worth of failures, so a source may fail that many at once, and then
/// one each time that the rate gives one back. Kept as the instant at which the bucket will be
/// full again (the "theoretical arrival time" of ATM's cell rate algorithm): one number for a
/// source, and one whose instant has passed may be forgotten.
struct FailedHandshakes {
    // Invariant: `slots[e.source] == i` exactly when `entries[i]` is `e`, for all live entries.
    private struct Entry {
        var source: UInt64
        var fullAt: Instant
    }

    /// What one failure costs; zero when there is no limit.
    private let cost: Nanoseconds
    private let capacity: Int
    private var entries: [Entry] = []
    private var slots: [UInt64: Int] = [:]
    private var hand = 0

    private static let minute = Nanoseconds.seconds(60)
    /// Entries that are compared for a new source's place.
    private static let candidates = 8

    /// - Parameter perMinute: failures of one source; no limit when 0.
    init(perMinute: Int, capacity: Int = 4_096) {
        precondition(perMinute >= 0 && capacity > 0)
        cost = perMinute > 0 ? Nanoseconds(Self.minute.count / UInt64(perMinute)) : .zero
        self.capacity = capacity
        guard perMinute > 0 else { return }
        entries.reserveCapacity(capacity)
        slots.reserveCapacity(capacity)
    }

    /// Sources in the table.
    var count: Int { entries.count }

    /// Whether `source` has to wait: its bucket has not even one failure left.
    func isOverRate(_ source: UInt64, now: Instant) -> Bool {
        guard cost > .zero, let slot = slots[source] else { return false }
        return entries[slot].fullAt.since(now).count + cost.count > Self.minute.count
    }

    /// A handshake of `source` failed.
    mutating func record(_ source: UInt64, now: Instant) {
        guard cost > .zero else { return }
        if let slot = slots[source] {
            // Handshakes already under way may overdraw, by no more than another minute.
            let latest = now + Self.minute + Self.minute
            entries[slot].fullAt = min(max(entries[slot].fullAt, now) + cost, latest)
            return
        }
        let entry = Entry(source: source, fullAt: now + cost)
        guard entries.count == capacity else {
            slots[source] = entries.count
            entries.append(entry)
            return
        }
        let slot = placeToReuse()
        slots[entries[slot].source] = nil
        slots[source] = slot
        entries[slot] = entry
    }

    /// Of the entries that come next under the hand, the one that owes least: a flood of new
    /// sources does not wash out those that keep failing.
    private mutating func placeToReuse() -> Int {
        var best = hand
        for step in 1..<Self.candidates {
            let slot = (hand + step) % capacity
            if entries[slot].fullAt < entries[best].fullAt { best = slot }
        }
        hand = (hand + Self.candidates) % capacity
        return best
    }
}
