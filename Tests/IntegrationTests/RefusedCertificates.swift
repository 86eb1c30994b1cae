import Testing

@Suite("only a certificate that verifies gets in", .serialized)
struct RefusedCertificates {
    @Test("bad and missing certificates are refused", arguments: LoopKind.allCases)
    func refused(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let kinds = [
            nil, "expired", "not-yet-valid", "foreign", "same-name-wrong-key", "self-signed",
            "wrong-usage", "too-deep", "control-characters", "nul",
        ]
        for kind in kinds {
            let result = try gateway.curl("/", certificate: kind)
            #expect(result.status != 0, "\(kind ?? "none"): \(result.text)")
            #expect(!result.text.contains("message"), "\(kind ?? "none"): \(result.text)")
        }
        #expect(try gateway.curl("/").status == 0, "a good one still gets in")
    }

    @Test("every kind of key gets in, and an intermediate", arguments: LoopKind.allCases)
    func accepted(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        for kind in ["rsa2048", "p384", "ed25519"] {
            let answer = try gateway.curl("/", certificate: kind).text
            #expect(answer.contains("\"x-client-cert-sub\":\"CN=client1\""), "\(kind): \(answer)")
        }
        let answer = try gateway.curl("/", certificate: "intermediate").text
        #expect(answer.contains("\"x-client-cert-sub\":\"CN=client2\""))
        let old = try gateway.curl("/", ["--tlsv1.2", "--tls-max", "1.2"]).text
        #expect(old.contains("\"x-client-cert-sub\":\"CN=client1\""), "TLS 1.2")
    }
}
