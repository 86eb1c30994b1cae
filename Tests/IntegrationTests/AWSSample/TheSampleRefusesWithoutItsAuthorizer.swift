import Foundation
import Testing

@Suite("the sample refuses everybody without its authorizer", .serialized)
struct TheSampleRefusesWithoutItsAuthorizer {
    @Test("with another secret than its endpoint's nobody passes", arguments: LoopKind.allCases)
    func wrongSecret(_ loop: LoopKind) throws {
        let credentials = FunctionEndpoint.credentials.merging(
            ["AWS_SECRET_ACCESS_KEY": "another"]) { $1 }
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(), credentials: credentials)
        let answer = try sample.ask()
        #expect(answer.httpStatus == 500 && answer.body == #"{"message":null}"#)
        #expect(sample.endpoint.invocations == 0)
    }

    @Test(
        "while it is down each request gets 500, and when it is back requests pass",
        arguments: LoopKind.allCases)
    func down(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint())
        #expect(try sample.ask().httpStatus == 200)
        sample.endpoint.stop()
        for _ in 0..<3 {
            let answer = try sample.ask()
            #expect(answer.httpStatus == 500 && answer.body == #"{"message":null}"#)
        }
        let port = String(sample.endpoint.address.split(separator: ":")[1])
        let next = try FunctionEndpoint(port: port)
        var answer = try sample.ask()
        for _ in 0..<100 where answer.httpStatus != 200 {
            usleep(50_000)
            answer = try sample.ask()
        }
        #expect(answer.httpStatus == 200 && next.invocations == 1, "\(answer.text)")
    }
}
