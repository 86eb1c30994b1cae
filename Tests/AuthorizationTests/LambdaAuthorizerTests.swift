import Authorization
import Core
import TLS
import Testing

@Suite("requests are decided by the answers of an authorizer function")
struct LambdaAuthorizerTests {
    private static let target = LambdaTarget.emulator(host: "x")
    private static let arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test"

    private func authorizer(
        _ format: LambdaAPI.Format = .rest, sources: [String] = ["method.request.header.token"],
        _ change: (inout DecisionCacheOptions) -> Void = { _ in }
    ) throws -> LambdaAuthorizer {
        let isHTTP = format.isHTTP
        var options = LambdaAuthorizerOptions(
            api: LambdaAPI(format: format, identifier: "abcdef123", stage: "test", resource: "r"),
            identitySources: try IdentitySources(sources, isHTTP ? .http : .rest),
            mapping: try FieldMapping(
                isHTTP
                    ? [("overwrite:header.X-Sub", "$context.authorizer.sub")]
                    : [("integration.request.header.X-Sub", "context.authorizer.sub")],
                isHTTP ? .http : .rest))
        change(&options.cache)
        return LambdaAuthorizer(options)
    }

    private func request(_ path: String, token: String? = "t") -> AuthorizationRequest {
        var request = AuthorizationRequest(method: "GET", host: "h", path: path)
        if let token { request.fields = [.init("Token", token)] }
        return request
    }

    private func scope(_ leaf: UInt8 = 1) -> DecisionKey.Scope {
        var scope = DecisionKey.Scope(authorizer: "a", generation: 1, virtualHost: "main")
        scope.leaf = Fingerprint(of: [leaf])
        return scope
    }

    private func at(_ seconds: UInt64) -> Now {
        Now(monotonic: Instant(nanoseconds: 0) + .seconds(seconds), wallSeconds: Int64(seconds))
    }

    private func begin(
        _ authorizer: inout LambdaAuthorizer, _ request: AuthorizationRequest, _ time: UInt64 = 0,
        leaf: UInt8 = 1, waiter: UInt64 = 0
    ) -> LambdaAuthorizer.Step {
        authorizer.authorize(
            request, scope(leaf), deadline: 10_000, waiter: waiter, now: at(time))
    }

    private func policy(_ resource: String, context: String = "{}") -> AuthorizerReply {
        reply(
            """
            {"principalId":"p","policyDocument":{"Statement":{"Effect":"Allow","Action":"*",\
            "Resource":"\(resource)"}},"context":\(context)}
            """)
    }

    private func reply(_ body: String, status: UInt16 = 200) -> AuthorizerReply {
        AuthorizerReply(status: status, body: Array(body.utf8))
    }

    private func ticket(
        _ step: LambdaAuthorizer.Step
    ) throws -> DecisionCache<LambdaAuthorizer.Answer>.Ticket {
        guard case .invoke(let ticket, _) = step else {
            Issue.record("not asked: \(step)")
            throw LambdaAnswer.Problem.failed
        }
        return ticket
    }

