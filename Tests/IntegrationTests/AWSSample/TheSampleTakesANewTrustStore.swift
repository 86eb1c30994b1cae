import Foundation
import Testing

@Suite("the sample takes a new trust store from S3 while it serves", .serialized)
struct TheSampleTakesANewTrustStore {
    private let object = "sample-truststore/truststore.pem"

    /// The file of those roots, one behind the other.
    private func bundle(_ roots: String..., in folder: String) throws -> String {
        let path = folder + "/bundle.pem"
        let text = try roots.map {
            try String(contentsOfFile: "\(SampleGateway.certificates)/\($0).pem", encoding: .utf8)
        }
        try text.joined().write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func becomes(
        _ status: Int, _ sample: SampleGateway, _ client: String
    ) throws -> Bool {
        for _ in 0..<200 {
            if try sample.ask(client).httpStatus == status { return true }
            usleep(50_000)
        }
        return false
    }

    @Test(
        "who was unknown is let in, and who is trusted no more is refused",
        arguments: LoopKind.allCases)
    func updated(_ loop: LoopKind) throws {
        let moto = try MotoServer()
        try moto.put("sample-truststore")
        try moto.put(object, file: bundle("rootca", in: moto.folder))
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint(), moto: moto)
        #expect(try sample.ask("client1").httpStatus == 200)
        #expect(try sample.ask("stranger").status != 0)
        try moto.put(object, file: bundle("rootca", "otherca", in: moto.folder))
        #expect(try becomes(200, sample, "stranger"))
        let answer = try sample.ask("stranger")
        #expect(answer.body.contains("\"x-client-cert-sub\":\"CN=stranger\""), "\(answer.text)")
        #expect(try sample.ask("client1").httpStatus == 200)
        try moto.put(object, file: bundle("otherca", in: moto.folder))
        #expect(try becomes(0, sample, "client1"))
        #expect(try sample.ask("stranger").httpStatus == 200)
    }

    @Test("one that is broken changes nothing", arguments: LoopKind.allCases)
    func broken(_ loop: LoopKind) throws {
        let moto = try MotoServer()
        try moto.put("sample-truststore")
        try moto.put(object, file: bundle("rootca", in: moto.folder))
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint(), moto: moto)
        #expect(try sample.ask("client1").httpStatus == 200)
        try "nothing".write(toFile: moto.folder + "/broken", atomically: true, encoding: .utf8)
        try moto.put(object, file: moto.folder + "/broken")
        for _ in 0..<200 where !sample.log.contains("refused: ") { usleep(50_000) }
        #expect(sample.log.contains("refused: "), "\(sample.log)")
        #expect(try sample.ask("client1").httpStatus == 200)
        #expect(try sample.ask("stranger").status != 0)
    }

    @Test("a subject that two issuers claim is refused in API Gateway's words")
    func conflict() throws {
        let moto = try MotoServer()
        try moto.put("sample-truststore")
        try moto.put(object, file: bundle("rootca", "otherca", in: moto.folder))
        let sample = try SampleGateway(.epoll, endpoint: FunctionEndpoint(), moto: moto)
        let crossed = try SampleGateway.intermediates(in: moto.folder)
        let text = try String(
            contentsOfFile: bundle("rootca", "otherca", in: moto.folder), encoding: .utf8)
        try (text + crossed).write(
            toFile: moto.folder + "/crossed", atomically: true, encoding: .utf8)
        try moto.put(object, file: moto.folder + "/crossed")
        let words =
            "The certificate subject CN=middle conflicts with an existing certificate from a "
            + "different issuer"
        for _ in 0..<200 where !sample.log.contains(words) { usleep(50_000) }
        #expect(sample.log.contains(words), "\(sample.log)")
        #expect(try sample.ask("client1").httpStatus == 200)
    }
}
