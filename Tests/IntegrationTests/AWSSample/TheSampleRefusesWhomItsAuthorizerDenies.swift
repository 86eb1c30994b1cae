import Testing

@Suite("the sample refuses whom its authorizer denies", .serialized)
struct TheSampleRefusesWhomItsAuthorizerDenies {
    @Test(
        "by a policy with 403, by Unauthorized with 401, in API Gateway's words",
        arguments: LoopKind.allCases)
    func outcomes(_ loop: LoopKind) throws {
        let endpoint = try FunctionEndpoint(environment: [
            "DENIED_SUBJECTS": #"["CN=client2"]"#, "UNKNOWN_SUBJECTS": #"["CN=client3"]"#,
        ])
        let sample = try SampleGateway(loop, endpoint: endpoint)
        for _ in 0..<2 {
            let denied = try sample.ask("client2")
            #expect(denied.httpStatus == 403)
            #expect(
                denied.body == #"{"Message":"User is not authorized to access this resource "#
                    + #"with an explicit deny in an identity-based policy"}"#)
            #expect(denied.text.contains("x-amzn-ErrorType: AccessDeniedException"))
            let unknown = try sample.ask("client3")
            #expect(unknown.httpStatus == 401)
            #expect(unknown.body == #"{"message":"Unauthorized"}"#)
            #expect(unknown.text.contains("x-amzn-ErrorType: UnauthorizedException"))
            #expect(try sample.ask("client1").httpStatus == 200)
        }
        #expect(endpoint.invocations == 6)
    }

    @Test("a policy for another resource allows nothing here", arguments: LoopKind.allCases)
    func otherResource(_ loop: LoopKind) throws {
        let endpoint = try FunctionEndpoint(
            """
            export const handler = async (event) => ({
              principalId: "somebody",
              policyDocument: {
                Version: "2012-10-17",
                Statement: [
                  { Action: "execute-api:Invoke", Effect: "Allow",
                    Resource: event.methodArn.replace("GET", "POST") },
                ],
              },
            });
            """)
        let answer = try SampleGateway(loop, endpoint: endpoint).ask()
        #expect(answer.httpStatus == 403)
        #expect(
            answer.body == #"{"Message":"User is not authorized to access this resource"}"#)
    }

    @Test(
        "who has no certificate, or another authority's, is refused in the handshake",
        arguments: LoopKind.allCases)
    func strangers(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint())
        let stranger = try sample.ask("stranger")
        #expect(stranger.status != 0 && stranger.httpStatus == 0, "\(stranger.text)")
        let anonymous = try sample.ask(nil)
        #expect(anonymous.status != 0 && anonymous.httpStatus == 0, "\(anonymous.text)")
        #expect(sample.endpoint.invocations == 0)
    }

    @Test(
        "with optional certificates who has none gets 403, and a stranger the alert still",
        arguments: LoopKind.allCases)
    func optional(_ loop: LoopKind) throws {
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(), ["virtualHosts.api.clientCertificate=optional"])
        #expect(try sample.ask(nil).httpStatus == 403)
        #expect(try sample.ask("stranger").status != 0)
        #expect(sample.endpoint.invocations == 0)
        #expect(try sample.ask("client1").httpStatus == 200)
    }
}
