import COpenSSL
import Core
import Testing

@testable import TLS

/// What a virtual host asks of its clients holds in every corner of the rules.
@Suite struct TrustRulesTests {
    let forge: Forge
    let intermediate: ForgedCertificate

    init() throws {
        forge = try Forge()
        intermediate = try forge.intermediate("Intermediate")
    }

    @Test("S17 a session ends when its issuer is excused no longer, though the file is the same")
    func excusedIssuers() throws {
        let store = try #require(SessionStore(SessionOptions()))
        let path = try forge.authority.file(intermediate.pem)
        let anchors = try forge.authority.file(forge.root.pem)
        func server() throws -> ServerTLSContext {
            try forge.server(sessions: store) {
                $0.virtualHosts[0].trust = TrustStoreOptions(file: anchors)
                $0.virtualHosts[0].trust?.extendedKeyUsageExceptions = [path]
            }
        }
        let leaf = try forge.leaf("leaf", below: intermediate) {
            $0.extensions[NID_ext_key_usage] = "serverAuth"
        }
        let client = try forge.client([leaf, intermediate]) { $0.keepsSessions = true }
        var first = EnginePair(try server(), client)
        try first.run()
        try first.write([1], .server)
        try first.run()
        _ = try first.read(.client)
        let session = first.client.takeSession()
        #expect(first.server.peer != nil && session != nil)
        try forge.authority.write(forge.root.pem, to: path)
        var second = EnginePair(try server(), client, resuming: session)
        try second.run()
        #expect(second.serverError?.x509Code == X509_V_ERR_INVALID_PURPOSE)
        #expect(second.server.peer == nil)
    }

    @Test("a key that may not sign is no client's, whatever is asked of the extended key usage")
    func keyUsage() throws {
        let exceptions = [try forge.authority.file(intermediate.pem)]
        let rules: [(inout TrustStoreOptions) -> Void] = [
            { _ in }, { $0.extendedKeyUsage = .off }, { $0.extendedKeyUsage = .require },
            { $0.extendedKeyUsageExceptions = exceptions },
        ]
        for (usage, isValid) in [
            ("digitalSignature", true), ("keyAgreement", true), ("keyCertSign", false),
            ("keyEncipherment", false),
        ] {
            let leaf = try forge.leaf(usage, below: intermediate) {
                $0.extensions[NID_key_usage] = "critical," + usage
            }
            #expect(try forge.isValid([leaf, intermediate]) == isValid)
            for (index, rule) in rules.enumerated() {
                let server = try forge.server {
                    guard var trust = $0.virtualHosts[0].trust else { return }
                    rule(&trust)
                    $0.virtualHosts[0].trust = trust
                }
                let outcome = try forge.connect([leaf, intermediate], to: server)
                #expect((outcome.chain != nil) == isValid, "\(usage), rule \(index)")
            }
        }
    }

    @Test("a cipher suite that authenticates nobody does not get round a required certificate")
    func anonymousSuites() throws {
        for mode in [ClientCertificateMode.required, .optional] {
            let server = try forge.server(.stock, mode: mode) {
                $0.cipherSuites12 = "AECDH-AES256-SHA:@SECLEVEL=0"
                $0.virtualHosts[0].trust?.securityLevel = 0
            }
            let client = try forge.client([], .tls12) {
                $0.cipherSuites12 = "AECDH-AES256-SHA:@SECLEVEL=0"
            }
            var pair = EnginePair(server, client)
            try pair.run()
            #expect((pair.serverError == nil) == (mode == .optional))
            #expect(pair.server.isEstablished == (mode == .optional))
            #expect(pair.server.peer == nil)
        }
    }

    @Test("a server that shows no certificate is not the one that was to be verified")
    func anonymousServer() throws {
        let server = try forge.server(.stock, mode: .off) {
            $0.cipherSuites12 = "AECDH-AES256-SHA:@SECLEVEL=0"
        }
        var trust = TrustStoreOptions(file: forge.authority.clientTrust)
        trust.securityLevel = 0
        var options = ClientTLSOptions(trust: trust)
        options.maximumVersion = .tls12
        options.cipherSuites12 = "AECDH-AES256-SHA:@SECLEVEL=0"
        var pair = EnginePair(server, try ClientTLSContext(options))
        try pair.run()
        let (isEstablished, name) = (pair.client.isEstablished, pair.server.cipherName)
        #expect(!isEstablished && name == "AECDH-AES256-SHA")
        #expect(pair.clientError?.kind == .certificate)
    }

    /// ECDSA gives every certificate a second encoding, with a second fingerprint.
    @Test("S18 what is denied is denied in both of its encodings")
    func twins() throws {
        let leaf = try forge.leaf("leaf", below: intermediate)
        let twin = try leaf.twin()
        #expect(twin.der != leaf.der)
        let chain = try #require(try forge.connect([leaf, intermediate], to: forge.server()).chain)
        let other = try #require(try forge.connect([twin, intermediate], to: forge.server()).chain)
        let member = chain.members[0]
        #expect(member.twinFingerprint == other.fingerprint)
        #expect(other.members[0].twinFingerprint == chain.fingerprint)
        #expect(chain.holder == other.holder)
        func hexadecimal(_ bytes: [UInt8]) -> String {
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        for entry in [
            "spki-sha256:" + hexadecimal(member.publicKeyHash.bytes),
            "issuer-sha256:" + hexadecimal(member.issuerNameHash.bytes) + " serial:"
                + hexadecimal(chain.leaf.serialNumber),
            "sha256:" + hexadecimal(member.fingerprint.bytes),
            "sha256:" + hexadecimal(other.fingerprint.bytes),
            "sha256:" + hexadecimal(chain.members[1].fingerprint.bytes),
        ] {
            var options = RevocationOptions(issuers: [])
            options.denyListFiles = [try forge.authority.file(entry)]
            let server = try forge.server()
            server.revocation = try RevocationSet.load(
                options, generation: 1, now: forge.now, previous: nil)
            for presented in [leaf, twin] {
                let refused = try forge.connect([presented, intermediate], to: server)
                #expect(refused.error?.x509Code == X509_V_ERR_CERT_REVOKED, "\(entry)")
            }
        }
    }

    @Test("S12 sessions need an OpenSSL whose copies are clean")
    func versions() {
        for (version, isSafe) in [
            (0x3000_00D0, false), (0x3000_00E0, true), (0x3000_0130, true), (0x3010_0000, false),
            (0x3010_0050, false), (0x3010_0060, true), (0x3020_0010, false), (0x3020_0020, true),
            (0x3030_0000, true), (0x3050_0000, true),
        ] as [(UInt, Bool)] {
            #expect(SessionStore.isSafe(version) == isSafe, "\(String(version, radix: 16))")
        }
    }
}
