import Authorization
import Core
import TLS
import Testing

@Suite("a decision cache: each question is asked once") struct DecisionCacheTests {
    private typealias Cache = DecisionCache<String>

    private static let alice = Fingerprint(of: [1])
    private static let bob = Fingerprint(of: [2])
    private static let deadline: Int64 = 10_000

    private func scope(_ leaf: Fingerprint?, generation: UInt64 = 1) -> DecisionKey.Scope {
        var scope = DecisionKey.Scope(
            authorizer: "a", generation: generation, virtualHost: "main")
        scope.leaf = leaf
        return scope
    }

    private func key(
        _ path: String, _ leaf: Fingerprint? = alice, generation: UInt64 = 1
    ) -> DecisionKey {
        DecisionKey(
            scope(leaf, generation: generation),
            AuthorizationRequest(method: "GET", host: "h", path: path))
    }

    private func at(_ seconds: UInt64) -> Now {
        Now(monotonic: Instant(nanoseconds: 0) + .seconds(seconds), wallSeconds: Int64(seconds))
    }

    private func options(
        _ change: (inout DecisionCacheOptions) -> Void = { _ in }
    ) -> DecisionCacheOptions {
        var options = DecisionCacheOptions()
        change(&options)
        return options
    }

    /// What `find` said: `hit X`, `ask`, `wait` or `full`.
    private func find(
        _ cache: inout Cache, _ key: DecisionKey, _ time: UInt64, waiter: UInt64 = 0,
        identity: Fingerprint? = alice, generation: UInt64 = 1, deadline: Int64 = deadline
    ) -> (text: String, ticket: Cache.Ticket?) {
        switch cache.find(
            key, scope(identity, generation: generation), deadline: deadline, waiter: waiter,
            now: at(time))
        {
        case .hit(let answer, _): ("hit \(answer)", nil)
        case .ask(let ticket): ("ask", ticket)
        case .wait(let ticket): ("wait", ticket)
        case .full: ("full", nil)
        }
    }

    /// Asks and is answered at `time`.
    private func fill(
        _ cache: inout Cache, _ key: DecisionKey, _ answer: String, _ time: UInt64,
        isRefusal: Bool = false, identity: Fingerprint? = alice
    ) throws {
        let ticket = try #require(find(&cache, key, time, identity: identity).ticket)
        _ = cache.answered(ticket, answer, isRefusal: isRefusal, now: at(time))
    }

    @Test("single flight: those who come meanwhile wait, and all are told") func flight() throws {
        var cache = Cache(options())
        let (asked, ticket) = find(&cache, key("/"), 0, waiter: 1)
        #expect(asked == "ask")
        #expect(find(&cache, key("/"), 1, waiter: 2).text == "wait")
        #expect(find(&cache, key("/other"), 1, waiter: 3).text == "ask")
        #expect(find(&cache, key("/"), 2, waiter: 4).text == "wait")
        let first = try #require(ticket)
        cache.withdraw(2, from: first)
        #expect(cache.answered(first, "yes", isRefusal: false, now: at(3)) == [1, 4])
        #expect(find(&cache, key("/"), 4).text == "hit yes")
        // What comes late is not believed.
        #expect(cache.answered(first, "no", isRefusal: false, now: at(5)).isEmpty)
        #expect(cache.failed(first, now: at(5)).waiters.isEmpty)
        #expect(find(&cache, key("/"), 6).text == "hit yes")
        #expect(cache.count == 1 && cache.flightCount == 1)
        #expect(cache.statistics.joins == 2 && cache.statistics.misses == 2)
        #expect(cache.statistics.hits == 2)
    }

