import Foundation
import TestSupport
import Testing

@Suite("a trust store is fetched from another's S3", .serialized) struct TrustIsFetchedFromMoto {
    /// Moto knows the service by this, and does not verify it.
    private static let routing =
        "AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, "
        + "Signature=0"

    /// Sends a request; the answer's fields.
    private func send(
        _ moto: PythonService, _ method: String, _ path: String, _ body: Data
    ) throws -> String {
        let file = moto.folder + "/body"
        try body.write(to: URL(fileURLWithPath: file))
        let answer = try GatewayUnderTest.shell([
            "curl", "-sS", "--max-time", "20", "-o", "/dev/null", "-D", "-", "-X", method,
            "-H", "Content-Type: binary/octet-stream", "-H", "Authorization: \(Self.routing)",
            "--data-binary", "@" + file, "http://\(moto.address)\(path)",
        ])
        try #require(answer.text.hasPrefix("HTTP/1.1 200"), "\(answer.text)")
        return answer.text
    }

    @Test("the newest version counts, or the one that is named", arguments: LoopKind.allCases)
    func versions(loop: LoopKind) throws {
        let moto = try PythonService("moto") { _ in MotoServer.script }
        _ = try send(moto, "PUT", "/certificates", Data())
        let versioning = """
            <VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\
            <Status>Enabled</Status></VersioningConfiguration>
            """
        _ = try send(moto, "PUT", "/certificates?versioning", Data(versioning.utf8))
        let source = GatewayUnderTest.certificates + "/ca.pem"
        let first = try Data(contentsOf: URL(fileURLWithPath: source))
        let put = try send(moto, "PUT", "/certificates/edge/trust%20store.pem", first)
        let version = try #require(
            put.split(separator: "\r\n").first { $0.hasPrefix("x-amz-version-id: ") }?
                .split(separator: " ").last)
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let settings = [
            "sources.stateDirectory=\(moto.folder)/state", "sources.pollInterval=200ms",
            "sources.s3.endpoint=http://\(moto.address)",
        ]
        let key = "s3://certificates/edge/trust store.pem"
        let newest = try ReloadedGateway(
            loop, settings + ["trustStores.clients.file=" + key],
            environment: ObjectStore.environment)
        let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
        #expect(try newest.gateway.curl("/").text.contains("CN=client1"))
        #expect(try newest.gateway.curl("/", certificate: nil, new).status != 0)
        let both = try first + Data(contentsOf: URL(fileURLWithPath: other + "/ca.pem"))
        _ = try send(moto, "PUT", "/certificates/edge/trust%20store.pem", both)
        #expect(try newest.reaches(2))
        #expect(try newest.gateway.curl("/", certificate: nil, new).text.contains("CN=client1"))
        #expect(newest.log.contains(", version "))
        let pinned = try ReloadedGateway(
            loop, settings + ["trustStores.clients.file=\(key)?versionId=\(version)"],
            environment: ObjectStore.environment)
        #expect(pinned.log.contains("version \(version))"))
        #expect(try pinned.gateway.curl("/").text.contains("CN=client1"))
        #expect(try pinned.gateway.curl("/", certificate: nil, new).status != 0)
    }

    @Test("what S3 says of a mistake is repeated, at the key") func mistakes() throws {
        let moto = try PythonService("moto") { _ in MotoServer.script }
        _ = try send(moto, "PUT", "/certificates", Data())
        let test = try ReloadedGateway(.epoll)
        for (source, code) in [
            ("s3://certificates/none.pem", "404 (NoSuchKey)"),
            ("s3://nobodys/ca.pem", "404 (NoSuchBucket)"),
        ] {
            try test.edit(("{file: ", "{sources: [\"\(source)\"], file: "))
            let check = try GatewayUnderTest.shell([
                "env", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", GatewayUnderTest.binary,
                "check", "--config", test.gateway.folder + "/postern.yaml", "--set",
                "sources.stateDirectory=\(moto.folder)/state", "--set",
                "sources.s3.endpoint=http://\(moto.address)",
            ])
            #expect(check.status == 1)
            let place = "postern.yaml:18:22: error: trustStores.clients.sources: \(source): "
            #expect(check.text.contains(place + "the answer is \(code)"), "\(check.text)")
            try test.edit(("{sources: [\"\(source)\"], file: ", "{file: "))
        }
    }
}
