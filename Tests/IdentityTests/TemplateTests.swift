import Crypto
import TLS
import TestSupport
import Testing

@testable import Identity

@Suite struct TemplateTests {
    private func render(
        _ template: String, of id: String = "v02-kitchen-sink",
        _ encoding: HeaderEncoding = .raw, fallback: String? = nil
    ) throws -> String? {
        let vector = try #require(Vector.all.first { $0.id == id })
        let header = try IdentityHeader(
            name: "X-T", template: template, encoding: encoding, fallback: fallback)
        return try header.value(IdentityInput(vector.chain()))
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "variables say what the certificate says",
        arguments: [
            ("{subject.OU}", "Platform"), ("{subject.OU[1]}", "Payments"),
            ("{subject.OU[-1]}", "Payments"), ("{subject.ou[-2]}", "Platform"),
            ("{subject.2.5.4.10}", "Acme, Inc."),
            ("{subject.commonName}", #"Zo\C3\AB M\C3\BCller \E6\97\A5\E6\9C\AC"#),
            ("{issuer.CN}", "Edge Vector Issuing CA 1"),
            ("a {{b}} {subject.UID}!", "a {b} svc-42!"),
            ("{serial}", "3438942529593653063330157307729657002241"),
            ("{serial.upperHex}", "0A1B2C3D4E5F60718293A4B5C6D7E8F901"),
            ("{serial.hex}", "0a1b2c3d4e5f60718293a4b5c6d7e8f901"),
            ("{serial.colons}", "0a:1b:2c:3d:4e:5f:60:71:82:93:a4:b5:c6:d7:e8:f9:01"),
            ("{notBefore}", "2026-01-05T01:02:03Z"), ("{notAfter.epoch}", "2082758399"),
            ("{notBefore.openssl}", "Jan  5 01:02:03 2026 GMT"),
            ("{notAfter.utcTime}", "351231235959Z"),
            ("{san.dns}", "client2.example.com,alt.client2.example.com"),
            ("{san.dns[1]}", "alt.client2.example.com"), ("{san.email[0]}", "zoe@example.com"),
            ("{san.ip}", "192.0.2.10,2001:db8::a"), ("{san.ip[-1]}", "2001:db8::a"),
            ("{spiffe}", "spiffe://example.org/ns/prod/sa/payments"),
            ("{fingerprint.sha1}", "49bb50240ec2ec199e0fe606de42ed2af309028c"),
            ("{publicKey.type}/{publicKey.bits}", "EC P-256/256"),
            ("{extendedKeyUsage}", "1.3.6.1.5.5.7.3.2"), ("{verify} v{version}", "SUCCESS v3"),
            ("{keyUsage}", "digitalSignature"), ("{signatureAlgorithm}", "1.2.840.10045.4.3.2"),
            (
                "{subject.inOrder}",
                #"C=US,ST=Washington,L=Seattle,O=Acme\, Inc.,OU=Platform,OU=Payments+UID=svc-42,"#
                    + #"CN=Zo\C3\AB M\C3\BCller \E6\97\A5\E6\9C\AC"#
            ),
        ])
    func values(template: String, value: String) throws {
        #expect(try render(template) == value)
    }

    @Test(
        "encodings",
        arguments: [
            (HeaderEncoding.raw, #"C=Zo\C3\AB M\C3\BCller \E6\97\A5\E6\9C\AC"#),
            (.base64, "Qz1ab8OrIE3DvGxsZXIg5pel5pys"),
            (.url, "C%3DZo%C3%AB%20M%C3%BCller%20%E6%97%A5%E6%9C%AC"),
            (.hex, "433d5a6fc3ab204dc3bc6c6c657220e697a5e69cac"),
        ])
    func encodings(encoding: HeaderEncoding, value: String) throws {
        #expect(try render("C={subject.CN}", encoding) == value)
        #expect(try render("{subject.O}", .rfc8941) == #""Acme, Inc.""#)
        #expect(throws: IdentityError.unrepresentable) { try render("{subject.CN}", .rfc8941) }
        let der = try #require(try render("{certificate.der}", .rfc8941))
        #expect(der == ":\(try #require(try render("{certificate.base64}"))):")
        #expect(try render("{publicKey.sha256.der}", .hex) == render("{publicKey.sha256}"))
    }

    private func render(_ template: String, _ encoding: HeaderEncoding) throws -> String? {
        try render(template, of: "v02-kitchen-sink", encoding)
    }

    @Test("a backslash of a name is doubled, so that no two names look alike") func backslash()
        throws
    {
        #expect(
            try render("{subject.O}", of: "v05-dn-specials", .url)?.hasPrefix("%20%23O") == true)
        #expect(try render("{subject.CN}", of: "v05-dn-specials")?.contains(#"i\\j/CN"#) == true)
    }

    @Test("what a certificate does not have: no header, or the default") func absent() throws {
        #expect(try render("{subject.UID}", of: "v01-sample") == nil)
        #expect(try render("a{subject.UID}", of: "v01-sample", fallback: "none") == "none")
        #expect(try render("{subject.OU[2]}") == nil)
        #expect(try render("{subject.OU[-3]}") == nil)
        #expect(try render("{spiffe}", of: "v01-sample", fallback: "-") == "-")
        #expect(try render("{subject}", of: "v03-empty-subject") == nil)
        #expect(throws: IdentityError.invalidDefault) { try render("{subject}", fallback: " x") }
        #expect(throws: IdentityError.invalidDefault) { try render("{subject}", fallback: "") }
        #expect(throws: IdentityError.invalidDefault) {
            try render("{subject}", fallback: "a\r\nb")
        }
    }

