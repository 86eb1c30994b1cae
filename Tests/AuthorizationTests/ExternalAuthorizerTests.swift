import Authorization
import Core
import TLS
import Testing

@Suite("an external authorizer: what is asked, kept, and made of no answer")
struct ExternalAuthorizerTests {
    private func authorizer(
        function: Bool = false, mapped: String = "$context.authorizer.team",
        _ change: (inout ExternalAuthorizerOptions) -> Void
    ) throws -> ExternalAuthorizer {
        var service = ExternalAuthorizerOptions.Service.http(
            try SubrequestOptions(host: "h", copiedFields: ["X-User"]))
        if function {
            let authorizer = LambdaAuthorizerOptions(
                api: LambdaAPI(format: .http2, identifier: "i", stage: "s", resource: "r"),
                identitySources: try IdentitySources([], .http),
                mapping: try FieldMapping([("overwrite:header.X-User", mapped)], .http))
            service = .function(FunctionOptions(authorizer, at: .emulator(host: "h")))
        }
        var options = ExternalAuthorizerOptions(
            name: "a", upstream: 0, counters: 0, service: service)
        options.cache.lifetime = .seconds(10)
        change(&options)
        return ExternalAuthorizer(options)
    }

    private let request = AuthorizationRequest(method: "GET", host: "h", path: "/")

    private func at(_ seconds: UInt64) -> Now {
        Now(monotonic: Instant(nanoseconds: 0) + .seconds(seconds), wallSeconds: Int64(seconds))
    }

    private func begin(
        _ authorizer: ExternalAuthorizer, _ time: UInt64, waiter: UInt64 = 1,
        deadline: Int64 = 10_000, room: Int = 1_024
    ) throws -> ExternalAuthorizer.Step {
        let scope = DecisionKey.Scope(authorizer: "a", generation: 0, virtualHost: "main")
        guard authorizer.certificateStyle == nil else {
            return authorizer.begin(
                request, scope, deadline: deadline, waiter: waiter, now: at(time))
        }
        return try asked("GET / HTTP/1.1\r\nHost: h\r\n\r\n") { asked, fields in
            var question = try #require(BufferPool(chunkSize: room, limit: 1).take())
            return authorizer.begin(
                asked, fields, scope, deadline: deadline, waiter: waiter, now: at(time),
                into: &question)
        }
    }

    private func ticket(_ step: ExternalAuthorizer.Step) throws -> ExternalAuthorizer.Ticket {
        guard case .ask(let ticket, _) = step else {
            Issue.record("not asked: \(step)")
            throw LambdaAnswer.Problem.failed
        }
        return ticket
    }

    /// `allow LINES`, `refuse STATUS` or `fail`, where it is from, and for how many seconds.
    private func text(_ decision: ExternalDecision, at now: UInt64) -> String {
        let left = decision.until.since(at(now).monotonic).count / 1_000_000_000
        let what =
            switch decision.verdict {
            case .allow(let lines): "allow \(String(decoding: lines, as: UTF8.self).dropLast())"
            case .refuse(let reply): "refuse \(reply.status)"
            case .fail(_, let reply): "fail \(reply?.status ?? 503)"
            }
        return "\(what), \(decision.source), \(left)"
    }

    private func text(
        _ authorizer: ExternalAuthorizer, _ answer: ExternalAnswer, at now: UInt64
    ) -> String {
        text(authorizer.decision(answer) { () throws(Never) in request }, at: now)
    }

    private func known(_ step: ExternalAuthorizer.Step, at now: UInt64) -> String {
        if case .decided(let decision) = step { text(decision, at: now) } else { "\(step)" }
    }

    private var yes: AuthorizerReply {
        AuthorizerReply(
            status: 200, fields: [.init("X-User", "zoe")],
            body: Array(
                """
                {"principalId":"p","policyDocument":{"Statement":{"Effect":"Allow","Action":"*",\
                "Resource":"*"}},"context":{"team":"zoe"}}
                """.utf8))
    }

