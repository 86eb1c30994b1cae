import Authorization
import Core
import Proxy
import Telemetry
import Testing

@Suite("a session waits for an external authorizer's decision") struct ExternalAuthorizationTests {
    private static let acquire = [Action.acquireUpstream(upstream: 0, fresh: false)]
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    private func get(_ path: String, _ extra: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(extra)\r\n"
    }

    private func session(
        lifetime: UInt64 = 0, allowsOnFailure: Bool = false
    ) throws -> (SessionUnderTest, ExternalAuthorizer) {
        let subrequest = try SubrequestOptions(host: "auth", copiedFields: ["X-User"])
        var options = ExternalAuthorizerOptions(
            name: "service", upstream: 0, counters: 0, service: .http(subrequest))
        options.cache.lifetime = .seconds(lifetime)
        options.allowsOnFailure = allowsOnFailure
        let authorizer = ExternalAuthorizer(options)
        let test = try SessionUnderTest(authorizer: authorizer)
        test.establish()
        return (test, authorizer)
    }

    private let zoe = AuthorizerReply(status: 200, fields: [.init("X-User", "zoe")])

    /// The upstream's answer to the request that was allowed.
    private func serve(_ test: SessionUnderTest) {
        _ = test.connect()
        _ = test.answer(Self.answer)
        #expect(test.takeStatus() == "HTTP/1.1 200 OK")
    }

