import COpenSSL
import Core
import Testing

@testable import TLS

/// Whether a store of mode `aws-apigw` verifies whom API Gateway would verify.
@Suite struct TrustStoreModeTests {
    let forge: Forge
    let intermediate: ForgedCertificate

    init() throws {
        forge = try Forge()
        intermediate = try forge.intermediate("Intermediate")
    }

    private func server(
        _ anchors: [ForgedCertificate], _ mode: TrustStoreMode = .apiGateway
    ) throws -> ServerTLSContext {
        try forge.server(anchors: anchors) { $0.virtualHosts[0].trust?.mode = mode }
    }

    @Test("an intermediate counts when it is in the store, not when a client sends it")
    func storedIntermediates() throws {
        let leaf = try forge.leaf("leaf", below: intermediate)
        for mode in TrustStoreMode.allCases {
            let rootOnly = try forge.connect(
                [leaf, intermediate], to: server([forge.root], mode))
            #expect((rootOnly.chain != nil) == (mode == .standard))
            let whole = try server([forge.root, intermediate], mode)
            #expect(try forge.connect([leaf, intermediate], to: whole).chain != nil)
            #expect(try forge.connect([leaf], to: whole).chain?.certificates.count == 3)
        }
        let error = try forge.connect([leaf, intermediate], to: server([forge.root])).error
        #expect(error?.x509Code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
        #expect(error?.depth == 0 && error?.subjectOfFailedCertificate == "CN=leaf")
        #expect(error?.diagnosis.cause == .untrusted)
    }

    @Test("S19 who got in by an intermediate of the store needs it there, and only in this mode")
    func intermediateGone() throws {
        let leaf = try forge.leaf("leaf", below: intermediate)
        let other = try forge.intermediate("Other", key: forge.key(3))
        for mode in TrustStoreMode.allCases {
            // The store is one file, as a reload finds it, so the rules stay what they are.
            let file = try forge.authority.file("")
            func admission(_ store: [ForgedCertificate]) throws -> (ServerTLSContext, Admission) {
                try forge.authority.write(store.map(\.pem).joined(), to: file)
                let context = try forge.server {
                    $0.virtualHosts[0].trust = TrustStoreOptions(file: file)
                    $0.virtualHosts[0].trust?.mode = mode
                }
                return (context, context.admission(at: 0))
            }
            let (server, first) = try admission([forge.root, intermediate])
            var pair = EnginePair(server, try forge.client([leaf, intermediate]))
            try pair.run()
            let found = pair.server.peer
            let peer = try #require(found)
            let more = try admission([other, intermediate, forge.root]).1
            #expect(more.includes(peer, of: first))
            let rootOnly = try admission([forge.root]).1
            #expect(rootOnly.includes(peer, of: first) == (mode == .standard))
            let replaced = try admission([forge.root, other]).1
            #expect(replaced.includes(peer, of: more) == (mode == .standard))
        }
    }

    @Test("a version 1 leaf is verified, as by API Gateway") func versionOne() throws {
        let leaf = try forge.leaf("old", below: forge.root) {
            $0.version = 1
            $0.extensions = [:]
        }
        #expect(try forge.connect([leaf], to: server([forge.root])).chain != nil)
    }

    @Test(
        "keys and digests that API Gateway does not take are refused",
        arguments: [
            ("P-256", "SHA256", true), ("P-384", "SHA512", true), ("P-256", "SHA224", false),
            ("ED25519", "SHA256", false),
        ])
    func algorithms(key: String, digest: String, isTaken: Bool) throws {
        let key = key == "ED25519" ? try ForgedKey.named(key) : try ForgedKey.curve(key)
        let leaf = try forge.leaf("leaf", below: forge.root, key: key) { $0.digest = digest }
        #expect(try forge.connect([leaf], to: server([forge.root], .standard)).chain != nil)
        let outcome = try forge.connect([leaf], to: server([forge.root]))
        #expect((outcome.chain != nil) == isTaken, "\(outcome.error?.reason ?? "")")
    }

    @Test("a root may be signed with any digest: nobody looks at its signature")
    func rootSignature() throws {
        var forgery = Forge.authority("Old Root", forge.key(3), below: nil, at: forge.now)
        forgery.digest = "SHA1"
        let root = try forgery.make()
        let leaf = try forge.leaf("leaf", below: root)
        #expect(try forge.connect([leaf], to: server([root])).chain != nil)
    }

