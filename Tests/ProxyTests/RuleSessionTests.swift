import Authorization
import Foundation
import Proxy
import Telemetry
import Testing

@Suite("rules in a session: judged once, looked up for each request")
struct RuleSessionTests {
    private static let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private let now = Int64(Date().timeIntervalSince1970)

    private func policy(
        _ effect: Rule.Effect, _ conditions: [RuleCondition] = [], reportOnly: Bool = false
    ) -> RoutePolicy {
        let rule = Rule(name: "r", effect: effect, conditions: conditions)
        let rules = RuleSet(name: "a", rules: [rule], isReportOnly: reportOnly)
        return RoutePolicy(assurance: nil, authorizer: rules)
    }

    private func subject(_ name: String) throws -> [RuleCondition] {
        [try RuleCondition(subject: "CN", [name])]
    }

    private func count(_ test: SessionUnderTest, _ metric: Metric) -> UInt64 {
        test.metrics.value(of: metric)
    }

    @Test("who is allowed goes to the upstream, who is not gets 403 and stays connected")
    func decisions() throws {
        let allowed = try SessionUnderTest(policy: policy(.allow, subject("client?")))
        allowed.establish()
        #expect(allowed.send(Self.request) == [.acquireUpstream(upstream: 0, fresh: false)])
        #expect(count(allowed, .authorizationAllowed) == 1)
        let refused = try SessionUnderTest(policy: policy(.allow, subject("other")))
        refused.establish()
        for round in 1...2 {
            #expect(refused.send(Self.request).isEmpty)
            #expect(refused.takeStatus() == "HTTP/1.1 403 Forbidden")
            #expect(refused.state == .readingHead)
            #expect(count(refused, .authorizationRefused) == UInt64(round))
        }
        #expect(refused.metrics.value(of: RefusalReason.notAuthorized) == 2)
        let reported = try SessionUnderTest(
            policy: policy(.allow, subject("other"), reportOnly: true))
        reported.establish()
        #expect(reported.send(Self.request) == [.acquireUpstream(upstream: 0, fresh: false)])
        #expect(count(reported, .authorizationReported) == 1)
        #expect(count(reported, .authorizationAllowed) == 1)
    }

    @Test("a certificate that becomes too old is refused in the middle of a connection")
    func age() throws {
        // The client's certificate began to be valid a day ago.
        let policy = policy(.allow, [RuleCondition(maximumAge: 86_400 + 3_600)])
        let test = try SessionUnderTest(policy: policy)
        test.setClock(now)
        test.establish()
        #expect(test.send("HEAD" + Self.request.dropFirst(3)) != [])
        _ = test.connect()
        _ = test.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(test.takeStatus() == "HTTP/1.1 200 OK")
        test.setClock(now + 3_700)
        #expect(test.send(Self.request).isEmpty)
        #expect(test.takeStatus() == "HTTP/1.1 403 Forbidden")
    }

    @Test("the next request is decided by the rules of the newer table") func reload() throws {
        let test = try SessionUnderTest()
        test.establish()
        for (policy, status) in [
            (policy(.deny), "HTTP/1.1 403 Forbidden"),
            (policy(.allow, try subject("other")), "HTTP/1.1 403 Forbidden"),
            (policy(.allow, try subject("client1")), ""), (nil, ""),
        ] as [(RoutePolicy?, String)] {
            _ = try test.reload(policy: policy)
            let actions = test.send(Self.request)
            #expect(actions.isEmpty == !status.isEmpty)
            if status.isEmpty {
                _ = test.connect()
                _ = test.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                #expect(test.takeStatus() == "HTTP/1.1 200 OK")
            } else {
                #expect(test.takeStatus() == status)
            }
        }
        #expect(count(test, .authorizationRefused) == 2)
        #expect(count(test, .authorizationAllowed) == 1)
    }
}
