import Crypto
import Foundation
import Testing

/// A loopback port that notes whether anybody has connected.
private final class Trap {
    private let descriptor = socket(
        AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    private(set) var port: UInt16 = 0

    init() throws {
        port = try bindToLoopback(descriptor).port
        try #require(listen(descriptor, 16) == 0)
    }

    deinit { close(descriptor) }

    /// Connections since it was last asked. The kernel has completed them: none can be missed.
    func takeConnections() -> Int {
        var count = 0
        while count < 100 {
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else { break }
            close(connection)
            count += 1
        }
        return count
    }
}

@Suite("no URL of a certificate leads the gateway anywhere", .serialized)
struct CertificateURLsAreNotFetched {
    /// Authorities and clients whose certificates have AIA and CRL distribution points.
    private struct Minted {
        let folder: String

        init(_ urls: [String]) throws {
            folder = NSTemporaryDirectory() + "postern-urls-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            let now = Int64(Date().timeIntervalSince1970)
            let (from, until) = (now - 3_600, now + 3_600)
            let root = try CertificateAuthority.root(
                Self.with(urls, .authority("URL root", notBefore: from, notAfter: until)),
                key: CertificateKey(.p256))
            let middle = try root.issue(
                Self.with(urls, .authority("URL middle", notBefore: from, notAfter: until)),
                key: CertificateKey(.p256))
            try write(root.pem, "ca.pem")
            let server = try root.issue(
                .server(["localhost", "127.0.0.1"], notBefore: from, notAfter: until),
                key: CertificateKey(.p256))
            try write(server.chainPEM, "server.pem")
            try write(server.key.pem, "server.key")
            let client = try middle.issue(
                Self.with(
                    urls,
                    .client([.init("CN", "client1")], notBefore: from, notAfter: until)),
                key: CertificateKey(.p256))
            try write(client.chainPEM, "client.pem")
            try write(client.key.pem, "client.key")
            // Without its intermediate, which the caIssuers URL offers.
            try write(client.pem, "alone.pem")
            try write(client.key.pem, "alone.key")
            let expired = try middle.issue(
                Self.with(
                    urls,
                    .client([.init("CN", "client1")], notBefore: from - 60, notAfter: now - 60)),
                key: CertificateKey(.p256))
            try write(expired.chainPEM, "expired.pem")
            try write(expired.key.pem, "expired.key")
        }

        private static func with(
            _ urls: [String], _ request: CertificateRequest
        ) -> CertificateRequest {
            var request = request
            request.informationURLs = urls
            return request
        }

        private func write(_ text: String, _ name: String) throws {
            try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
        }
    }

    @Test(
        "S11 a listener on the port of AIA and CRL URLs sees no connection",
        arguments: LoopKind.allCases)
    func listener(loop: LoopKind) throws {
        let trap = try Trap()
        let place = "127.0.0.1:\(trap.port)"
        let minted = try Minted(["http://\(place)/ca.cer", "ldap://\(place)/cn=crl"])
        defer { try? FileManager.default.removeItem(atPath: minted.folder) }
        let text = try GatewayUnderTest.shell(
            ["openssl", "x509", "-noout", "-text", "-in", minted.folder + "/client.pem"]
        ).text
        for part in ["CA Issuers - URI:http://\(place)/ca.cer", "OCSP - URI:", "CRL Distribution"] {
            #expect(text.contains(part), "\(text)")
        }
        // Every chain is to be built anew: a leaf whose chain is known would need no URL.
        let gateway = try GatewayUnderTest(loop, ["tls.validationCache.capacity=0"]) {
            upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing(GatewayUnderTest.certificates, with: minted.folder)
        }
        for (name, isGood) in [("client", true), ("alone", false), ("expired", false)] {
            for _ in 0..<3 {
                let answer = try GatewayUnderTest.shell([
                    "curl", "-sS", "--max-time", "10", "--cacert", minted.folder + "/ca.pem",
                    "--cert", "\(minted.folder)/\(name).pem",
                    "--key", "\(minted.folder)/\(name).key", "https://\(gateway.address)/",
                ])
                #expect((answer.status == 0) == isGood, "\(name): \(answer.text)")
                #expect(answer.text.contains("CN=client1") == isGood)
                #expect(isGood || answer.text.contains("alert"), "\(name): \(answer.text)")
            }
        }
        #expect(gateway.isRunning)
        #expect(trap.takeConnections() == 0)
        // The trap works: it sees who does follow such a URL.
        _ = try GatewayUnderTest.shell([
            "curl", "-sS", "--max-time", "0.2", "http://\(place)/ca.cer",
        ])
        #expect(trap.takeConnections() == 1)
    }
}