    @Test("a subject has one issuer in a store") func conflicts() throws {
        let other = try Forge.authority("Other", forge.key(3), below: nil, at: forge.now).make()
        let crossed = try forge.intermediate("Intermediate", below: other)
        let renewed = try forge.intermediate("Intermediate", key: forge.key(4))
        var options = TrustStoreOptions(
            file: try forge.authority.file(
                [forge.root, other, intermediate, crossed].map(\.pem).joined()))
        #expect(options.problem() == nil)
        options.mode = .apiGateway
        let problem = try #require(options.problem())
        #expect(problem.subject == options.sources[0])
        #expect(
            problem.reason.contains(
                "certificate 4: The certificate subject CN=Intermediate conflicts with an existing "
                    + "certificate from a different issuer"))
        options.sources = [
            try forge.authority.file([forge.root, intermediate, renewed].map(\.pem).joined())
        ]
        #expect(options.problem() == nil)
    }

    // MARK: Warnings

    private func warnings(
        _ certificates: [ForgedCertificate], _ change: (inout TrustStoreOptions) -> Void = { _ in }
    ) throws -> [String] {
        var options = TrustStoreOptions(
            file: try forge.authority.file(certificates.map(\.pem).joined()))
        options.mode = .apiGateway
        change(&options)
        return options.warnings(at: forge.now).map { warning in
            #expect(warning.path == options.sources[0])
            return "\(warning.position) \(warning.subject) \(warning.problem)"
        }
    }

    /// Valid until far beyond the notice.
    private func lasting(
        _ name: String, below issuer: ForgedCertificate? = nil, key: Int,
        _ change: (inout Forgery) throws -> Void = { _ in }
    ) throws -> ForgedCertificate {
        var forgery = Forge.authority(name, forge.key(key), below: issuer, at: forge.now)
        forgery.notAfter = forge.now + 400 * 86_400
        try change(&forgery)
        return try forgery.make()
    }

    @Test("each certificate's faults are named, with its subject and its place") func faults()
        throws
    {
        let root = try lasting("Good Root", key: 0)
        let good = try lasting("Good", below: root, key: 1)
        #expect(try warnings([root, good]) == [])
        let found = try warnings([
            root, good,
            lasting("Expired", below: root, key: 1) { $0.notAfter = forge.now - 1 },
            lasting("Soon", below: root, key: 1) { $0.notAfter = forge.now + 86_400 },
            lasting("Early", below: root, key: 1) { $0.notBefore = forge.now + 86_400 },
            lasting("Weak key", below: root, key: 1) { $0.key = try .rsa(1_024) },
            lasting("Other key", below: root, key: 1) { $0.key = try .named("ED25519") },
            lasting("Weak digest", below: root, key: 1) { $0.digest = "SHA1" },
            forge.leaf("Client", below: root) { $0.notAfter = forge.now + 400 * 86_400 },
            good,
            lasting("Orphan", below: forge.root, key: 1),
        ])
        let expected = [
            "3 CN=Expired has expired on ", "4 CN=Soon expires soon, on ",
            "5 CN=Early is not valid before ",
            "6 CN=Weak key has a key that the store's rules refuse",
            "7 CN=Other key has a key that the store's rules refuse",
            "8 CN=Weak digest is signed by an algorithm that the store's rules refuse",
            "9 CN=Client is no certificate authority", "10 CN=Good is certificate 2 once more",
            "11 CN=Orphan leads to no self-signed root",
        ]
        try #require(found.count == expected.count, "\(found.joined(separator: "\n"))")
        for (line, beginning) in zip(found, expected) { #expect(line.hasPrefix(beginning)) }
    }

    @Test("what is wrong is what the store's own rules refuse") func ownRules() throws {
        let root = try lasting("Own Root", key: 0) { $0.digest = "SHA1" }
        let old = try lasting("Old", below: root, key: 1) { $0.digest = "SHA1" }
        let odd = try lasting("Odd", below: root, key: 1) { $0.key = try .named("ED25519") }
        func standard(_ options: inout TrustStoreOptions) { options.mode = .standard }
        #expect(try warnings([root, old, odd]).count == 2)
        #expect(try warnings([root, old, odd], standard).count == 1)
        #expect(
            try warnings([root, old, odd]) {
                $0.mode = .standard
                $0.securityLevel = 0
            } == [])
        let orphan = try lasting("Orphan", below: forge.root, key: 1)
        #expect(try warnings([root, orphan], standard).count == 1)
        #expect(
            try warnings([root, orphan]) {
                $0.mode = .standard
                $0.allowsPartialChains = true
            } == [])
    }

    @Test("an authority too far from its root is named") func tooDeep() throws {
        var chain = [try lasting("Root", key: 0)]
        for depth in 1...4 {
            chain.append(try lasting("Depth \(depth)", below: chain[depth - 1], key: depth))
        }
        #expect(
            try warnings(chain.reversed()) == [
                "1 CN=Depth 4 makes chains of 6 certificates, and the store allows 4: they fail",
                "2 CN=Depth 3 makes chains of 5 certificates, and the store allows 4: they fail",
            ])
    }

    @Test("an issuer of that name but with another key is none") func namesakes() throws {
        let root = try lasting("Root", key: 0)
        let namesake = try lasting("Root", key: 5)
        let child = try lasting("Child", below: namesake, key: 1) {
            $0.extensions[NID_subject_key_identifier] = nil
        }
        #expect(try warnings([root, child]).count == 1)
        #expect(try warnings([root, namesake, child]) == [])
    }

    @Test("a store that cannot be loaded has problems, not warnings") func broken() throws {
        let options = TrustStoreOptions(file: try forge.authority.file("nothing"))
        #expect(options.problem() != nil)
        #expect(options.warnings(at: forge.now).isEmpty)
    }
}
