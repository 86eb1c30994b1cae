import Crypto
import Foundation
import Testing

/// Two clients of two authorities, who differ in everything that rules ask for: `target`, and
/// `other`. The first is OpenSSL's work, since ours issues no certificate policies.
final class RuleClients {
    let folder = NSTemporaryDirectory() + "postern-clients-\(UUID().uuidString)"
    let targetFingerprint: String
    let targetKey: String
    let authorityFingerprint: String

    init() throws {
        let (now, day) = (Int64(Date().timeIntervalSince1970), Int64(86_400))
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        func root(_ name: String) throws -> CertificateAuthority {
            try .root(
                .authority(name, notBefore: now - 200 * day, notAfter: now + 200 * day),
                key: CertificateKey(.p256))
        }
        let (first, second) = (try root("First root"), try root("Second root"))
        let issuer = try first.issue(
            .authority("Target CA", notBefore: now - day, notAfter: now + 200 * day),
            key: CertificateKey(.p256))
        var request = CertificateRequest.client(
            [.init("CN", "other")], notBefore: now - 100 * day, notAfter: now + day)
        request.alternativeNames = [
            .dns("other.test"), .uri("spiffe://other.test/ns/dev"), .email("o@other.test"),
            .ip("192.0.2.2"),
        ]
        let other = try second.issue(request, key: CertificateKey(.p256))
        authorityFingerprint = Self.hex(SHA256.hash(issuer.der))
        let files: [(String, String)] = [
            ("first.pem", try first.pem), ("second.pem", try second.pem),
            ("issuer.pem", try issuer.pem), ("issuer.key", try issuer.key.pem),
            ("other.pem", try other.chainPEM), ("other.key", try other.key.pem),
            (
                "extensions",
                """
                basicConstraints = CA:false
                extendedKeyUsage = clientAuth, codeSigning
                certificatePolicies = 1.3.6.1.4.1.99999.7
                subjectAltName = DNS:a.target.test, email:t@target.test, IP:192.0.2.1, \
                URI:spiffe://target.test/ns/prod/sa/pay

                """
            ),
        ]
        for (name, text) in files {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        let made = try GatewayUnderTest.shell([
            "sh", "-ec",
            """
            cd '\(folder)'
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes \
                -keyout target.key -subj '/OU=Targets/CN=target' -out request
            openssl x509 -req -in request -CA issuer.pem -CAkey issuer.key -set_serial 0x1ab \
                -days 2 -extfile extensions -out leaf.pem
            cat leaf.pem issuer.pem >target.pem
            openssl x509 -in leaf.pem -outform DER | openssl dgst -sha256 -r >fingerprint
            openssl x509 -in leaf.pem -noout -pubkey | openssl pkey -pubin -outform DER \
                | openssl dgst -sha256 -r >key
            """,
        ])
        try #require(made.status == 0, "\(made.text)")
        targetFingerprint = try Self.digest(folder + "/fingerprint")
        targetKey = try Self.digest(folder + "/key")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    private static func digest(_ file: String) throws -> String {
        String(try String(contentsOfFile: file, encoding: .utf8).prefix(64))
    }

    /// The configuration whose virtual host has `routes` and whose authorizers are `authorizers`,
    /// both YAML at the left margin; anonymous clients come through.
    func configuration(routes: String, authorizers: String) -> (String, String) -> String {
        let indented = routes.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n")
        return { [folder] upstream, other in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: other)
                .replacing("clientCertificate: required", with: "clientCertificate: optional")
                .replacing("      all: {path: /, upstream: backend}", with: indented)
                .replacing(
                    "clients: {file: \(GatewayUnderTest.certificates)/ca.pem}",
                    with: """
                        clients: {file: \(folder)/first.pem, sources: [\(folder)/second.pem]}
                          first: {file: \(folder)/first.pem}
                        """) + "\n" + authorizers
        }
    }

    /// The status that `client` gets for `path`, or an anonymous one.
    func status(_ gateway: GatewayUnderTest, _ path: String, _ client: String?) throws -> String {
        var command = [
            "curl", "-s", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}",
            "--cacert", GatewayUnderTest.certificates + "/ca.pem",
        ]
        if let client {
            command += ["--cert", "\(folder)/\(client).pem", "--key", "\(folder)/\(client).key"]
        }
        return try GatewayUnderTest.shell(command + ["https://\(gateway.address)\(path)"]).text
    }
}
