import Crypto
import Foundation
import Testing

@testable import TLS

@Suite("S18 the deny list names certificates, keys, and issuers with numbers")
struct RevocationDenyListTests {
    let fixture: RevocationFixture
    let leaf: CertificateAuthority
    let chain: [ChainMember]

    init() throws {
        fixture = try RevocationFixture()
        var request = CertificateRequest.authority(
            "x", notBefore: fixture.now - 60, notAfter: fixture.now + 86_400)
        request.subject = [
            .init("C", bytes: Array("DE".utf8), isAlwaysUTF8: false),
            .init("O", "Acme, Inc. serial:1"), .init("OU", "Ä + \"quoted\""),
            .init("L", "Berlin", joinsPrevious: true), .init("CN", "Issuing \\ CA"),
        ]
        let issuer = try fixture.root.issue(request, key: CertificateKey(.p256))
        request = fixture.files.clientRequest()
        request.serialNumber = [0x0A, 0xBC]
        leaf = try issuer.issue(request, key: CertificateKey(.p256))
        chain = try fixture.chain(leaf)
    }

    private func judge(_ text: String) throws -> RevocationSet.Verdict {
        try fixture.load(denying: text).judge(chain, wallSeconds: fixture.now)
    }

    private static let denied = RevocationSet.Verdict.revoked(index: 0, reason: .denyList)

    @Test("S18 by fingerprint and by key, in every spelling") func hashes() throws {
        let (certificate, key) = (chain[0].fingerprint.bytes, chain[0].publicKeyHash.bytes)
        let plain = hexadecimal(certificate).replacing(":", with: "")
        for text in [
            "sha256:\(hexadecimal(certificate))", "sha256:\(plain)",
            "# first\r\n\r\n\t sha256:\(plain.lowercased()) # why\r\nsha256:\(plain)\n",
            "spki-sha256:\(hexadecimal(key))",
            "spki-sha256:\(String(decoding: Base64.encode(key), as: UTF8.self))#no comment",
            "spki-sha256:\(String(decoding: Base64.encode(key), as: UTF8.self)) # comment",
        ] {
            if text.hasSuffix("#no comment") {
                #expect(throws: TLSConfigurationError.self) { try judge(text) }
            } else {
                #expect(try judge(text) == Self.denied, "\(text)")
            }
        }
        #expect(try judge("sha256:\(hexadecimal(key))") == .good)
        #expect(try judge("") == .good)
        #expect(try fixture.load(denying: "sha256:\(plain)\nsha256:\(plain)").denyListEntries == 1)
    }

    @Test("S18 by issuer and number: the name as people write it, or its hash") func issuers()
        throws
    {
        let name = #"CN=Issuing \\ CA,OU=Ä \+ \"quoted\"+L=Berlin,O=Acme\, Inc. serial:1,C=DE"#
        let hash = hexadecimal(chain[0].issuerNameHash.bytes)
        for text in [
            "issuer:\"\(name)\" serial:0ABC", "issuer:\"\(name)\" serial:A:BC",
            "issuer:\"\(name)\"   serial:0a:bc", "issuer:\"\(name)\" serial:abc # lost",
            "issuer-sha256:\(hash) serial:ABC",
            // Order within a relative name, case, blanks, escapes and dotted types do not matter.
            #"issuer:"2.5.4.3=issuing  \5C ca , L=BERLIN+ou=\C3\84 \2B \22quoted\22, "#
                + #"o=Acme\2C Inc. Serial:1,c=de" serial:ABC"#,
        ] {
            if text.contains("A:BC") && !text.contains("0a:bc") {
                #expect(throws: TLSConfigurationError.self) { try judge(text) }
            } else {
                #expect(try judge(text) == Self.denied, "\(text)")
            }
        }
        #expect(try judge("issuer:\"\(name)\" serial:ABD") == .good)
        #expect(try judge("issuer:\"\(name),O=x\" serial:ABC") == .good)
        let plain = try fixture.load(denying: "issuer:CN=Issuing CA serial:7A0102")
        let verdict = try plain.judge(fixture.chain(fixture.leaf), wallSeconds: fixture.now)
        #expect(verdict == Self.denied)
    }

    @Test("S18 the public key's hash is the pin that OpenSSL computes") func pin() throws {
        let text = try fixture.files.file(leaf.pem)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "openssl x509 -in \(text) -pubkey -noout | openssl pkey -pubin -outform DER "
                + "| openssl dgst -sha256 -binary | base64",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(try judge("spki-sha256:" + output) == Self.denied)
        #expect(SHA256.hash(leaf.der) == chain[0].fingerprint.bytes)
    }