    @Test("S29 an old answer stands in only where allowed, and is never kept for repetition")
    func stale() throws {
        for function in [false, true] {
            let strict = function ? "fail 500" : "fail 503"
            for (stale, expected) in [
                (0, "\(strict), failed, 0"), (60, "allow X-User: zoe, stale, 0"),
            ] as [(UInt64, String)] {
                let authorizer = try authorizer(function: function) {
                    $0.cache.staleIfError = .seconds(stale)
                }
                let first = try ticket(begin(authorizer, 0))
                let told = authorizer.answered(first, yes, now: at(1))
                #expect(told.waiters == [1])
                #expect(text(authorizer, told.answer, at: 1) == "allow X-User: zoe, asked, 10")
                #expect(
                    try known(begin(authorizer, 4), at: 4) == "allow X-User: zoe, cache, 7")
                for reply in [AuthorizerReply(status: 500), nil] {
                    let next = try ticket(begin(authorizer, 20))
                    let answer =
                        reply.map { authorizer.answered(next, $0, now: at(20)).answer }
                        ?? authorizer.failed(next, "no", now: at(20)).answer
                    #expect(text(authorizer, answer, at: 20) == expected, "\(function)")
                }
                let late = try ticket(begin(authorizer, 20, deadline: 19))
                let answer = authorizer.failed(late, "no", now: at(20)).answer
                #expect(text(authorizer, answer, at: 20) == "\(strict), failed, 0")
            }
        }
    }

    @Test("what fails passes only where that is configured; what is refused never does")
    func lenient() throws {
        for function in [false, true] {
            let authorizer = try authorizer(function: function) { $0.allowsOnFailure = true }
            let first = try ticket(begin(authorizer, 0))
            let failed = authorizer.failed(first, "no", now: at(0)).answer
            #expect(text(authorizer, failed, at: 0) == "allow , failed, 0")
            let second = try ticket(begin(authorizer, 0))
            let refused = AuthorizerReply(
                status: function ? 200 : 403,
                body: Array(#"{"errorType":"E","errorMessage":"Unauthorized"}"#.utf8))
            let answer = authorizer.answered(second, refused, now: at(0)).answer
            #expect(
                text(authorizer, answer, at: 0).hasPrefix(function ? "refuse 401" : "refuse 403"))
        }
    }

    @Test("S29 no status that a client may bring about passes or leaves an old answer standing")
    func unexpected() throws {
        for status in [301, 400, 404, 414, 429, 431] as [UInt16] {
            let authorizer = try authorizer {
                $0.allowsOnFailure = true
                $0.cache.staleIfError = .seconds(30)
            }
            let first = try ticket(begin(authorizer, 0))
            let allowed = AuthorizerReply(status: 200, fields: [.init("X-User", "zoe")])
            _ = authorizer.answered(first, allowed, now: at(0))
            let second = try ticket(begin(authorizer, 20))
            let reply = AuthorizerReply(status: status)
            let answer = authorizer.answered(second, reply, now: at(20)).answer
            #expect(text(authorizer, answer, at: 20) == "fail 503, failed, 0", "\(status)")
            let third = try ticket(begin(authorizer, 20))
            let failed = authorizer.failed(third, "no", now: at(20)).answer
            #expect(text(authorizer, failed, at: 20) == "allow , failed, 0", "\(status)")
        }
    }

    @Test("a question for which there is no room is a failure, and is not under way") func room()
        throws
    {
        let authorizer = try authorizer { _ in }
        #expect(try known(begin(authorizer, 0, room: 100), at: 0) == "fail 503, failed, 0")
        _ = try ticket(begin(authorizer, 0))
    }

    @Test("without a lifetime everybody asks, and is told of no other's answer") func alone() throws
    {
        let authorizer = try authorizer { $0.cache.lifetime = .zero }
        let first = try ticket(begin(authorizer, 0, waiter: 1))
        let second = try ticket(begin(authorizer, 0, waiter: 2))
        authorizer.withdraw(1, from: first)
        let third = try ticket(begin(authorizer, 0, waiter: 1))
        #expect(authorizer.answered(first, yes, now: at(0)).waiters.isEmpty)
        #expect(authorizer.answered(third, yes, now: at(0)).waiters == [1])
        // The number of what is over means nothing to what came after it.
        let fourth = try ticket(begin(authorizer, 0, waiter: 3))
        #expect(authorizer.answered(first, yes, now: at(0)).waiters.isEmpty)
        #expect(authorizer.failed(third, "no", now: at(0)).waiters.isEmpty)
        #expect(authorizer.answered(second, yes, now: at(0)).waiters == [2])
        #expect(authorizer.failed(fourth, "no", now: at(0)).waiters == [3])
    }

    @Test("values of one request alone are not repeated for the next that is the same")
    func values() throws {
        let authorizer = try authorizer(function: true, mapped: "$context.requestTimeEpoch") { _ in
        }
        let first = try ticket(begin(authorizer, 0))
        let answer = authorizer.answered(first, yes, now: at(0)).answer
        let decision = authorizer.decision(answer) { () throws(Never) in request }
        #expect(decision.until <= at(0).monotonic)
    }

    @Test("all who ask the same wait for one answer, but for who has left") func waiters() throws {
        for function in [false, true] {
            let authorizer = try authorizer(function: function) { _ in }
            let first = try ticket(begin(authorizer, 0))
            for waiter in 2...3 as ClosedRange<UInt64> {
                guard case .wait(first) = try begin(authorizer, 0, waiter: waiter) else {
                    Issue.record("asked twice")
                    return
                }
            }
            authorizer.withdraw(2, from: first)
            #expect(authorizer.answered(first, yes, now: at(0)).waiters == [1, 3])
            #expect(authorizer.answered(first, yes, now: at(0)).waiters.isEmpty)
        }
    }
}
