import Foundation
import Testing

@Suite("the sample does not wait for a slow authorizer", .serialized)
struct TheSampleDoesNotWaitForASlowAuthorizer {
    /// Allows everybody, after as many milliseconds as the query says.
    private static let script = """
        export const handler = async (event) => {
          await new Promise((done) => setTimeout(done, Number(event.queryStringParameters.ms)));
          return {
            principalId: "somebody",
            policyDocument: {
              Version: "2012-10-17",
              Statement: [{ Action: "*", Effect: "Allow", Resource: "*" }],
            },
            context: { clientCertSub: "late" },
          };
        };
        """

    @Test(
        "an answer after the gateway's timeout is none: 500, at once, and others pass",
        arguments: LoopKind.allCases)
    func gatewayTimeout(_ loop: LoopKind) throws {
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(Self.script, arguments: ["--timeout", "60"]),
            ["authorizers.authorizer.timeout=1s"])
        let start = Date()
        let late = try sample.ask("client1", query: "?ms=30000")
        #expect(late.httpStatus == 500 && late.body == #"{"message":null}"#, "\(late.text)")
        #expect(Date().timeIntervalSince(start) < 10)
        #expect(try sample.ask("client1", query: "?ms=0").httpStatus == 200)
    }

    @Test("a function that its endpoint gave up is a failure, too", arguments: LoopKind.allCases)
    func functionTimeout(_ loop: LoopKind) throws {
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(Self.script, arguments: ["--timeout", "0.3"]))
        let late = try sample.ask("client1", query: "?ms=30000")
        #expect(late.httpStatus == 500 && late.body == #"{"message":null}"#, "\(late.text)")
        #expect(try sample.ask("client1", query: "?ms=0").httpStatus == 200)
    }
}