    /// A line, the column of its mistake, and what the message holds.
    static let mistakes: [(String, Int, String)] = [
        ("sha1:00", 1, "begin it with sha256:, spki-sha256:, issuer:, issuer-sha256: or #"),
        ("  SHA256:00", 3, "begin it with"),
        ("sha256:", 8, "no SHA-256 digest"),
        ("sha256:00", 8, "write the 32 bytes as hexadecimal digits"),
        ("sha256:" + String(repeating: "0", count: 63) + "g", 8, "no SHA-256 digest"),
        ("sha256:" + String(repeating: "0", count: 66), 8, "no SHA-256 digest"),
        ("sha256:" + String(repeating: "00:", count: 32), 8, "no SHA-256 digest"),
        ("sha256:" + String(repeating: "0", count: 64) + " x", 73, "something follows"),
        ("spki-sha256:" + String(repeating: "A", count: 43) + "B", 13, "base64 or as"),
        ("spki-sha256:" + String(repeating: "A", count: 42) + "B=", 13, "base64 or as"),
        ("issuer:CN=x", 12, "has no serial number"),
        ("issuer:CN=x serial:", 20, "no serial number"),
        ("issuer:CN=x serial:0x1", 20, "no serial number"),
        ("issuer:CN=x serial:1:2", 20, "no serial number"),
        ("issuer:\"CN=x serial:1", 8, "the quotes are not closed"),
        ("issuer:\"CN=x\\", 8, "the quotes are not closed"),
        ("issuer:CN serial:1", 8, "an attribute has no value"),
        ("issuer:CN=x, serial:1", 13, "an attribute has no value"),
        ("issuer:NOPE=x serial:1", 8, "'NOPE' is no type of attribute"),
        ("issuer:C=DE,CN=a;b serial:1", 17, "put \\ before it"),
        ("issuer:CN=#0401 serial:1", 11, "issuer-sha256:"),
        ("issuer:CN=a\\zb serial:1", 12, "needs no \\"),
        ("issuer:CN=a\\4z serial:1", 12, "no \\HH escape"),
        ("issuer: serial:1", 8, "an attribute has no value"),
        ("issuer-sha256:00 serial:1", 15, "no SHA-256 digest"),
    ]

    @Test("S18 a mistake is named with file, line, column and what is allowed", arguments: mistakes)
    func malformed(line: String, column: Int, message: String) throws {
        let path = try fixture.write(Array("# one\n\n\(line)\nsha256:\n".utf8))
        let options = RevocationOptions(denyListFiles: [path])
        let error = #expect(throws: TLSConfigurationError.self) {
            try RevocationSet.load(options, generation: 1, now: fixture.now, previous: nil)
        }
        #expect(error?.subject == "\(path):3:\(column)", "\(line)")
        #expect(error?.description.contains(message) == true, "\(error as Any)")
    }

    @Test("S18 a name that is not UTF-8 and a file that is not there are mistakes")
    func unreadable() throws {
        #expect(throws: TLSConfigurationError.self) {
            try DenyList(Array("issuer:CN=".utf8) + [0xFF] + Array(" serial:1".utf8), path: "x")
        }
        #expect(throws: TLSConfigurationError.self) { try DenyList(path: "/nowhere/deny") }
    }

    @Test("S18 a deny list that goes bad leaves the last good one in force") func lastGood() throws
    {
        let path = try fixture.write(
            Array("sha256:\(hexadecimal(chain[0].fingerprint.bytes))".utf8))
        let options = RevocationOptions(denyListFiles: [path])
        let before = try RevocationSet.load(
            options, generation: 1, now: fixture.now, previous: nil)
        try Data("nonsense".utf8).write(to: URL(fileURLWithPath: path))
        let after = try RevocationSet.load(
            options, generation: 2, now: fixture.now, previous: before)
        #expect(after.judge(chain, wallSeconds: fixture.now) == Self.denied)
        #expect(after.problems.map(\.subject) == [path + ":1:1"])
    }

    @Test("S18 random lines are an error or not, never a crash") func damage() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let words = [
            "issuer:", "sha256:", "spki-sha256:", "serial:", "\"", "\\", "CN=", ",", "+", " ", "#",
            "a", "0A", ":", "=", "\n", "ÿ",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                words[Int.random(in: 0..<words.count, using: &random)]
            }.joined()
            do throws(TLSConfigurationError) {
                _ = try DenyList(Array(text.utf8), path: "random")
            } catch {
                #expect(error.subject.hasPrefix("random:"), "seed \(seed): \(text)")
            }
        }
    }
}
