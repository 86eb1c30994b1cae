import COpenSSL
import Core
import Crypto
import Testing

@testable import TLS

/// Whether `ChainExplanation` says what a handshake with the same certificates and rules gives.
@Suite("an explanation's verdict is the handshake's")
struct ChainExplanationTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let fixture: RevocationFixture
    var authority: TestAuthority { fixture.files }

    init() throws { fixture = try RevocationFixture() }

    /// A client and the rules that it meets.
    private struct Case {
        let name: String
        let certificate: CertificateFiles
        /// The check that fails; nil when the client is accepted.
        let failing: ChainCheck.Name?
        var revocation = RevocationSet.empty
        var limit = 16_384
        var rules: (inout TrustStoreOptions) -> Void = { _ in }
    }

    private func options(_ item: Case) -> ServerTLSOptions {
        var host = authority.host(["safe.test"], .required)
        host.trust.map { trust in
            var trust = trust
            item.rules(&trust)
            host.trust = trust
        }
        var options = ServerTLSOptions(virtualHosts: [host])
        options.certificateListLimit = item.limit
        return options
    }

    private func handshake(_ item: Case, _ version: TLSVersion) throws -> TLSError? {
        let server = try ServerTLSContext(options(item), libraries: EnginePair.libraries)
        server.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: fixture.now))
        server.revocation = item.revocation
        var files = ClientTLSOptions(trust: nil, certificate: item.certificate)
        files.minimumVersion = version
        files.maximumVersion = version
        var pair = EnginePair(server, try ClientTLSContext(files))
        try pair.run()
        if pair.serverError == nil { #expect(pair.server.peer != nil, "\(item.name)") }
        return pair.serverError
    }

    private func compare(_ items: [Case]) throws {
        for item in items {
            let explanation = try ChainExplanation(
                certificates: item.certificate.chain, host: 0, of: options(item),
                revocation: item.revocation, at: fixture.now)
            let failed = explanation.checks.filter { $0.result == .failed }.map(\.name)
            #expect(failed == (item.failing.map { [$0] } ?? []), "\(item.name)")
            for version in Self.versions {
                let error = try handshake(item, version)
                switch explanation.verdict {
                case .valid(let chain):
                    #expect(error == nil && item.failing == nil, "\(item.name)")
                    #expect(chain.certificates.count == explanation.chain.count)
                    #expect(explanation.checks.allSatisfy { $0.result == .passed })
                case .refused(let refused):
                    let error = try #require(error, "\(item.name) \(version)")
                    #expect(refused.diagnosis == error.diagnosis, "\(item.name)")
                    #expect(refused.x509Code == error.x509Code, "\(item.name)")
                    #expect(refused.reason == error.reason, "\(item.name)")
                    #expect(refused.depth == error.depth, "\(item.name)")
                    #expect(
                        refused.subjectOfFailedCertificate == error.subjectOfFailedCertificate,
                        "\(item.name)")
                    #expect(refused.certificate == error.certificate, "\(item.name)")
                    #expect(item.failing != nil, "\(item.name)")
                }
            }
        }
    }

    private func below(
        _ issuer: CertificateAuthority, _ change: (inout CertificateRequest) -> Void = { _ in },
        key: CertificateKey.Kind = .p256
    ) throws -> CertificateFiles {
        var request = authority.clientRequest()
        change(&request)
        return try authority.files(issuer.issue(request, key: CertificateKey(key)))
    }

    @Test("accepted, and refused by OpenSSL")
    func openSSL() throws {
        let (root, middle) = (authority.root, authority.intermediate)
        let stranger = try TestAuthority()
        let impostor = try CertificateAuthority.root(
            .authority("Root", notBefore: fixture.now - 60, notAfter: fixture.now + 60),
            key: CertificateKey(.p256))
        let third = try authority.authority(
            "Third", below: authority.authority("Second", below: middle))
        let ownRoot = try CertificateAuthority.root(
            authority.clientRequest(), key: CertificateKey(.p256))
        try compare([
            Case(name: "direct", certificate: below(root), failing: nil),
            Case(name: "intermediate", certificate: below(middle), failing: nil),
            Case(
                name: "expired",
                certificate: below(middle) {
                    ($0.notBefore, $0.notAfter) = (fixture.now - 90, fixture.now - 30)
                }, failing: .validity),
            Case(
                name: "not yet valid",
                certificate: below(middle) { $0.notBefore = fixture.now + 60 }, failing: .validity),
            Case(
                name: "wrong usage",
                certificate: below(root) { $0.extendedUsages = [.serverAuth] }, failing: .usage),
            Case(name: "untrusted", certificate: stranger.client(), failing: .anchor),
            Case(name: "self-signed", certificate: authority.files(ownRoot), failing: .anchor),
            Case(name: "too long", certificate: below(third), failing: .length),
            Case(
                name: "long enough", certificate: below(third), failing: nil,
                rules: { $0.maximumChainLength = 5 }),
            Case(
                name: "weak at level 3", certificate: below(root, key: .rsa(bits: 2_048)),
                failing: .securityLevel, rules: { $0.securityLevel = 3 }),
        ])
        try compare([
            Case(name: "a root's name, another key", certificate: below(impostor), failing: .anchor)
        ])
    }

    @Test("refused by the trust store's policy, by size, and by revocation")
    func rules() throws {
        let good = try authority.files(fixture.leaf)
        let digest = Fingerprint(of: fixture.leaf.der).bytes
            .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let issuing = fixture.intermediate
        try compare([
            Case(
                name: "short key", certificate: below(authority.root, key: .rsa(bits: 2_048)),
                failing: .keys, rules: { $0.minimumRSABits = 3_072 }),
            Case(
                name: "algorithm", certificate: good, failing: .algorithms,
                rules: { $0.signatureAlgorithms = ["ecdsa-with-SHA384"] }),
            Case(
                name: "an intermediate that the client sends", certificate: good,
                failing: .anchor, rules: { $0.mode = .apiGateway }),
            Case(
                name: "usage is missing",
                certificate: below(authority.root) { $0.extendedUsages = [] }, failing: .usage,
                rules: { $0.extendedKeyUsage = .require }),
            Case(name: "too large", certificate: good, failing: .listSize, limit: 600),
            Case(
                name: "denied", certificate: good, failing: .revocation,
                revocation: fixture.load(denying: "sha256:\(digest)\n")),
            Case(
                name: "revoked", certificate: good, failing: .revocation,
                revocation: fixture.load([fixture.list(issuing, [fixture.leafSerial])])),
            Case(
                name: "issuer revoked", certificate: good, failing: .revocation,
                revocation: fixture.load([
                    fixture.issuer(
                        "root", fixture.root,
                        [fixture.list(fixture.root, [fixture.intermediateSerial])])
                ])),
            Case(
                name: "stale", certificate: good, failing: .revocation,
                revocation: fixture.load([
                    fixture.list(issuing) { $0.nextUpdate = fixture.now - 10 }
                ])),
            Case(
                name: "stale but open", certificate: good, failing: nil,
                revocation: fixture.load(
                    [fixture.list(issuing) { $0.nextUpdate = fixture.now - 10 }], .open)),
        ])
    }

    @Test("the trial runs under a handshake's parameters, its purpose too")
    func parameters() throws {
        for policy in ExtendedKeyUsagePolicy.allCases {
            let item = try Case(
                name: "\(policy)",
                certificate: below(authority.root) { $0.extendedUsages = [.serverAuth] },
                failing: policy == .off ? nil : .usage, rules: { $0.extendedKeyUsage = policy })
            try compare([item])
        }
    }

    @Test("server names choose as a ClientHello does")
    func serverNames() throws {
        let options = authority.serverOptions()
        for name in [
            "open.test", "SAFE.test.", "a.safe.test", "a.b.safe.test", "other.test", "127.0.0.1",
        ] {
            var pair = try EnginePair(
                options, authority.clientOptions(.tls13, authority.client()), name: name)
            try pair.run()
            switch try options.choose(serverName: name) {
            case .host(let host):
                #expect(pair.server.virtualHostIndex == host, "\(name)")
                #expect(pair.serverError == nil, "\(name)")
            case .refused(let error):
                #expect(pair.serverError?.kind == error.kind, "\(name)")
                #expect(pair.server.virtualHostIndex == nil, "\(name)")
            }
        }
        #expect(
            try options.choose(serverName: "a..b")
                == .refused(TLSError(.serverName, "illegal server name")))
        #expect(
            try options.choose(serverName: nil)
                == .refused(TLSError(.serverName, "no server name")))
    }
}
