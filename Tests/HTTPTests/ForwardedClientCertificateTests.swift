import Core
import Testing

@testable import HTTP

@Suite struct ForwardedClientCertificateTests {
    /// The outgoing head of a request with these X-Forwarded-Client-Cert fields.
    private func forward(
        _ values: [String], trusted: Bool = true, extra: String = ""
    ) throws -> String {
        let fields = values.map { "X-Forwarded-Client-Cert: \($0)\r\n" }.joined()
        let text = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\(extra)\r\n".utf8)
        let firewall = try HeaderFirewall(ownedNames: ["X-Forwarded-Client-Cert"])
        return try unsafe text.withUnsafeBytes { raw in
            let bytes = unsafe ByteView(raw)
            var storage = HeadStorage()
            guard
                case .complete(let head) = try RequestParser.parse(
                    bytes, limits: HeadLimits(), into: &storage)
            else { return "" }
            try firewall.screenRequest(
                bytes, &storage, options: ScreenOptions(trustsClientCertificate: trusted))
            var insertions = SegmentList()
            try ForwardedClientCertificate.join(
                bytes, &storage, appendix: ByteView("By=b;Hash=h\r\n"), into: &insertions)
            var output = SegmentList()
            var scratch = try #require(BufferPool(chunkSize: 4_096, limit: 1).take())
            try RequestRewriter.rewrite(
                bytes, head, &storage, firewall: firewall, insertions: insertions, into: &output,
                scratch: &scratch)
            return (0..<output.count).map { output[$0].string }.joined()
        }
    }

    private func line(_ head: String) -> [String] {
        head.split(separator: "\r\n").map(String.init).filter {
            $0.lowercased().hasPrefix("x-forwarded-client-cert")
        }
    }

    @Test("S25 a trusted hop's elements come first, ours last, in one line") func joined() throws {
        #expect(
            try line(forward(["By=a;Hash=x"]))
                == ["X-Forwarded-Client-Cert: By=a;Hash=x,By=b;Hash=h"])
        #expect(
            try line(forward(["Hash=x,Hash=y", "Hash=z"]))
                == ["X-Forwarded-Client-Cert: Hash=x,Hash=y,Hash=z,By=b;Hash=h"])
        #expect(try line(forward([""])) == ["X-Forwarded-Client-Cert: By=b;Hash=h"])
        #expect(try line(forward([])) == ["X-Forwarded-Client-Cert: By=b;Hash=h"])
        #expect(
            try line(forward(["1", "2", "3", "4"]))
                == ["X-Forwarded-Client-Cert: 1,2,3,4,By=b;Hash=h"])
        #expect(throws: RequestError.self) { try forward(["1", "2", "3", "4", "5"]) }
    }

    @Test("S25 what a hop leaves open swallows nothing of ours") func open() throws {
        for value in [
            "Subject=\"CN=x", "Subject=\"CN=x\\\"", "Hash=x\\", "Hash=\\\"x\"", "\"",
            "Subject=\"a\",\"",
        ] {
            #expect(throws: RequestError.self, "\(value)") { try forward([value]) }
            #expect(throws: RequestError.self, "\(value)") { try forward([value, "b\""]) }
        }
        let whole = "Subject=\"CN=\\\"x\\\\\";Hash=y"
        #expect(
            try line(forward([whole])) == ["X-Forwarded-Client-Cert: \(whole),By=b;Hash=h"])
    }

    @Test("S25 who is not trusted has nothing to add, nor has another spelling") func untrusted()
        throws
    {
        #expect(
            try line(forward(["Hash=x"], trusted: false))
                == ["X-Forwarded-Client-Cert: By=b;Hash=h"])
        let head = try forward([], extra: "X_Forwarded_Client_Cert: Hash=evil\r\n")
        #expect(!head.contains("evil"))
    }
}
