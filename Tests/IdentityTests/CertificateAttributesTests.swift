import Core
import Crypto
import Foundation
import TestSupport
import Testing

@testable import Identity
@testable import TLS

@Suite struct CertificateAttributesTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    @Test("facts of the vectors are read as they are", arguments: Vector.all)
    func facts(vector: Vector) throws {
        let chain = try vector.chain()
        let attributes = try CertificateAttributes(chain)
        #expect(Int64(chain.leaf.der.count) == vector.number("facts", "der_len"))
        #expect(
            hex(attributes.serialNumber).uppercased() == vector.text("facts", "serial_hex_upper"))
        #expect(hex(attributes.sha1) == vector.text("facts", "sha1_hex"))
        #expect(hex(attributes.sha256) == vector.text("facts", "sha256_hex"))
        #expect(attributes.notBefore == vector.number("facts", "not_before_epoch"))
        #expect(attributes.notAfter == vector.number("facts", "not_after_epoch"))
        #expect(attributes.version == 3)
        #expect(attributes.signatureAlgorithm == "1.2.840.10045.4.3.2")
        #expect(attributes.issuer.attribute("CN")?.utf8 == Array("Edge Vector Issuing CA 1".utf8))
        #expect(attributes.extendedKeyUsages == ["1.3.6.1.5.5.7.3.2"])
        #expect(!attributes.isAuthority)
        #expect(attributes.pathLength == nil)
        #expect(attributes.keyUsage?.names.contains("digitalSignature") == true)
        #expect(attributes.subjectKeyIdentifier?.count == 20)
        #expect(attributes.authorityKeyIdentifier?.count == 20)
        #expect(attributes.chain.count == 3)
        let names: [[String]] = attributes.alternativeNames.map { name in
            switch name {
            case .dns(let text): ["DNSName", text]
            case .uri(let text): ["UniformResourceIdentifier", text]
            case .email(let text): ["RFC822Name", text]
            case .ip: ["IPAddress", name.ip ?? ""]
            default: ["unknown"]
            }
        }
        #expect(names == vector.pairs("facts", "sans_python"))
    }

    @Test(
        "the kind of key and its bits",
        arguments: [
            ("v01-sample", PublicKey.Kind.rsa, 2_048, "RSA"),
            ("v02-kitchen-sink", .ec(curve: "P-256"), 256, "EC P-256"),
            ("v10-ed25519-serial20", .ed25519, 256, "Ed25519"),
        ])
    func key(id: String, kind: PublicKey.Kind, bits: Int, name: String) throws {
        let vector = try #require(Vector.all.first { $0.id == id })
        let key = try CertificateAttributes(vector.chain()).key
        #expect(key.kind == kind)
        #expect(key.bits == bits)
        #expect(key.name == name)
        #expect(key.sha256 == SHA256.hash(key.encoding))
    }

    @Test("attributes of a name are found by name and OID: first, last, nth") func lookup() throws {
        let vector = try #require(Vector.all.first { $0.id == "v08-duplicate-cn" })
        let subject = try CertificateAttributes(vector.chain()).subject
        func text(_ type: String, _ index: Int = 0) -> String? {
            subject.attribute(type, at: index)?.utf8.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(text("CN") == "real-client")
        #expect(text("cn", 1) == "admin")
        #expect(text("2.5.4.3", -1) == "admin")
        #expect(text("CN", -2) == "real-client")
        #expect(text("CN", 2) == nil)
        #expect(text("CN", -3) == nil)
        #expect(text("emailAddress") == "ops@example.com")
        #expect(text("1.2.3.4.5") == "custom")
        #expect(text("UID") == nil)
        #expect(subject.attributes("DC").count == 2)
    }

    @Test("S10 one SPIFFE URI is an identity, several are none, nor is a broken one")
    func spiffe() throws {
        let good = "spiffe://example.org/ns/prod/sa/payments"
        func identity(_ uris: [String]) -> String? { SPIFFEIdentity.of(uris.map { .uri($0) }) }
        #expect(identity([good]) == good)
        #expect(identity([good, "https://example.org/"]) == good)
        #expect(identity([good, "spiffe://example.org/other"]) == nil)
        #expect(identity([good, "SPIFFE://example.org/other"]) == nil)
        #expect(identity([good, good]) == nil)
        #expect(identity(["spiffe://example.org"]) == "spiffe://example.org")
        for bad in [
            "spiffe://", "spiffe:///a", "spiffe://Example.org/a", "spiffe://a:1/b", "spiffe://a/",
            "spiffe://u@a/b", "spiffe://a/b?c", "spiffe://a/b#c", "spiffe://a//b", "spiffe://a/./b",
            "spiffe://a/../b", "spiffe://a/%41", "spiffe:a", "https://a/b",
            "spiffe://a/" + String(repeating: "b", count: 2_048),
        ] { #expect(identity([bad]) == nil, "\(bad)") }
        let vector = try #require(Vector.all.first { $0.id == "v02-kitchen-sink" })
        #expect(try CertificateAttributes(vector.chain()).spiffeID == good)
    }

    @Test(
        "addresses are written as RFC 5952 says",
        arguments: [
            ("20010db800000000000000000000000a", "2001:db8::a"),
            ("00000000000000000000000000000000", "::"),
            ("00000000000000000000000000000001", "::1"),
            ("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
            ("20010000000000010000000000000001", "2001:0:0:1::1"),
            ("20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
            ("c000020a", "192.0.2.10"),
        ])
    func addresses(hex: String, text: String) {
        let bytes = stride(from: 0, to: hex.count, by: 2).map { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16) ?? 0
        }
        #expect(AlternativeName.ip(bytes).ip == text)
    }
}