    @Test(
        "S10 control characters and several common names are refused, in every encoding",
        arguments: HeaderEncoding.allCases)
    func refused(encoding: HeaderEncoding) throws {
        for template in ["{subject.CN}", "{subject.O}", "{subject.OU}", "{subject.sample}"] {
            #expect(throws: IdentityError.unrepresentable) {
                try render(template, of: "v04-control-chars", encoding)
            }
        }
        #expect(throws: IdentityError.unrepresentable) {
            try render("{subject.CN}", of: "v08-duplicate-cn", encoding)
        }
        #expect(try render("{subject.CN[1]}", of: "v08-duplicate-cn") == "admin")
        #expect(try render("{subject.O}", of: "v08-duplicate-cn") == "First")
        let pki = try TestPKI()
        let peer = try #require(try pki.verifiedPeer([.init("CN", "a\0b")]))
        let header = try IdentityHeader(
            name: "X-T", template: "{subject.CN}", encoding: encoding)
        #expect(throws: IdentityError.unrepresentable) {
            try header.value(IdentityInput(peer.validated))
        }
    }

    @Test(
        "mistakes are found at start, with their place",
        arguments: [
            ("a{subject.CN", 2, "'{' has no '}'"), ("ab}c", 3, "'}' has no '{'"),
            ("{nothing}", 1, "there is no variable 'nothing'; known are certificate.base64, "),
            ("x{subject.NOPE}", 2, "there is no variable 'subject.NOPE'"), ("{}", 1, "there is no"),
            ("{subject.OU[x]}", 1, "there is no variable"), ("{san.dns[]}", 1, "there is no"),
            ("{subject.}", 1, "there is no"), ("{san.other.x}", 1, "there is no"), ("", 1, "empty"),
            ("{certificate.der}", 1, "choose an encoding other than raw"), ("a\nb", 2, "ASCII"),
            ("é", 1, "ASCII"), ("{subject.OU} ", 14, "blanks"), (" a", 3, "blanks"),
        ])
    func mistakes(template: String, position: Int, reason: String) throws {
        let error = #expect(throws: TemplateMistake.self) { try IdentityTemplate(template) }
        #expect(error?.position == position)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }
}