    @Test("answers and refusals have lifetimes of their own, an hour at most")
    func lifetimes() throws {
        var cache = Cache(
            options {
                $0.lifetime = .seconds(10)
                $0.refusalLifetime = .seconds(2)
            })
        try fill(&cache, key("/a"), "yes", 0)
        try fill(&cache, key("/b"), "no", 0, isRefusal: true)
        #expect(find(&cache, key("/b"), 1).text == "hit no")
        #expect(find(&cache, key("/b"), 2).text == "ask")
        #expect(find(&cache, key("/a"), 9).text == "hit yes")
        #expect(find(&cache, key("/a"), 10).text == "ask")
        var long = Cache(options { $0.lifetime = .seconds(1_000_000) })
        try fill(&long, key("/"), "yes", 0)
        #expect(find(&long, key("/"), 3_599).text == "hit yes")
        #expect(find(&long, key("/"), 3_600).text == "ask")
    }

    @Test("a lifetime of 0 keeps nothing and shares nothing") func zero() throws {
        var cache = Cache(
            options {
                $0.lifetime = .zero
                $0.refusalLifetime = .seconds(10)
            })
        let first = try #require(find(&cache, key("/"), 0, waiter: 1).ticket)
        #expect(find(&cache, key("/"), 0, waiter: 2).text == "ask")
        #expect(cache.answered(first, "no", isRefusal: true, now: at(0)) == [1])
        #expect(find(&cache, key("/"), 0, waiter: 3).text == "ask" && cache.count == 0)
    }

    @Test("S29 nothing stands in for a failure unless that is configured") func closed() throws {
        var cache = Cache(options { $0.lifetime = .seconds(10) })
        try fill(&cache, key("/"), "yes", 0)
        let ticket = try #require(find(&cache, key("/"), 10, waiter: 7).ticket)
        let result = cache.failed(ticket, now: at(10))
        #expect(result.waiters == [7] && result.stale == nil)
    }

    /// A cache whose answer `yes` of time 0 has expired at 10, and may stand in until 30.
    private func stale(isRefusal: Bool = false, deadline: Int64 = deadline) throws -> Cache {
        var cache = Cache(
            options {
                $0.lifetime = .seconds(10)
                $0.refusalLifetime = .seconds(10)
                $0.staleIfError = .seconds(20)
            })
        let ticket = try #require(find(&cache, key("/"), 0, deadline: deadline).ticket)
        _ = cache.answered(ticket, "yes", isRefusal: isRefusal, now: at(0))
        return cache
    }

    @Test("S29 an old allow stands in for a failure, for its time") func staleAllow() throws {
        var cache = try stale()
        for (time, expected) in [(10, "yes"), (29, "yes"), (30, nil)] as [(UInt64, String?)] {
            let (text, ticket) = find(&cache, key("/"), time)
            #expect(text == "ask")
            #expect(cache.failed(try #require(ticket), now: at(time)).stale == expected)
        }
        #expect(cache.statistics.staleHits == 2 && cache.statistics.failures == 3)
    }

    @Test("S29 an old refusal never stands in, and a new one ends the old allow")
    func staleRefusal() throws {
        var refused = try stale(isRefusal: true)
        let ticket = try #require(find(&refused, key("/"), 11).ticket)
        #expect(refused.failed(ticket, now: at(11)).stale == nil)
        var cache = try stale()
        let next = try #require(find(&cache, key("/"), 11).ticket)
        _ = cache.answered(next, "no", isRefusal: true, now: at(11))
        let last = try #require(find(&cache, key("/"), 21).ticket)
        #expect(cache.failed(last, now: at(21)).stale == nil)
    }

    @Test("S29 neither does one past the identity's deadline, a purge or a change of rules")
    func staleEnds() throws {
        var late = try stale(deadline: 15)
        let past = try #require(find(&late, key("/"), 16).ticket)
        #expect(late.failed(past, now: at(16)).stale == nil)
        // The certificate of who asks ends, if not the one that was asked about.
        var other = try stale()
        let own = try #require(find(&other, key("/"), 12, deadline: 11).ticket)
        #expect(other.failed(own, now: at(12)).stale == nil)
        var purged = try stale()
        purged.purge(identity: Self.alice)
        let gone = try #require(find(&purged, key("/"), 11).ticket)
        #expect(purged.failed(gone, now: at(11)).stale == nil)
        // A purge while the question is under way counts too.
        var during = try stale()
        let open = try #require(find(&during, key("/"), 11, waiter: 5).ticket)
        during.purge(identity: Self.alice)
        let result = during.failed(open, now: at(12))
        #expect(result.waiters == [5] && result.stale == nil)
    }

