import Authorization
import Crypto
import Foundation
import TLS
import Testing

@testable import Identity

@Suite("a certificate is described as API Gateway describes it") struct CertificateTextTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("IdentityTests/Vectors").path

    /// The expected descriptions by name of the certificate.
    private static func expected() throws -> [String: [String: Any]] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/expected.json"))
        let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let certificates = document?["certs"] as? [String: [String: Any]] ?? [:]
        return certificates.compactMapValues {
            ($0["formats"] as? [String: Any])?["aws_apigw_clientCert"] as? [String: Any]
        }
    }

    @Test("every vector, byte for byte") func vectors() throws {
        let expected = try Self.expected()
        #expect(expected.count >= 6)
        for (name, values) in expected {
            let pem = try #require(values["clientCertPem"] as? String)
            let body = pem.split(separator: "\n").dropFirst().dropLast().joined()
            let der = try #require(Base64.decode(Array(body.utf8)), "\(name)")
            let attributes = try CertificateAttributes(der: der)
            let text = try #require(CertificateText(attributes), "\(name)")
            let validity = values["validity"] as? [String: String]
            #expect(
                text.pem.trimmingCharacters(in: .newlines)
                    == pem.trimmingCharacters(in: .newlines), "\(name)")
            #expect(text.subject == values["subjectDN"] as? String, "\(name)")
            #expect(text.issuer == values["issuerDN"] as? String, "\(name)")
            #expect(text.serialNumber == values["serialNumber"] as? String, "\(name)")
            #expect(
                CertificateText(attributes, serial: .colons)?.serialNumber
                    == values["serialNumber_docs_style"] as? String, "\(name)")
            #expect(text.notBefore == validity?["notBefore"], "\(name)")
            #expect(text.notAfter == validity?["notAfter"], "\(name)")
        }
    }

    @Test("names keep the certificate's order, PEM has 64 columns") func certificateText() throws {
        let chain = try MintedChain().chain([
            .init("C", "DE"), .init("O", "Acme, Inc."), .init("OU", "Payments"),
            .init("UID", "svc-42", joinsPrevious: true), .init("CN", "Zo\u{eb}"),
        ])
        guard case .certificate(let attributes, _) = RuleSubject(chain) else {
            Issue.record("no certificate")
            return
        }
        let text = try #require(CertificateText(attributes))
        #expect(text.subject == #"C=DE,O=Acme\, Inc.,OU=Payments+UID=svc-42,CN=Zo\C3\AB"#)
        #expect(text.issuer == "CN=Issuing CA" && text.serialNumber == "427")
        #expect(CertificateText(attributes, serial: .colons)?.serialNumber == "01:ab")
        let lines = text.pem.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "-----BEGIN CERTIFICATE-----" && lines.last == "")
        #expect(lines.dropFirst().dropLast(3).allSatisfy { $0.utf8.count == 64 })
        let body = lines.dropFirst().dropLast(2).joined()
        #expect(Base64.decode(Array(body.utf8)) == chain.leaf.der)
        #expect(text.notBefore.hasSuffix(" GMT") && text.notAfter.utf8.count == 24)
    }
}
