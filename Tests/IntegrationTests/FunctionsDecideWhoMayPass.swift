import Foundation
import Testing

@Suite("an authorizer function decides who may pass", .serialized)
struct FunctionsDecideWhoMayPass {
    private func status(_ answer: String) -> String {
        String(answer.split(separator: "\r\n", omittingEmptySubsequences: false)[0])
    }

    @Test("S28 a policy that allows maps its context to fields, and no client does")
    func allowed() throws {
        for loop in LoopKind.allCases {
            let function = try FunctionService()
            let gateway = try GatewayUnderTest(
                loop,
                configuration: function.configuration(
                    "headers: {X-Level: $context.authorizer.level, "
                        + "X-Who: \"${context.authorizer.principalId}@x\"}"))
            let answer = try gateway.curl(
                "/allow?a=1", ["-H", "X-Level: evil", "-H", "x_who: evil", "-H", "Token: t"])
            #expect(answer.text.contains("\"x-level\":\"7\""), "\(loop) \(answer)")
            #expect(answer.text.contains("\"x-who\":\"zoe@x\"") && !answer.text.contains("evil"))
            let asked = try #require(function.invocations.first)
            #expect(
                asked["target"] as? String == "/2015-03-31/functions/function/invocations")
            let event = try #require(asked["event"] as? [String: Any])
            #expect(event["version"] as? String == "2.0" && event["rawPath"] as? String == "/allow")
            #expect(event["rawQueryString"] as? String == "a=1")
            let fields = try #require(event["headers"] as? [String: String])
            #expect(fields["token"] == "t" && fields["x-level"] == nil)
            let text = String(
                decoding: try JSONSerialization.data(withJSONObject: event), as: UTF8.self)
            #expect(text.contains("\"subjectDN\":\"CN=client1\"") && !text.contains("evil"))
            #expect(text.contains("BEGIN CERTIFICATE"))
        }
    }

    @Test("refusals and failures have the statuses and bodies of API Gateway")
    func refused() throws {
        let cases = [
            ("/deny", "403", #"{"message":"Forbidden"}"#),
            ("/other", "403", #"{"message":"Forbidden"}"#),
            ("/unauthorized", "401", #"{"message":"Unauthorized"}"#),
            ("/broken", "500", #"{"message":"Internal Server Error"}"#),
            ("/failed", "500", #"{"message":"Internal Server Error"}"#),
            ("/text", "500", #"{"message":"Internal Server Error"}"#),
            ("/illegal", "500", #"{"message":"Internal Server Error"}"#),
        ]
        for loop in LoopKind.allCases {
            let function = try FunctionService()
            let gateway = try GatewayUnderTest(
                loop,
                configuration: function.configuration(
                    "path: /any?x\n    headers: {X-Level: $context.authorizer.level}"))
            for (path, code, body) in cases {
                let answer = try gateway.curl(path, ["-i"]).text
                #expect(status(answer).contains(" \(code) "), "\(loop) \(path) \(answer)")
                #expect(answer.hasSuffix("\r\n\r\n" + body), "\(path) \(answer)")
                #expect(answer.contains("Content-Type: application/json"))
            }
            #expect(function.invocations.allSatisfy { $0["target"] as? String == "/any?x" })
        }
    }

    @Test("S27 a kept policy is asked for each path; the REST format has its own event and errors")
    func policies() throws {
        for loop in LoopKind.allCases {
            let function = try FunctionService()
            let gateway = try GatewayUnderTest(
                loop,
                configuration: function.configuration(
                    """
                    format: rest
                        stage: test
                        cacheLifetime: 5m
                        identitySources: [method.request.header.Token]
                        headers: {X-Team: context.authorizer.team}
                    """))
            let token = ["-i", "-H", "Token: t"]
            for _ in 0..<2 {
                let pets = try gateway.curl("/pets/1", token).text
                #expect(status(pets).contains("200") && pets.contains("\"x-team\":\"a\""))
                #expect(status(try gateway.curl("/pets/2", token).text).contains("200"))
                let admin = try gateway.curl("/admin", token).text
                #expect(status(admin).contains("403"), "\(admin)")
                #expect(admin.contains("x-amzn-ErrorType: AccessDeniedException"))
            }
            #expect(function.invocations.count == 1)
            let missing = try gateway.curl("/pets/1", ["-i"]).text
            #expect(status(missing).contains("401"))
            #expect(missing.contains("x-amzn-ErrorType: UnauthorizedException"))
            #expect(function.invocations.count == 1)
            let event = try #require(function.invocations[0]["event"] as? [String: Any])
            let arn = "arn:aws:execute-api:us-east-1:123456789012:postern/test/GET/pets/1"
            #expect(event["type"] as? String == "REQUEST" && event["methodArn"] as? String == arn)
            _ = try gateway.curl("/pets/1", ["-H", "Token: u"])
            #expect(function.invocations.count == 2)
        }
    }

    @Test("S27 a simple answer is about one request") func simple() throws {
        for loop in LoopKind.allCases {
            let function = try FunctionService()
            let gateway = try GatewayUnderTest(
                loop,
                configuration: function.configuration(
                    """
                    format: http-2.0-simple
                        cacheLifetime: 5m
                        headers: {X-Level: $context.authorizer.level}
                    """))
            for _ in 0..<2 {
                #expect(try gateway.curl("/simple").text.contains("\"x-level\":\"7\""))
            }
            #expect(function.invocations.count == 1)
            for _ in 0..<2 {
                #expect(status(try gateway.curl("/refused", ["-i"]).text).contains("403"))
            }
            #expect(function.invocations.count == 3)
        }
    }

    @Test("S29 a function that is not there refuses, and passes only where that is configured")
    func unreachable() throws {
        for (keys, expected) in [("stage: a", "500"), ("allowOnFailure: true", "200")] {
            var function: FunctionService? = try FunctionService()
            let made = try #require(function).configuration(keys)
            function = nil
            let gateway = try GatewayUnderTest(.epoll, configuration: made)
            #expect(status(try gateway.curl("/allow", ["-i"]).text).contains(expected))
        }
    }
}