    @Test("an answer does not outlive the identity it is about") func deadlines() throws {
        var cache = Cache(options())
        let ticket = try #require(find(&cache, key("/"), 0, deadline: 5).ticket)
        _ = cache.answered(ticket, "yes", isRefusal: false, now: at(0))
        #expect(find(&cache, key("/"), 5).text == "hit yes")
        #expect(find(&cache, key("/"), 6, deadline: 5).text == "ask")
    }

    @Test("a purge ends what is known of one certificate, and what is being asked about it")
    func purge() throws {
        var cache = Cache(options())
        try fill(&cache, key("/a"), "yes", 0)
        try fill(&cache, key("/a", Self.bob), "yes", 0, identity: Self.bob)
        let open = try #require(find(&cache, key("/b"), 0, waiter: 1).ticket)
        cache.purge(identity: Self.alice)
        #expect(cache.count == 1 && cache.statistics.purges == 1)
        #expect(find(&cache, key("/a", Self.bob), 1, identity: Self.bob).text == "hit yes")
        #expect(find(&cache, key("/a"), 1).text == "ask")
        // Nobody joins the question of before, whose answer is not kept.
        let (text, next) = find(&cache, key("/b"), 1, waiter: 2)
        #expect(text == "ask" && next != open)
        #expect(cache.answered(open, "old", isRefusal: false, now: at(2)) == [1])
        #expect(find(&cache, key("/b"), 2, waiter: 3).text == "wait")
        #expect(
            cache.answered(try #require(next), "new", isRefusal: false, now: at(3)) == [2, 3])
        #expect(find(&cache, key("/b"), 4).text == "hit new")
        cache.purgeAll()
        #expect(cache.count == 0 && find(&cache, key("/b"), 4).text == "ask")
    }

    @Test("what one generation of the rules brought serves no other") func generations() throws {
        var cache = Cache(options())
        try fill(&cache, key("/a"), "old", 0)
        #expect(find(&cache, key("/a", generation: 2), 0, generation: 2).text == "ask")
        #expect(find(&cache, key("/a"), 0).text == "hit old")
    }

    @Test("everything has a maximum") func bounds() throws {
        var cache = Cache(
            options {
                $0.capacity = 3
                $0.flights = 2
                $0.waitersPerFlight = 2
            })
        for path in ["/1", "/2", "/3"] { try fill(&cache, key(path), path, 0) }
        #expect(find(&cache, key("/1"), 1).text == "hit /1")
        try fill(&cache, key("/4"), "/4", 1)
        #expect(cache.count == 3 && cache.statistics.evictions == 1)
        #expect(find(&cache, key("/1"), 1).text == "hit /1")
        #expect(find(&cache, key("/4"), 1).text == "hit /4")
        #expect(find(&cache, key("/2"), 2).text == "ask")
        #expect(find(&cache, key("/2"), 2).text == "wait")
        #expect(find(&cache, key("/2"), 2).text == "full")
        #expect(find(&cache, key("/5"), 2).text == "ask")
        #expect(find(&cache, key("/6"), 2).text == "full")
        #expect(cache.statistics.refusals == 2)
    }

    @Test("many keys come and go: what is found is what was kept last") func model() throws {
        var cache = Cache(options { $0.capacity = 16 })
        var model: [Int: String] = [:]
        var seed: UInt64 = 42
        for step in 0..<5_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Int(seed >> 33) % 40
            if step % 97 == 0 {
                cache.purgeAll()
                model = [:]
            }
            let (text, ticket) = find(&cache, key("/\(number)"), 1)
            if let ticket {
                _ = cache.answered(ticket, "\(step)", isRefusal: false, now: at(1))
                model[number] = "\(step)"
            } else {
                #expect(text == "hit \(model[number] ?? "nothing")")
            }
            #expect(cache.count <= 16)
        }
    }
}