    @Test("the function is asked once, and its policy decides for each path (S27)")
    func policies() throws {
        var authorizer = try authorizer()
        let step = begin(&authorizer, request("/pets/1"), waiter: 1)
        guard case .invoke(let ticket, let event) = step else {
            Issue.record("not asked: \(step)")
            return
        }
        #expect(String(decoding: event, as: UTF8.self).contains("\(Self.arn)/GET/pets/1"))
        #expect(begin(&authorizer, request("/admin"), waiter: 2) == .wait(ticket))
        let told = authorizer.received(
            policy("\(Self.arn)/GET/pets/*", context: #"{"sub":"CN=client1"}"#),
            from: Self.target, for: ticket, now: at(1))
        #expect(told.waiters == [1, 2])
        let allowed = LambdaAuthorizer.Outcome.allow(
            principal: "p", fields: [.init("X-Sub", "CN=client1")])
        #expect(authorizer.outcome(told.answer, request("/pets/1")) == allowed)
        #expect(authorizer.outcome(told.answer, request("/admin")) == .refuse(.implicitDeny))
        #expect(
            begin(&authorizer, request("/pets/2"), 2) == .known(allowed, until: at(301).monotonic))
        #expect(
            begin(&authorizer, request("/admin"), 2)
                == .known(.refuse(.implicitDeny), until: at(301).monotonic))
        // Another token, and another certificate with the same one, are other questions.
        _ = try self.ticket(begin(&authorizer, request("/pets/1", token: "u"), 2))
        _ = try self.ticket(begin(&authorizer, request("/pets/1"), 2, leaf: 2))
    }

    @Test("a missing identity source is 401, an endless path 414: the function is not asked")
    func notAsked() throws {
        var authorizer = try authorizer()
        for token in [nil, ""] as [String?] {
            #expect(
                begin(&authorizer, request("/", token: token))
                    == .decided(.refuse(.missingIdentity)))
        }
        let path = "/" + String(repeating: "a", count: 2_000)
        #expect(begin(&authorizer, request(path)) == .decided(.refuse(.nameTooLong)))
        #expect(authorizer.statistics == DecisionCacheStatistics())
    }

    @Test("isAuthorized is about one request, and so is an answer without sources (S27)")
    func perRequest() throws {
        for (format, sources, body) in [
            (.http2Simple, ["$request.header.token"], #"{"isAuthorized":true}"#),
            (.rest, [], String(decoding: policy("*").body, as: UTF8.self)),
        ] as [(LambdaAPI.Format, [String], String)] {
            var authorizer = try authorizer(format, sources: sources)
            let first = try ticket(begin(&authorizer, request("/public")))
            _ = authorizer.received(reply(body), from: Self.target, for: first, now: at(0))
            guard case .known(.allow, _) = begin(&authorizer, request("/public"), 1) else {
                Issue.record("asked again")
                return
            }
            _ = try ticket(begin(&authorizer, request("/admin"), 1))
        }
    }

    @Test("refusals have a lifetime of their own") func refusals() throws {
        for body in [
            #"{"isAuthorized":false}"#, #"{"errorType":"E","errorMessage":"Unauthorized"}"#,
        ] {
            var authorizer = try authorizer(.http2Simple, sources: ["$request.header.token"]) {
                $0.refusalLifetime = .seconds(5)
            }
            let first = try ticket(begin(&authorizer, request("/")))
            let told = authorizer.received(reply(body), from: Self.target, for: first, now: at(0))
            let outcome = authorizer.outcome(told.answer, request("/"))
            guard case .refuse = outcome else {
                Issue.record("allowed")
                return
            }
            #expect(
                begin(&authorizer, request("/"), 4)
                    == .known(outcome, until: at(5).monotonic))
            _ = try ticket(begin(&authorizer, request("/"), 5))
        }
    }

    @Test("S29 failures refuse, unless an old answer may stand in") func failures() throws {
        for stale in [0, 60] as [UInt64] {
            var authorizer = try authorizer {
                $0.lifetime = .seconds(10)
                $0.staleIfError = .seconds(stale)
            }
            let first = try ticket(begin(&authorizer, request("/")))
            _ = authorizer.received(policy("*"), from: Self.target, for: first, now: at(0))
            for (bad, refusal) in [
                (reply("", status: 503), LambdaRefusal.failure), (reply("{}"), .configuration),
            ] {
                let next = try ticket(begin(&authorizer, request("/"), 20, waiter: 7))
                let told = authorizer.received(bad, from: Self.target, for: next, now: at(20))
                #expect(told.waiters == [7])
                let expected: LambdaAuthorizer.Outcome =
                    stale == 0 ? .refuse(refusal) : .allow(principal: "p", fields: [])
                #expect(authorizer.outcome(told.answer, request("/")) == expected)
            }
            let last = try ticket(begin(&authorizer, request("/"), 21))
            authorizer.purge(Fingerprint(of: [1]))
            let told = authorizer.failed(last, now: at(21))
            #expect(authorizer.outcome(told.answer, request("/")) == .refuse(.failure))
        }
    }

    @Test("S28 a mapped value that no field can carry is 500") func illegal() throws {
        var authorizer = try authorizer()
        let first = try ticket(begin(&authorizer, request("/")))
        let told = authorizer.received(
            policy("*", context: #"{"sub":"x\r\nX-Admin: 1"}"#), from: Self.target, for: first,
            now: at(0))
        let outcome = authorizer.outcome(told.answer, request("/"))
        #expect(outcome == .refuse(.configuration) && LambdaRefusal.configuration.status == 500)
    }

    @Test("too many questions at once are refused, and who leaves is not told") func bounds() throws
    {
        var authorizer = try authorizer { $0.flights = 1 }
        let first = try ticket(begin(&authorizer, request("/"), waiter: 1))
        #expect(
            begin(&authorizer, request("/", token: "u")) == .decided(.refuse(.failure)))
        #expect(begin(&authorizer, request("/"), waiter: 2) == .wait(first))
        authorizer.withdraw(1, from: first)
        #expect(authorizer.failed(first, now: at(1)).waiters == [2])
    }
}
