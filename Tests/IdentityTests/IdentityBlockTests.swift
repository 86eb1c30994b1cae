import Core
import Crypto
import TLS
import TestSupport
import Testing

@testable import Identity

@Suite struct IdentityBlockTests {
    private func render(
        _ subject: [CertificateRequest.Attribute], _ format: String = "subject"
    ) throws -> String? {
        let pki = try TestPKI()
        let peer = try #require(try pki.verifiedPeer(subject))
        let header = try IdentityHeader(name: "X-Id", format: format)
        return try header.value(IdentityInput(peer.validated)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test("the sample's form: certificate order, comma-joined, escaped as RFC 2253 says")
    func subject() throws {
        #expect(try render([.init("CN", "client1")]) == "CN=client1")
        let acme: [CertificateRequest.Attribute] = [
            .init("C", "US"), .init("O", "Acme, Inc."), .init("OU", "Pay"),
            .init("UID", "svc-42", joinsPrevious: true), .init("CN", "a+b\"c\\d<e>f;g"),
        ]
        #expect(
            try render(acme)
                == #"C=US,O=Acme\, Inc.,OU=Pay + UID=svc-42,CN=a\+b\"c\\d\<e\>f\;g"#)
        #expect(try render([.init("CN", "#x y ")]) == ##"CN=\#x y\20"##)
        #expect(try render([.init("CN", " x")]) == #"CN=\20x"#)
    }

    @Test("bytes outside ASCII are escaped plain, and kept in base64") func nonASCII() throws {
        #expect(try render([.init("CN", "é")]) == #"CN=\C3\A9"#)
        let encoded = try #require(try render([.init("CN", "é")], "subjectBase64"))
        #expect(Base64.decode(Array(encoded.utf8)) == Array("CN=é".utf8))
    }

    @Test(
        "S10 control characters and NUL are refused",
        arguments: ["a\r\nX: y", "a\u{7f}", "a\0b", "a\u{85}", "a\u{2028}"])
    func controls(name: String) throws {
        #expect(throws: IdentityError.unrepresentable) { try render([.init("CN", name)]) }
    }

    @Test("the block holds one line per header, and is refused over the cap") func block() throws {
        let pki = try TestPKI()
        let peer = try #require(try pki.verifiedPeer([.init("CN", "client1")]))
        let headers = try IdentityHeaderSet([
            IdentityHeader(name: "X-Client-Cert-Sub", format: "subject"),
            IdentityHeader(name: "X-Sub-64", format: "subjectBase64"),
        ])
        let block = try IdentityBlock(peer: peer, sets: [headers])
        #expect(
            block.part(0).lines.string
                == "X-Client-Cert-Sub: CN=client1\r\nX-Sub-64: Q049Y2xpZW50MQ==\r\n")
        #expect(
            headers.ownedNames == [
                "X-Client-Cert-Sub", "X-Sub-64", "X-Client-Cert-Sub-Too-Large",
                "X-Sub-64-Too-Large",
            ])
        let many = (0..<160).map { _ in
            CertificateRequest.Attribute("OU", String(repeating: "u", count: 60))
        }
        let large = try #require(try pki.verifiedPeer(many))
        #expect(try IdentityBlock(peer: large, sets: [headers]).part(0).refusal == .tooLarge)
    }

    @Test(
        "names that frame or route a message cannot carry an identity",
        arguments: ["Host", "content-length", "X_Id", "a.b", "", "a b", "Connection"])
    func names(name: String) {
        #expect(throws: IdentityError.invalidName(name)) {
            try IdentityHeader(name: name, format: "subject")
        }
    }

    @Test("a verified peer is verified, nobody is anonymous") func identity() throws {
        let pki = try TestPKI()
        let peer = try #require(try pki.verifiedPeer([.init("CN", "client1")]))
        let sets = [IdentityHeaderSet([])]
        #expect(try ClientIdentity(peer: peer, sets: sets).isVerified)
        #expect(try !ClientIdentity(peer: nil, sets: sets).isVerified)
    }
}
