import Authorization
import Core
import Crypto
import Testing

@Suite("questions to a function in AWS are signed by the newest credentials, or not asked")
struct SignedFunctionTests {
    private func authorizer(stale: UInt64 = 0) throws -> ExternalAuthorizer {
        let authorizer = LambdaAuthorizerOptions(
            api: LambdaAPI(format: .http2Simple, identifier: "i", stage: "s", resource: "r"),
            identitySources: try IdentitySources([], .http), mapping: try FieldMapping([], .http))
        let target = LambdaTarget.lambda(try LambdaFunctionName("f"), region: "eu-west-1")
        var options = ExternalAuthorizerOptions(
            name: "a", upstream: 0, counters: 0,
            service: .function(FunctionOptions(authorizer, at: target)))
        options.cache.lifetime = .seconds(10)
        options.cache.staleIfError = .seconds(stale)
        return ExternalAuthorizer(options)
    }

    private func at(_ seconds: Int64) -> Now {
        Now(
            monotonic: Instant(nanoseconds: UInt64(seconds) * 1_000_000_000), wallSeconds: seconds)
    }

    /// The question, with its ticket; nil when it is not asked, and `reason` says why.
    private func begin(
        _ authorizer: ExternalAuthorizer, _ time: Int64, path: String = "/"
    ) -> (ticket: ExternalAuthorizer.Ticket?, text: String) {
        let step = authorizer.begin(
            AuthorizationRequest(method: "GET", host: "h", path: path),
            DecisionKey.Scope(authorizer: "a", generation: 0, virtualHost: "main"),
            deadline: .max, waiter: 1, now: at(time))
        switch step {
        case .ask(let ticket, let question):
            return (ticket, String(decoding: question ?? [], as: UTF8.self))
        case .decided(let decision):
            switch decision.verdict {
            case .allow: return (nil, "allow, \(decision.source)")
            case .refuse(let reply): return (nil, "refuse \(reply.status)")
            case .fail(let reason, let reply): return (nil, "\(reply?.status ?? 0) \(reason)")
            }
        case .wait: return (nil, "wait")
        }
    }

    private let none =
        "500 there are no valid credentials to invoke the authorizer function by"

    @Test("none, expired ones, and new ones") func credentials() throws {
        let authorizer = try authorizer()
        #expect(begin(authorizer, 0).text == none)
        let signing = RequestSigning()
        authorizer.sign(by: signing)
        #expect(begin(authorizer, 0).text == none)
        signing.replace(by: .init(accessKey: "AKOLD", secretKey: "hidden", expiry: 100))
        let first = begin(authorizer, 99)
        #expect(first.text.contains("Credential=AKOLD/19700101/eu-west-1/lambda/aws4_request"))
        #expect(!first.text.contains("X-Amz-Security-Token"))
        #expect(begin(authorizer, 99, path: "/b").ticket != nil)
        #expect(begin(authorizer, 100, path: "/c").text == none)
        signing.replace(
            by: .init(accessKey: "AKNEW", secretKey: "x", sessionToken: "t", expiry: 200_000))
        let second = begin(authorizer, 100, path: "/c")
        #expect(second.text.contains("Credential=AKNEW/19700101/"))
        #expect(second.text.contains("X-Amz-Security-Token: t\r\n"))
        // The key is another one on the next day.
        let next = begin(authorizer, 86_400, path: "/d").text
        #expect(next.contains("Credential=AKNEW/19700102/"))
        let fresh = try self.authorizer()
        fresh.sign(by: RequestSigning(signing.credentials))
        #expect(begin(fresh, 86_400, path: "/d").text == next)
        #expect(![first.text, second.text, next].contains { $0.contains("hidden") })
    }

    @Test("S29 without credentials an old answer stands in only where that is configured")
    func stale() throws {
        for (stale, expected) in [(0, none), (60, "allow, stale")] as [(UInt64, String)] {
            let authorizer = try authorizer(stale: stale)
            let signing = RequestSigning(.init(accessKey: "AK", secretKey: "x", expiry: 20))
            authorizer.sign(by: signing)
            let ticket = try #require(begin(authorizer, 0).ticket)
            _ = authorizer.answered(
                ticket, AuthorizerReply(status: 200, body: Array(#"{"isAuthorized":true}"#.utf8)),
                now: at(0))
            #expect(begin(authorizer, 5).text == "allow, cache")
            #expect(begin(authorizer, 20).text == expected)
        }
    }

    @Test(
        "what AWS says of a question that it does not pass on is told once a minute for each reason"
    )
    func notices() throws {
        let authorizer = try authorizer()
        let signing = RequestSigning(.init(accessKey: "AK", secretKey: "x"))
        authorizer.sign(by: signing)
        func answer(
            _ status: UInt16, _ type: String = "", at time: Int64 = 0
        ) throws -> String? {
            let ticket = try #require(begin(authorizer, time).ticket)
            let fields = [AuthorizationRequest.Field("X-Amzn-ErrorType", type)]
            _ = authorizer.answered(
                ticket,
                AuthorizerReply(
                    status: status, fields: type.isEmpty ? [] : fields), now: at(time))
            return authorizer.takeNotice()
        }
        let refused = "authorizer 'a': Lambda refuses the credentials or their permission (403)"
        #expect(
            try answer(403, "ExpiredTokenException:http://internal/")
                == refused + ": ExpiredTokenException")
        #expect(signing.takeRefusal() && !signing.takeRefusal())
        #expect(try answer(403, "Other") == nil && signing.takeRefusal())
        #expect(
            try answer(404)
                == "authorizer 'a': Lambda does not know the authorizer function (404)")
        let long = String(repeating: "x", count: 1_000)
        #expect(
            try answer(429, long)
                == "authorizer 'a': Lambda is at its limit of concurrent functions (429): "
                + long.prefix(64))
        #expect(try answer(500) == nil && !signing.takeRefusal())
        #expect(try answer(403, "\r\nevil", at: 59) == nil)
        #expect(try answer(403, "\r\nevil", at: 60) == refused)
        // New credentials are another matter.
        signing.replace(by: .init(accessKey: "AK2", secretKey: "x"))
        #expect(!signing.takeRefusal())
    }
}
