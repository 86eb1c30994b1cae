import Authorization
import Testing

@Suite("what an authorizer function answers, and what the client then gets")
struct LambdaAnswerTests {
    private static let policy =
        #""policyDocument":{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#

    private func answer(
        _ body: String, _ format: LambdaAPI.Format = .rest, isError: Bool = false
    ) -> Result<LambdaAnswer, LambdaAnswer.Problem> {
        Result { () throws(LambdaAnswer.Problem) in
            try LambdaAnswer(Array(body.utf8), format: format, isError: isError)
        }
    }

    @Test("the sample's answer: lower-case allow, and a context") func sample() throws {
        let found = try answer(
            """
            {"principalId":"CN=client1",\(Self.policy),"context":{"clientCertSub":"CN=client1",\
            "number":1,"big":12345678901234567890,"flag":true,"none":null},\
            "usageIdentifierKey":"key"}
            """
        ).get()
        #expect(found.principal == "CN=client1" && found.usageIdentifierKey == "key")
        #expect(found.evaluate(resource: "x") == .allow)
        #expect(found.contextText("clientCertSub") == "CN=client1")
        #expect(found.contextText("number") == "1" && found.contextText("flag") == "true")
        #expect(found.contextText("big") == "12345678901234567890")
        #expect(found.contextText("none") == nil && found.contextText("principalId") != nil)
    }

    @Test("simple answers, and contexts with arrays, of HTTP APIs 2.0") func simple() throws {
        let yes = try answer(#"{"isAuthorized":true,"context":{"a":[1,"x"]}}"#, .http2Simple).get()
        #expect(yes.evaluate(resource: "x") == .allow && yes.contextText("a") == #"[1,"x"]"#)
        let no = try answer(#"{"isAuthorized":false}"#, .http2Simple).get()
        #expect(no.evaluate(resource: "x") == .implicitDeny && no.context.isEmpty)
        for body in [#"{"isAuthorized":"true"}"#, #"{"isAuthorized":1}"#, "{}", "true"] {
            #expect(LambdaRefusal(problem(answer(body, .http2Simple))) == .configuration)
        }
        #expect(
            LambdaRefusal(problem(answer(#"{"isAuthorized":true}"#, .http2))) == .configuration)
    }

    @Test(
        "malformed answers are configuration errors",
        arguments: [
            "", "null", "[]", "\"x\"", "{", "{}", "{\(policy)}", "{\"principalId\":7,\(policy)}",
            #"{"principalId":"u"}"#, #"{"principalId":"u","policyDocument":{}}"#,
            #"{"principalId":"u","policyDocument":[]}"#,
            #"{"principalId":"u","policyDocument":{"Statement":[],"Extra":1}}"#,
            "{\"principalId\":\"u\",\(policy),\"context\":[]}",
            "{\"principalId\":\"u\",\(policy),\"context\":{\"a\":{}}}",
            "{\"principalId\":\"u\",\(policy),\"usageIdentifierKey\":1}",
            "{\"principalId\":\"u\",\"principalId\":\"v\",\(policy)}",
            "Task timed out after 3.00 seconds",
        ])
    func malformed(body: String) {
        #expect(LambdaRefusal(problem(answer(body))) == .configuration)
    }

    @Test(
        "failures of the function, told by the header or by the body alone",
        arguments: [
            (#"{"errorType":"Error","errorMessage":"Unauthorized"}"#, false, .unauthorized),
            (#"{"errorMessage":"Unauthorized"}"#, true, .unauthorized),
            (#"{"errorMessage":"unauthorized"}"#, true, .failure),
            (#"{"errorType":"Error","errorMessage":"Unauthorized!","trace":[]}"#, false, .failure),
            (#"{"errorMessage":"x","errorType":"Runtime.ExitError"}"#, false, .failure),
            ("{\"principalId\":\"u\",\(policy)}", true, .failure),
            ("not json", true, .failure),
        ] as [(String, Bool, LambdaRefusal)])
    func failures(body: String, isError: Bool, expected: LambdaRefusal) {
        #expect(LambdaRefusal(problem(answer(body, isError: isError))) == expected)
    }

    private func problem(
        _ result: Result<LambdaAnswer, LambdaAnswer.Problem>
    ) -> LambdaAnswer.Problem {
        guard case .failure(let problem) = result else {
            Issue.record("there is an answer")
            return .failed
        }
        return problem
    }

    @Test("statuses, bodies and error types are API Gateway's") func refusals() {
        let failures: [LambdaRefusal] = [
            .failure, .unsigned, .forbidden, .unknownFunction, .throttled,
        ]
        for refusal in LambdaRefusal.allCases {
            let isFailure = failures.contains(refusal) || refusal == .configuration
            #expect((refusal.failureReason != nil) == isFailure)
        }
        let rest: [(LambdaRefusal, UInt16, String, String?)] =
            [
                (.missingIdentity, 401, #"{"message":"Unauthorized"}"#, "UnauthorizedException"),
                (.unauthorized, 401, #"{"message":"Unauthorized"}"#, "UnauthorizedException"),
                (
                    .implicitDeny, 403,
                    #"{"Message":"User is not authorized to access this resource"}"#,
                    "AccessDeniedException"
                ),
                (
                    .explicitDeny, 403,
                    #"{"Message":"User is not authorized to access this resource with an explicit "#
                        + #"deny in an identity-based policy"}"#, "AccessDeniedException"
                ),
                (.configuration, 500, #"{"message":null}"#, "AuthorizerConfigurationException"),
            ] + failures.map { ($0, 500, #"{"message":null}"#, nil) }
        for (refusal, status, body, type) in rest {
            #expect(refusal.status == status && refusal.body(isHTTP: false).description == body)
            #expect(refusal.errorType(isHTTP: false)?.description == type)
        }
        let http: [(LambdaRefusal, String)] =
            [
                (.missingIdentity, "Unauthorized"), (.unauthorized, "Unauthorized"),
                (.implicitDeny, "Forbidden"), (.explicitDeny, "Forbidden"),
                (.configuration, "Internal Server Error"),
            ] + failures.map { ($0, "Internal Server Error") }
        for (refusal, message) in http {
            #expect(refusal.body(isHTTP: true).description == "{\"message\":\"\(message)\"}")
            #expect(refusal.errorType(isHTTP: true) == nil)
        }
        #expect(LambdaRefusal(.allow) == nil && LambdaRefusal(.explicitDeny) == .explicitDeny)
    }

    @Test("any bytes are decoded or refused, the same each time") func noise() {
        var seed: UInt64 = 0x9e37_79b9_7f4a_7c15
        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        let start = Array("{\"principalId\":\"u\",\(Self.policy),\"context\":{\"a\":1}}".utf8)
        var decoded = 0
        for _ in 0..<3_000 {
            var body = start
            for _ in 0...random(4) {
                switch random(3) {
                case 0: body[random(body.count)] = UInt8(random(256))
                case 1: body.remove(at: random(body.count))
                default: body.insert(start[random(start.count)], at: random(body.count))
                }
            }
            let first = Result { () throws(LambdaAnswer.Problem) in
                try LambdaAnswer(body, format: .rest)
            }
            let second = Result { () throws(LambdaAnswer.Problem) in
                try LambdaAnswer(body, format: .rest)
            }
            #expect(first == second)
            if case .success = first { decoded += 1 }
        }
        #expect(decoded > 0 && decoded < 3_000)
    }
}
