public import Core
public import TLS

/// How answers of an authorizer are remembered.
public struct DecisionCacheOptions: Equatable, Sendable {
    /// Answers kept; the least used make room.
    public var capacity = 4_096
    /// Questions under way at once; more are refused.
    public var flights = 256
    /// Requests that may wait for one question.
    public var waitersPerFlight = 256
    /// How long an answer holds that does not refuse; zero keeps none, and shares none either.
    public var lifetime = Nanoseconds.seconds(300)
    /// How long a refusal holds; zero keeps none.
    public var refusalLifetime = Nanoseconds.zero
    /// How long an answer that is too old may stand in for one that fails (S29).
    public var staleIfError = Nanoseconds.zero

    /// The longest lifetime.
    public static let longestLifetime = Nanoseconds.seconds(3_600)

    /// The default settings.
    public init() {}
}

/// What a decision cache has done.
public struct DecisionCacheStatistics: Equatable, Sendable {
    /// Answers that were known.
    public var hits: UInt64 = 0
    /// Questions that had to be asked.
    public var misses: UInt64 = 0
    /// Requests that waited for a question of another.
    public var joins: UInt64 = 0
    /// Requests that no place was left for.
    public var refusals: UInt64 = 0
    /// Questions without an answer.
    public var failures: UInt64 = 0
    /// Failures that an old answer stood in for.
    public var staleHits: UInt64 = 0
    /// Answers that made room for others.
    public var evictions: UInt64 = 0
    /// Answers forgotten by a purge.
    public var purges: UInt64 = 0

    /// Nothing yet.
    public init() {}
}

/// A question under way.
public struct DecisionTicket: Hashable, Sendable {
    fileprivate let number: UInt64
}

/// The answers of one authorizer, and the questions that are under way: each is asked once, however
/// many requests wait for it.
///
///     find ──▶ hit
///          ├─▶ ask ──▶ answered: to all who wait, and kept
///          │      └──▶ failed: to all who wait, with an old answer where that is allowed
///          ├─▶ wait (another's question is under way)
///          └─▶ full
///
/// Pure: time is an argument, and asking is the caller's. A question belongs to a ticket; what
/// comes for a ticket that is unknown is late, and not believed.
public struct DecisionCache<Answer: Sendable>: ~Copyable {
    /// A question under way.
    public typealias Ticket = DecisionTicket

    /// What is known of a request.
    public enum Finding {
        /// The answer, and until when it holds.
        case hit(Answer, until: Instant)
        /// Nothing: the caller asks, and reports by `answered` or `failed`.
        case ask(Ticket)
        /// The question is under way: the waiter is named when it ends.
        case wait(Ticket)
        /// No place for another question or waiter.
        case full
    }

    private struct Entry {
        let key: DecisionKey
        let answer: Answer
        let identity: Fingerprint?
        let isRefusal: Bool
        let expiresAt: Instant
        let staleUntil: Instant
        /// Last second of the identity's validity, since 1970.
        let deadline: Int64
        var wasUsed = false
    }

    private struct Flight {
        /// Nil when its answer is for one request alone.
        let key: DecisionKey?
        let identity: Fingerprint?
        let deadline: Int64
        var waiters: Waiters
        /// Whether its answer may be kept, and shared with who comes later.
        var isShared: Bool
    }

    private let options: DecisionCacheOptions
    private var entries: ContiguousArray<Entry> = []
    private var places: [DecisionKey: Int] = [:]
    private var hand = 0
    private var flights = FlightTable<Flight>()
    private var flightOf: [DecisionKey: Ticket] = [:]
    /// What it has done so far.
    public private(set) var statistics = DecisionCacheStatistics()

    /// An empty cache.
    ///
    /// - Precondition: there is room for an entry, a question and a waiter.
    public init(_ options: DecisionCacheOptions) {
        precondition(
            options.capacity > 0 && options.flights > 0 && options.waitersPerFlight > 0)
        self.options = options
        places.reserveCapacity(options.capacity)
    }

    /// Answers kept.
    public var count: Int { entries.count }
    /// Questions under way.
    public var flightCount: Int { flights.count }

    // MARK: Requests

    /// Looks for the answer to `key`; nil stands for a question that is asked for one request
    /// alone.
    ///
    /// - Parameters:
    ///   - scope: that of the key.
    ///   - deadline: the last second of the identity's validity, since 1970.
    ///   - waiter: who is to be told; only `ask` and `wait` remember it.
    public mutating func find(
        _ key: DecisionKey?, _ scope: DecisionKey.Scope, deadline: Int64, waiter: UInt64, now: Now
    ) -> Finding {
        if let key, let place = places[key], isFresh(entries[place], now) {
            entries[place].wasUsed = true
            statistics.hits += 1
            return .hit(entries[place].answer, until: entries[place].expiresAt)
        }
        if let key, let ticket = flightOf[key] {
            let limit = options.waitersPerFlight
            let hasJoined = flights.change(ticket.number) { flight in
                guard flight.waiters.count < limit else { return false }
                flight.waiters.append(waiter)
                return true
            }
            guard hasJoined == true else { return refuse() }
            statistics.joins += 1
            return .wait(ticket)
        }
        guard flights.count < options.flights else { return refuse() }
        let isShared = key != nil && options.lifetime > .zero
        let ticket = Ticket(
            number: flights.insert(
                Flight(
                    key: key, identity: scope.leaf, deadline: deadline, waiters: Waiters(waiter),
                    isShared: isShared)))
        if isShared, let key { flightOf[key] = ticket }
        statistics.misses += 1
        return .ask(ticket)
    }