    @Test("S28 the authorizer sees no owned field, the upstream only the authorizer's")
    func allowed() throws {
        let (test, authorizer) = try session()
        let spoof = "X-User: evil\r\nX_User: evil\r\nX-Client-Cert-Sub: evil\r\n"
        #expect(test.send(get("/a", spoof)) == [.authorize])
        #expect(test.state == .authorizing)
        let (asked, actions) = test.findDecision()
        let question = try #require(asked)
        let text = question.bytes.view.string
        #expect(actions.isEmpty && text.contains("X-Client-Cert-Sub: CN=client1\r\n"))
        #expect(!text.contains("evil") && text.hasPrefix("GET /a HTTP/1.1\r\nHost: auth\r\n"))
        #expect(
            test.decide(authorizer.answered(question.ticket, zoe, now: test.now).answer)
                == Self.acquire)
        _ = test.connect()
        #expect(test.forwarded.contains("X-User: zoe\r\n") && !test.forwarded.contains("evil"))
        _ = test.answer(Self.answer)
        #expect(test.send(get("/a", spoof)) == [.authorize])
    }

    @Test("S27 only the very same request is not asked about again, while its answer holds")
    func memo() throws {
        let (test, authorizer) = try session(lifetime: 10)
        #expect(test.send(get("/public")) == [.authorize])
        let question = try #require(test.findDecision().question)
        _ = test.decide(authorizer.answered(question.ticket, zoe, now: test.now).answer)
        serve(test)
        for _ in 0..<3 {
            #expect(test.send(get("/public")) == Self.acquire)
            _ = test.connect()
            #expect(test.forwarded.contains("X-User: zoe\r\n"))
            _ = test.answer(Self.answer)
            _ = test.takeReceived()
        }
        #expect(test.metrics.value(of: .cached, authorizer: 0) == 3)
        for other in [
            get("/admin"), get("/publid"), get("/public", "A: b\r\n"),
            "HEAD" + get("/public").dropFirst(3),
        ] {
            #expect(test.send(other) == [.authorize], "\(other)")
            let question = try #require(test.findDecision().question)
            let failed = authorizer.failed(question.ticket, "no", now: test.now).answer
            #expect(test.decide(failed).isEmpty)
            #expect(test.takeStatus() == "HTTP/1.1 503 Service Unavailable")
        }
        // The memo is about the last request that was allowed; the cache knows it, too.
        #expect(test.send(get("/public")) == Self.acquire)
        serve(test)
        _ = test.pass(11)
        #expect(test.send(get("/public")) == [.authorize])
        #expect(test.findDecision().question != nil)
    }

    @Test("what came with the head, and heads of others meanwhile, change nothing of what goes on")
    func early() throws {
        let (test, authorizer) = try session()
        let post = "POST /a HTTP/1.1\r\nHost: localhost\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nab"
        #expect(test.send(post + get("/next")) == [.authorize])
        try test.parseAnother()
        let question = try #require(test.findDecision().question)
        #expect(question.bytes.view.string.contains("Host: auth\r\nX-Own: 1\r\nX-Forwarded-Method"))
        try test.parseAnother()
        let answer = authorizer.answered(question.ticket, zoe, now: test.now).answer
        #expect(test.decide(answer) == Self.acquire)
        _ = test.connect()
        #expect(
            test.forwarded
                == "POST /a HTTP/1.1\r\nHost: localhost\r\nX-Own: 1\r\nContent-Length: 2\r\n"
                + "X-Client-Cert-Sub: CN=client1\r\nX-User: zoe\r\n\r\nab")
        test.giveBack(question)
        #expect(test.answer(Self.answer).contains(.authorize))
        let next = try #require(test.findDecision().question)
        #expect(next.bytes.view.string.hasPrefix("GET /next HTTP/1.1\r\n"))
    }

    @Test("a reload forgets what was allowed") func reload() throws {
        let (test, authorizer) = try session(lifetime: 60)
        #expect(test.send(get("/")) == [.authorize])
        let question = try #require(test.findDecision().question)
        _ = test.decide(authorizer.answered(question.ticket, zoe, now: test.now).answer)
        serve(test)
        _ = try test.reload(authorizer: ExternalAuthorizer(authorizer.options))
        #expect(test.send(get("/")) == [.authorize])
        #expect(test.findDecision().question != nil)
    }

    @Test("S29 a purge ends what a connection remembers, and what was asked before it is not kept")
    func purge() throws {
        let (test, authorizer) = try session(lifetime: 60)
        /// Sends the same request again; whether the service has to be asked about it.
        func isAsked(purging: Bool = false) throws -> Bool {
            let actions = test.send(get("/"))
            let isAsked = actions == [.authorize]
            if isAsked {
                let question = try #require(test.findDecision().question)
                if purging { authorizer.purge(nil) }
                let answer = authorizer.answered(question.ticket, zoe, now: test.now).answer
                #expect(test.decide(answer) == Self.acquire)
            } else {
                #expect(actions == Self.acquire)
            }
            serve(test)
            return isAsked
        }
        #expect(try isAsked(purging: true))
        #expect(try isAsked())
        #expect(try !isAsked())
        authorizer.purge(nil)
        #expect(try isAsked())
        #expect(try !isAsked())
    }

    @Test("whether an answer has a body depends on the method that the service was asked by")
    func heads() throws {
        for (method, isHead) in [("GET", false), ("HEAD", true), (nil, true)] {
            var subrequest = try SubrequestOptions(host: "auth")
            subrequest.method = method
            let test = try SessionUnderTest(
                authorizer: ExternalAuthorizer(
                    ExternalAuthorizerOptions(
                        name: "service", upstream: 0, counters: 0, service: .http(subrequest))))
            test.establish()
            _ = test.send("HEAD" + get("/").dropFirst(3))
            #expect(try #require(test.findDecision().question).isHead == isHead)
        }
    }

    @Test("S19 who is revoked while waiting is not forwarded, whatever the answer")
    func revoked() throws {
        let (test, authorizer) = try session()
        _ = test.send(get("/"))
        let question = try #require(test.findDecision().question)
        _ = try test.revoke()
        let actions = test.decide(authorizer.answered(question.ticket, zoe, now: test.now).answer)
        #expect(!actions.contains(Self.acquire[0]))
        #expect(test.takeStatus() == "HTTP/1.1 421 Misdirected Request")
    }

    @Test("refusals are passed on and keep the connection, failures are 503 or pass")
    func refusals() throws {
        let (test, authorizer) = try session()
        _ = test.send(get("/"))
        let question = try #require(test.findDecision().question)
        let reply = AuthorizerReply(
            status: 401, fields: [.init("WWW-Authenticate", "X")], body: Array("no".utf8))
        #expect(
            test.decide(authorizer.answered(question.ticket, reply, now: test.now).answer)
                .isEmpty)
        #expect(
            test.takeReceived()
                == "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: X\r\nContent-Length: 2\r\n\r\nno"
        )
        #expect(test.state == .readingHead)
        #expect(test.metrics.value(of: .refused, authorizer: 0) == 1)
        let (open, lenient) = try session(allowsOnFailure: true)
        _ = open.send(get("/"))
        let asked = try #require(open.findDecision().question)
        let decision = lenient.failed(asked.ticket, "no", now: open.now).answer
        #expect(open.decide(decision) == Self.acquire)
        #expect(open.metrics.value(of: .failed, authorizer: 0) == 1)
    }

    @Test("a client that leaves is no longer waited for, and holds no buffer") func leaves() throws
    {
        let (test, _) = try session()
        _ = test.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
        let question = try #require(test.findDecision().question)
        #expect(question.bytes.view.count > 0)
        let actions = test.stop()
        #expect(actions == [.cancelAuthorization, .closeDownstream(reset: true)])
        #expect(test.takesTicket())
        #expect(!test.takesTicket())
        // The question goes on, and has its buffer.
        #expect(test.outstanding == 1)
        test.giveBack(question)
        #expect(test.outstanding == 0)
    }

    @Test("a decision that never comes is waited for no longer than its time") func deadline()
        throws
    {
        let (test, _) = try session()
        _ = test.send(get("/"))
        _ = test.findDecision()
        #expect(test.pass(3) == [.cancelAuthorization])
        #expect(test.takeStatus() == "HTTP/1.1 503 Service Unavailable")
    }
}
