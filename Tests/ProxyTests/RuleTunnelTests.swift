import Authorization
import Core
import Proxy
import Telemetry
import TestSupport
import Testing

@Suite("S19 a tunnel ends when the rules of its route refuse its client")
struct RuleTunnelTests {
    /// Whatever the tests before took: the ages of certificates are counted from here.
    private let now = TestPKI.now
    private static let upgrade =
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    private static let switching =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    private static let cut: [Action] = [
        .releaseUpstream(reusable: false, healthy: true), .closeDownstream(reset: true),
    ]

    private func policy(
        _ effect: Rule.Effect, _ conditions: [RuleCondition] = []
    ) -> RoutePolicy {
        let rule = Rule(name: "r", effect: effect, conditions: conditions)
        return RoutePolicy(assurance: nil, authorizer: RuleSet(name: "a", rules: [rule]))
    }

    private func named(_ name: String) throws -> RoutePolicy {
        policy(.allow, [try RuleCondition(subject: "CN", [name])])
    }

    /// The client's certificate began to be valid a day ago; it may be an hour older.
    private var oneMoreHour: RoutePolicy {
        policy(.allow, [RuleCondition(maximumAge: 86_400 + 3_600)])
    }

    /// A session whose client waits for the upstream's 101.
    private func waiting(
        _ policy: RoutePolicy? = nil, silence: UInt64 = 100_000
    ) throws -> SessionUnderTest {
        let test = try SessionUnderTest(
            { $0.tunnel = .seconds(silence) }, allowsWebSocket: true, policy: policy)
        test.setClock(now)
        test.establish()
        try #require(
            test.send(Self.upgrade) == [.acquireUpstream(upstream: 0, fresh: false)])
        _ = test.connect()
        return test
    }

    private func tunnel(
        _ policy: RoutePolicy? = nil, silence: UInt64 = 100_000
    ) throws -> SessionUnderTest {
        let test = try waiting(policy, silence: silence)
        _ = test.answer(Self.switching)
        try #require(test.state == .tunnelling)
        return test
    }

    @Test("S19 after a reload, where the newer rules refuse") func reloaded() throws {
        for (newer, goesOn) in [
            (policy(.deny), false), (try named("other"), false), (try named("client1"), true),
            (nil, true),
        ] as [(RoutePolicy?, Bool)] {
            for older in [nil, try named("client?")] {
                let test = try tunnel(older)
                #expect(try test.reload(policy: newer) == (goesOn ? [] : Self.cut))
                #expect(test.state == (goesOn ? .tunnelling : .closed))
                guard !goesOn else { continue }
                #expect(test.reason == .authorizationLost)
                #expect(test.releaseAll() == 0)
            }
        }
    }

    @Test("S19 each reload counts, not only the first") func reloadedTwice() throws {
        let test = try tunnel()
        #expect(try test.reload(policy: try named("client1")) == [])
        #expect(try test.reload() == [])
        #expect(try test.reload(policy: policy(.deny)) == Self.cut)
    }

    @Test("S19 after a reload that leaves its route out") func routeGone() throws {
        let test = try tunnel()
        #expect(try test.reload(prefix: "/elsewhere") == [], "a route is known by its name")
        #expect(try test.reload(route: "another") == Self.cut)
        #expect(test.reason == .configurationChanged)
    }

    @Test("S19 after a reload that forbids WebSockets") func forbidden() throws {
        let test = try tunnel()
        #expect(try test.reload(allowsWebSocket: false) == Self.cut)
        #expect(test.reason == .configurationChanged)
    }

    @Test("S19 after a reload that has an authorizer asked who never was") func unasked() throws {
        let authorizer = ExternalAuthorizer(
            ExternalAuthorizerOptions(
                name: "service", upstream: 0, counters: 0,
                service: .http(try SubrequestOptions(host: "service"))))
        let test = try tunnel()
        #expect(try test.reload(authorizer: authorizer) == Self.cut)
        #expect(test.reason == .authorizationLost)
    }

    @Test("S19 rules that change before the 101 count for the tunnel") func lateAnswer() throws {
        let test = try waiting()
        #expect(try test.reload(policy: policy(.deny)) == [])
        #expect(test.answer(Self.switching).last == .closeDownstream(reset: true))
        #expect(test.state == .closed && test.reason == .authorizationLost)
        #expect(test.releaseAll() == 0)
    }

    @Test("S19 when the certificate becomes too old") func age() throws {
        let test = try tunnel(oneMoreHour)
        test.setClock(now + 3_500)
        #expect(test.pass(3_500) == [])
        #expect(test.state == .tunnelling)
        test.setClock(now + 3_700)
        #expect(test.pass(200) == Self.cut)
        #expect(test.reason == .authorizationLost)
    }

    @Test("S19 when it becomes too old by rules that a reload brought") func ageReloaded() throws {
        let test = try tunnel()
        #expect(try test.reload(policy: oneMoreHour) == [])
        test.setClock(now + 3_500)
        #expect(test.pass(3_500) == [] && test.state == .tunnelling)
        test.setClock(now + 3_700)
        #expect(test.pass(200) == Self.cut)
    }

    @Test("a clock that is set back only means asking again") func clock() throws {
        let test = try tunnel(oneMoreHour)
        test.setClock(now - 1_000)
        #expect(test.pass(3_700) == [] && test.state == .tunnelling)
        test.setClock(now + 3_700)
        #expect(test.pass(4_700) == Self.cut)
    }

    @Test("neither rules nor reloads prolong or shorten how long a tunnel may be silent")
    func silence() throws {
        // What was sent last, the 101, lies in the first window.
        let test = try tunnel(try named("client1"), silence: 10)
        #expect(test.pass(10) == [] && test.pass(9) == [])
        #expect(try test.reload(policy: oneMoreHour) == [])
        #expect(try test.reload() == [])
        #expect(test.pass(1) == Self.cut)
        #expect(test.reason == .idleTimeout)
        let young = Rule(
            name: "young", effect: .allow,
            conditions: [RuleCondition(maximumAge: 86_400 + 3_600)])
        let rules = RuleSet(name: "a", rules: [young, Rule(name: "all", effect: .allow)])
        let older = try tunnel(RoutePolicy(assurance: nil, authorizer: rules), silence: 2_000)
        #expect(older.pass(2_000) == [])
        older.setClock(now + 3_700)
        #expect(older.pass(1_700) == [] && older.state == .tunnelling)
        #expect(older.pass(299) == [])
        #expect(older.pass(1) == Self.cut)
        #expect(older.reason == .idleTimeout)
    }
}
