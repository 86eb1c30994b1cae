import Crypto
import Foundation
import Testing

@Suite struct CertificateTests {
    private static let from: Int64 = 1_700_000_000
    private static let until: Int64 = 2_000_000_000

    private func openssl(_ arguments: String..., input: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
    }

    @Test(
        "every kind of key signs itself and writes PEM",
        arguments: [
            CertificateKey.Kind.p256, .p384, .rsa(bits: 2048), .ed25519,
        ])
    func kinds(kind: CertificateKey.Kind) throws {
        let key = try CertificateKey(kind)
        let root = try CertificateAuthority.root(
            .authority("Root", notBefore: Self.from, notAfter: Self.until), key: key)
        #expect(try key.pem.hasPrefix("-----BEGIN PRIVATE KEY-----"))
        #expect(try root.pem.hasPrefix("-----BEGIN CERTIFICATE-----"))
        #expect(root.der.first == 0x30)
    }

    @Test("an RSA key too short to make is an error")
    func badKey() {
        #expect(throws: CertificateError.self) { try CertificateKey(.rsa(bits: 8)) }
    }

    @Test("the openssl command reads subject order, alternative names, usage and serial")
    func reads() throws {
        let root = try CertificateAuthority.root(
            .authority("Root", notBefore: Self.from, notAfter: Self.until, pathLength: 1),
            key: CertificateKey(.p256))
        var request = CertificateRequest.client(
            [
                .init("C", bytes: Array("DE".utf8), isAlwaysUTF8: false), .init("O", "Äpfel, KG"),
                .init("OU", "a"), .init("UID", "b", joinsPrevious: true), .init("CN", "client1"),
            ], notBefore: Self.from, notAfter: Self.until)
        request.alternativeNames = [
            .dns("a.test"), .ip("10.0.0.1"), .ip("::1"), .uri("spiffe://x/a,b"),
            .email("a@b.test"),
        ]
        request.serialNumber = [0x01, 0x02, 0xFF]
        let client = try root.issue(request, key: CertificateKey(.p256))
        let text = try openssl(
            "x509", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb,utf8,-dn_rev",
            input: client.pem)
        #expect(text.contains("Subject: C=DE,O=Äpfel\\, KG,OU=a+UID=b,CN=client1"))
        #expect(text.contains("DNS:a.test, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1"))
        #expect(text.contains("URI:spiffe://x/a,b, email:a@b.test"))
        #expect(text.contains("TLS Web Client Authentication"))
        #expect(text.contains("66303 (0x102ff)") || text.contains("01:02:ff"))
        #expect(try client.chainPEM == client.pem)
    }

    @Test("a version 1 certificate has no extension")
    func version1() throws {
        var request = CertificateRequest.authority(
            "Old", notBefore: Self.from, notAfter: Self.until)
        request.version = 1
        let root = try CertificateAuthority.root(request, key: CertificateKey(.p256))
        let text = try openssl("x509", "-noout", "-text", input: root.pem)
        #expect(text.contains("Version: 1 (0x0)"))
        #expect(!text.contains("X509v3 extensions"))
    }

    @Test("an attribute that does not exist and a bad address are errors")
    func badNames() throws {
        let key = try CertificateKey(.p256)
        #expect(throws: CertificateError.self) {
            try CertificateAuthority.root(
                CertificateRequest(
                    subject: [.init("nonsense", "x")], notBefore: Self.from,
                    notAfter: Self.until), key: key)
        }
        var request = CertificateRequest.client([], notBefore: Self.from, notAfter: Self.until)
        request.alternativeNames = [.ip("300.1.1.1")]
        #expect(throws: CertificateError.self) {
            try CertificateAuthority.root(request, key: key)
        }
    }
}
