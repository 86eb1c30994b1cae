import Foundation
import Testing

@Suite("the sample takes a new trust store while it serves", .serialized)
struct TheSampleTakesANewTrustStore {
    @Test(
        "who was unknown is let in, and who is trusted no more is refused",
        arguments: LoopKind.allCases)
    func updated(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint())
        #expect(try sample.ask("client1").httpStatus == 200)
        #expect(try sample.ask("stranger").status != 0)
        let root = try String(
            contentsOfFile: SampleGateway.certificates + "/otherca.pem", encoding: .utf8)
        try root.write(toFile: sample.trustStore, atomically: true, encoding: .utf8)
        for _ in 0..<200 where try sample.ask("stranger").httpStatus != 200 { usleep(50_000) }
        let answer = try sample.ask("stranger")
        #expect(answer.body.contains("\"x-client-cert-sub\":\"CN=stranger\""), "\(answer.text)")
        #expect(try sample.ask("client1").status != 0)
        // A store that cannot be used changes nothing.
        try "nothing".write(toFile: sample.trustStore, atomically: true, encoding: .utf8)
        for _ in 0..<10 {
            #expect(try sample.ask("stranger").httpStatus == 200)
            #expect(try sample.ask("client1").status != 0)
            usleep(50_000)
        }
    }
}
