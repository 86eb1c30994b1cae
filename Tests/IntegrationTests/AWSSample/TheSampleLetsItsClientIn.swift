import Foundation
import Testing

@Suite("the sample lets its client in, and tells the backend the subject", .serialized)
struct TheSampleLetsItsClientIn {
    private func subjects(_ output: GatewayUnderTest.Output) -> [String] {
        output.body.components(separatedBy: "\"x-client-cert-sub\":\"").dropFirst()
            .map { String($0.prefix { $0 != "\"" }) }
    }

    @Test(
        "the backend gets the subject that the authorizer returned, once, and no other",
        arguments: LoopKind.allCases)
    func subject(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint())
        let plain = try sample.ask()
        #expect(plain.httpStatus == 200 && subjects(plain) == ["CN=client1"], "\(plain.text)")
        #expect(plain.body.contains("Hello from sayhello backend app!"))
        let forged = try sample.ask(
            "client2",
            ["-H", "X-Client-Cert-Sub: CN=admin", "-H", "x_client.cert_sub: CN=admin"])
        #expect(subjects(forged) == ["CN=client2"] && !forged.body.contains("admin"))
        #expect(sample.endpoint.invocations == 2)
    }

    @Test("only its one method and path are there, and nobody is asked about others")
    func methods() throws {
        let sample = try SampleGateway(.epoll, endpoint: FunctionEndpoint())
        #expect(try sample.ask("client1", ["-X", "POST"]).httpStatus == 405)
        #expect(try sample.ask("client1", query: "extra").httpStatus == 404)
        #expect(sample.endpoint.invocations == 0)
    }

    /// Version 1, RSA, and a serial number that every client shares: as the sample's script makes
    /// them with OpenSSL 3.0.
    @Test(
        "a client's certificate as the sample's script makes it is good enough",
        arguments: LoopKind.allCases)
    func versionOne(_ loop: LoopKind) throws {
        let sample = try SampleGateway(loop, endpoint: FunctionEndpoint())
        let folder = (sample.trustStore as NSString).deletingLastPathComponent
        let script = """
            cd \(folder) && openssl genrsa -out root.key 2048 &&
            openssl req -new -x509 -days 3650 -key root.key -out root.pem -subj /CN=scriptca &&
            openssl genrsa -out made.key 2048 &&
            openssl req -new -key made.key -out made.csr -subj /CN=client1 &&
            openssl x509 -req -in made.csr -CA root.pem -CAkey root.key -set_serial 01 \
                -out made.pem -days 3650 -sha256 && cat root.pem >> truststore.pem
            """
        let made = try GatewayUnderTest.shell(["bash", "-c", script])
        try #require(made.status == 0, "\(made.text)")
        var answer = try sample.ask(folder + "/made")
        for _ in 0..<100 where answer.httpStatus != 200 {
            usleep(50_000)
            answer = try sample.ask(folder + "/made")
        }
        #expect(subjects(answer) == ["CN=client1"], "\(answer.text)")
    }
}