    private mutating func refuse() -> Finding {
        statistics.refusals += 1
        return .full
    }

    private func isFresh(_ entry: Entry, _ now: Now) -> Bool {
        now.monotonic < entry.expiresAt && now.wallSeconds <= entry.deadline
    }

    /// The request of `waiter` is over. Its question goes on: the answer is of use to others.
    public mutating func withdraw(_ waiter: UInt64, from ticket: Ticket) {
        _ = flights.change(ticket.number) { $0.waiters.remove(waiter) }
    }

    // MARK: Answers

    /// The question of `ticket` is answered.
    ///
    /// - Returns: who waits for it.
    public mutating func answered(
        _ ticket: Ticket, _ answer: Answer, isRefusal: Bool, now: Now
    ) -> Waiters {
        guard let flight = land(ticket) else { return [] }
        guard flight.isShared, let key = flight.key else { return flight.waiters }
        // Whatever comes of the new answer, the old one holds no longer.
        forget(key)
        let lifetime = isRefusal ? options.refusalLifetime : options.lifetime
        guard lifetime > .zero, now.wallSeconds <= flight.deadline else { return flight.waiters }
        let expiresAt = now.monotonic + min(lifetime, DecisionCacheOptions.longestLifetime)
        insert(
            Entry(
                key: key, answer: answer, identity: flight.identity, isRefusal: isRefusal,
                expiresAt: expiresAt,
                staleUntil: isRefusal ? expiresAt : expiresAt + options.staleIfError,
                deadline: flight.deadline))
        return flight.waiters
    }

    /// The question of `ticket` got an answer that is not kept, and after which no older one holds.
    ///
    /// - Returns: who waits for it.
    public mutating func dismissed(_ ticket: Ticket) -> Waiters {
        guard let flight = land(ticket) else { return [] }
        if flight.isShared, let key = flight.key { forget(key) }
        return flight.waiters
    }

    /// The question of `ticket` got no answer.
    ///
    /// - Returns: who waits for it, and the old answer that may stand in (S29).
    public mutating func failed(
        _ ticket: Ticket, now: Now
    ) -> (waiters: Waiters, stale: Answer?) {
        guard let flight = land(ticket) else { return ([], nil) }
        statistics.failures += 1
        guard flight.isShared, let key = flight.key, let place = places[key] else {
            return (flight.waiters, nil)
        }
        let entry = entries[place]
        guard !entry.isRefusal, now.monotonic < entry.staleUntil,
            now.wallSeconds <= min(entry.deadline, flight.deadline)
        else { return (flight.waiters, nil) }
        statistics.staleHits += 1
        return (flight.waiters, entry.answer)
    }

    private mutating func land(_ ticket: Ticket) -> Flight? {
        guard let flight = flights.remove(ticket.number) else { return nil }
        if let key = flight.key, flightOf[key] == ticket { flightOf[key] = nil }
        return flight
    }

    // MARK: Purging

    /// Forgets everything about a certificate. Questions under way go on for those who wait, but
    /// nobody joins them, and their answers are not kept.
    public mutating func purge(identity: Fingerprint) {
        purge { $0 == identity }
    }

    /// Forgets everything, as `purge(identity:)` does.
    public mutating func purgeAll() {
        purge { _ in true }
    }

    private mutating func purge(where isMeant: (Fingerprint?) -> Bool) {
        for key in entries.filter({ isMeant($0.identity) }).map(\.key) {
            forget(key)
            statistics.purges += 1
        }
        for number in flights.numbers {
            let key = flights.change(number) { flight -> DecisionKey? in
                guard flight.isShared, isMeant(flight.identity) else { return nil }
                flight.isShared = false
                return flight.key
            }
            if let key = key ?? nil, flightOf[key]?.number == number { flightOf[key] = nil }
        }
    }

    // MARK: Entries

    private mutating func insert(_ entry: Entry) {
        guard entries.count == options.capacity else {
            places[entry.key] = entries.count
            entries.append(entry)
            return
        }
        // The clock's hand passes what was used since it came by last.
        while entries[hand].wasUsed {
            entries[hand].wasUsed = false
            hand = (hand + 1) % entries.count
        }
        places[entries[hand].key] = nil
        places[entry.key] = hand
        entries[hand] = entry
        hand = (hand + 1) % entries.count
        statistics.evictions += 1
    }

    private mutating func forget(_ key: DecisionKey) {
        guard let place = places.removeValue(forKey: key) else { return }
        let last = entries.count - 1
        if place != last {
            entries[place] = entries[last]
            places[entries[place].key] = place
        }
        entries.removeLast()
        if hand >= entries.count { hand = 0 }
    }
}
