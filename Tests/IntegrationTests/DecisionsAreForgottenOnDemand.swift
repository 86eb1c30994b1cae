import Foundation
import Testing

@Suite("what an authorizer decided is forgotten on demand", .serialized)
struct DecisionsAreForgottenOnDemand {
    @Test(
        "a purge by fingerprint asks again about that client, one without about all",
        arguments: LoopKind.allCases)
    func purge(loop: LoopKind) throws {
        let service = try AuthorizerService()
        let admin = service.folder + "/admin"
        let gateway = try GatewayUnderTest(
            loop, ["admin.address=unix:\(admin)", "workers=1"],
            configuration: service.configuration("cacheLifetime: 10m"))
        func status(_ target: String, _ more: [String] = []) throws -> String {
            try GatewayUnderTest.shell(
                ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10"] + more
                    + ["--unix-socket", admin, "-X", "POST", "http://x" + target]
            ).text
        }
        /// How many questions there were after the client asked for the same once more.
        func questions() throws -> Int {
            #expect(try gateway.curl("/public").status == 0)
            return service.questions.count
        }
        let shown = try GatewayUnderTest.shell([
            "openssl", "x509", "-noout", "-fingerprint", "-sha256",
            "-in", GatewayUnderTest.certificates + "/client.pem",
        ]).text
        let fingerprint = try #require(shown.split(separator: "=").last)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let plain = fingerprint.replacing(":", with: "").lowercased()

        #expect(try questions() == 1)
        #expect(try questions() == 1)
        let other = String(repeating: "0", count: 64)
        #expect(try status("/authorizers/purge?sha256=\(other)") == "202")
        #expect(try questions() == 1)
        #expect(try status("/authorizers/purge?sha256=\(fingerprint)") == "202")
        #expect(try questions() == 2)
        #expect(try status("/authorizers/purge?sha256=\(plain)") == "202")
        #expect(try questions() == 3)
        #expect(try status("/authorizers/purge") == "202")
        #expect(try questions() == 4)

        for bad in ["?sha256=", "?sha256=12", "?sha1=\(plain)", "?", "?sha256=\(plain)0"] {
            #expect(try status("/authorizers/purge" + bad) == "400", "\(bad)")
        }
        #expect(try status("/authorizers/purge", ["-H", "Origin: http://x"]) == "403")
        #expect(try status("/metrics") == "404")
        #expect(try questions() == 4)
    }
}
