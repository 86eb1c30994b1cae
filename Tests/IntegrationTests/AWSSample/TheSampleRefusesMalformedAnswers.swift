import Testing

@Suite("the sample refuses malformed answers", .serialized)
struct TheSampleRefusesMalformedAnswers {
    /// Spoils a good answer in the way that the query says.
    private static let script = """
        const policy = (change = {}) => ({
          Version: "2012-10-17",
          Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: "*", ...change }],
        });
        const good = (change = {}) => ({
          principalId: "CN=client1",
          context: { clientCertSub: "CN=client1" },
          policyDocument: policy(),
          ...change,
        });
        const answers = {
          good: () => good(),
          nothing: () => undefined,
          text: () => "Allow",
          list: () => [good()],
          noPrincipal: () => good({ principalId: undefined }),
          noPolicy: () => good({ policyDocument: undefined }),
          noStatement: () => good({ policyDocument: { Version: "2012-10-17" } }),
          oddEffect: () => good({ policyDocument: policy({ Effect: "Perhaps" }) }),
          noResource: () => good({ policyDocument: policy({ Resource: undefined }) }),
          nested: () => good({ context: { clientCertSub: { CN: "client1" } } }),
          unsendable: () => good({ context: { clientCertSub: "a\\r\\nX-Admin: yes" } }),
          huge: () => good({ context: { clientCertSub: "a".repeat(200000) } }),
          simple: () => ({ isAuthorized: true }),
          thrown: () => { throw new Error("Unauthorized, or so"); },
          thrownText: () => { throw "Unauthorised"; },
        };
        export const handler = async (event) => answers[event.queryStringParameters.answer]();
        """

    @Test(
        "whatever is no answer by the contract is 500, and no request passes",
        arguments: LoopKind.allCases)
    func malformed(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint(Self.script))
        func ask(_ answer: String) throws -> GatewayUnderTest.Output {
            try sample.ask("client1", query: "?answer=\(answer)")
        }
        #expect(try ask("good").httpStatus == 200)
        let malformed = [
            "nothing", "text", "list", "noPrincipal", "noPolicy", "noStatement", "oddEffect",
            "noResource", "nested", "unsendable", "huge", "simple", "thrown", "thrownText",
        ]
        for answer in malformed {
            let output = try ask(answer)
            #expect(output.httpStatus == 500, "\(answer): \(output.text)")
            #expect(output.body == #"{"message":null}"#, "\(answer): \(output.text)")
        }
        #expect(try ask("good").httpStatus == 200)
        #expect(sample.endpoint.invocations == malformed.count + 2)
    }
}
