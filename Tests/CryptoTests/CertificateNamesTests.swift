import Crypto
import Testing

@Suite struct CertificateNamesTests {
    @Test(
        "subjects as people write them",
        arguments: [
            ("CN=x", "CN:x"), ("CN=x,O=y", "CN:x|O:y"), (" CN = x , O = y z ", "CN:x|O:y z"),
            (#"O=Acme\, Inc.,CN=a\+b\=c"#, "O:Acme, Inc.|CN:a+b=c"),
            ("OU=a+UID=b,CN=c", "OU:a|+UID:b|CN:c"), (#"CN=\ x\ "#, "CN: x "),
            ("1.2.3.4=x,CN=a=b", "1.2.3.4:x|CN:a=b"), ("CN=Äpfel", "CN:Äpfel"),
            (#"CN=a\\,O=b"#, #"CN:a\|O:b"#),
        ])
    func subjects(text: String, expected: String) throws {
        let attributes = try CertificateRequest.attributes(in: text).map {
            ($0.joinsPrevious ? "+" : "") + $0.type + ":"
                + String(decoding: $0.value, as: UTF8.self)
        }
        #expect(attributes.joined(separator: "|") == expected)
    }

    @Test(
        "what is no subject is an error",
        arguments: ["", "CN", "CN=", "=x", "CN=x,", ",CN=x", "CN=x,,O=y", #"CN=x\"#, "CN=x+"])
    func badSubjects(text: String) {
        #expect(throws: CertificateError.self) { try CertificateRequest.attributes(in: text) }
    }

    @Test("other names, and what is none") func alternativeNames() throws {
        typealias Name = CertificateRequest.AlternativeName
        #expect(try Name("dns:a.test") == .dns("a.test"))
        #expect(try Name("URI:spiffe://a/b?c:d") == .uri("spiffe://a/b?c:d"))
        #expect(try Name("ip:::1") == .ip("::1") && Name("email:a@b") == .email("a@b"))
        for text in ["", "a.test", "dns:", "dns", "http://a", "dns:ä", "dns:a b", "dns:a\0b"] {
            #expect(throws: CertificateError.self, "\(text)") { try Name(text) }
        }
    }

    private static func request(_ name: String) -> CertificateRequest {
        .authority(name, notBefore: 1_700_000_000, notAfter: 2_000_000_000)
    }

    @Test(
        "an authority that is read back issues like the one that was written",
        arguments: [CertificateKey.Kind.p256, .p384, .rsa(bits: 2_048), .ed25519])
    func readBack(kind: CertificateKey.Kind) throws {
        let root = try CertificateAuthority.root(Self.request("Root"), key: CertificateKey(kind))
        let middle = try root.issue(Self.request("Middle"), key: CertificateKey(kind))
        let lower = try middle.issue(Self.request("Lower"), key: CertificateKey(kind))
        let readRoot = try CertificateAuthority(pem: root.pem, keyPEM: root.key.pem)
        #expect(readRoot.key.kind == kind && readRoot.der == root.der)
        let leaf = try readRoot.issue(
            .client([], notBefore: 1_700_000_000, notAfter: 2_000_000_000), key: root.key)
        #expect(try leaf.chainPEM == leaf.pem, "a root is not presented")
        // The root may stand in the file of an intermediate; it is not presented either.
        let readLower = try CertificateAuthority(
            pem: lower.chainPEM + root.pem, keyPEM: lower.key.pem)
        #expect(try readLower.chainPEM == lower.pem + middle.pem)
        let deep = try readLower.issue(
            .client([], notBefore: 1_700_000_000, notAfter: 2_000_000_000), key: root.key)
        #expect(try deep.chainPEM == deep.pem + lower.pem + middle.pem)
    }

    @Test("no authority, another's key and no PEM are errors") func unfit() throws {
        let root = try CertificateAuthority.root(Self.request("Root"), key: CertificateKey(.p256))
        let leaf = try root.issue(
            .client([.init("CN", "x")], notBefore: 1_700_000_000, notAfter: 2_000_000_000),
            key: CertificateKey(.p256))
        let other = try CertificateKey(.p256).pem
        for (pem, key) in [
            (try leaf.pem, try leaf.key.pem), (try root.pem, other), ("", other),
            (try root.pem, ""), (try root.pem, try root.pem),
        ] {
            #expect(throws: CertificateError.self) {
                try CertificateAuthority(pem: pem, keyPEM: key)
            }
        }
    }
}
