import TLS
import Testing

@testable import GatewayConfiguration

@Suite struct TrustStoreModeSettingsTests {
    private static func load(_ keys: String) throws(DiagnosticList) -> TrustStoreOptions? {
        let text = ConfigurationText.identityHeader("X-Sub: subject").replacing(
            "{file: ca.pem}", with: "{file: ca.pem\(keys)}")
        return try ConfigurationText.load(text).trustStores["clients"]
    }

    @Test("the mode aws-apigw sets API Gateway's rules together") func defaults() throws {
        let standard = try Self.load("")
        #expect(standard?.mode == .standard && standard?.minimumRSABits == 0)
        let store = try Self.load(", mode: aws-apigw")
        #expect(store?.mode == .apiGateway && store?.maximumChainLength == 4)
        #expect(store?.minimumRSABits == 2_048 && store?.minimumECBits == 256)
    }

    @Test("what is stricter than the mode stays") func stricter() throws {
        let store = try Self.load(
            ", mode: aws-apigw, chainLength: 3, minimumRSABits: 3072, minimumECBits: 384, "
                + "securityLevel: 3, strict: true, extendedKeyUsage: require, "
                + "signatureAlgorithms: [ecdsa-with-SHA384, RSASSA-PSS]")
        #expect(store?.maximumChainLength == 3 && store?.securityLevel == 3)
        #expect(store?.minimumRSABits == 3_072 && store?.minimumECBits == 384)
        #expect(store?.signatureAlgorithms.count == 2)
    }

    @Test(
        "what is laxer than the mode is an error where it stands",
        arguments: [
            ("chainLength: 5", "chainLength: '5' is laxer", "2 to 4 is allowed"),
            ("minimumRSABits: 1024", "minimumRSABits: '1024' is laxer", "2048 or more is allowed"),
            ("minimumRSABits: 0", "minimumRSABits: '0' is laxer", "2048 or more is allowed"),
            ("minimumECBits: 224", "minimumECBits: '224' is laxer", "256 or more is allowed"),
            ("securityLevel: 1", "securityLevel: '1' is laxer", "2 to 5 is allowed"),
            ("partialChains: true", "partialChains: 'true' is laxer", "false is allowed"),
            (
                "signatureAlgorithms: [RSA-SHA1]", "signatureAlgorithms: 'RSA-SHA1' is laxer",
                "a name with SHA256, SHA384, SHA512 or PSS is allowed"
            ),
        ])
    func laxer(key: String, problem: String, allowed: String) throws {
        let error = try #require(throws: DiagnosticList.self) {
            try Self.load(", mode: aws-apigw, \(key)")
        }
        #expect(error.diagnostics.count == 1)
        let line = error.description
        #expect(line.hasPrefix("a.yaml:9:") && line.contains("trustStores.clients.\(problem)"))
        #expect(line.hasSuffix(allowed), "\(line)")
        _ = try Self.load(", \(key)")
    }

    @Test("an unknown mode is answered by the ones there are") func unknown() throws {
        let error = try #require(throws: DiagnosticList.self) {
            try Self.load(", mode: aws-apigv")
        }
        #expect(
            error.description.hasSuffix(
                "trustStores.clients.mode: 'aws-apigv' is not one of standard, aws-apigw; "
                    + "did you mean 'aws-apigw'?"))
    }
}
