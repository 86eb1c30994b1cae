import Core
import Crypto
import Testing

@testable import TLS

@Suite struct ClientCertificateTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func connected(
        _ version: TLSVersion, _ files: CertificateFiles?,
        _ mode: ClientCertificateMode = .required
    ) throws -> EnginePair {
        var pair = try EnginePair(
            authority.serverOptions(mode), authority.clientOptions(version, files))
        try pair.run()
        return pair
    }

    /// Expects a refusal with that OpenSSL code, and its alert at the client.
    private func expectRefused(
        _ version: TLSVersion, _ files: CertificateFiles, code: Int32, alert: UInt8,
        _ mode: ClientCertificateMode = .required
    ) throws {
        var pair = try connected(version, files, mode)
        let failure = pair.serverError
        let error = try #require(failure)
        #expect(error.kind == .certificate)
        #expect(error.x509Code == code)
        #expect(error.alert == alert)
        #expect(error.depth != nil)
        #expect(error.subjectOfFailedCertificate?.isEmpty == false)
        #expect(pair.server.peer == nil)
        let received = try pair.alertAtClient()
        #expect(received == alert)
    }

    @Test("S05 a verified peer exists only when the handshake is complete", arguments: versions)
    func verified(version: TLSVersion) throws {
        var pair = try EnginePair(
            authority.serverOptions(), authority.clientOptions(version, authority.client()))
        while !pair.server.isEstablished {
            #expect(pair.server.peer == nil)
            try pair.step(.client)
            try pair.step(.server)
        }
        let verified = pair.server.peer
        let peer = try #require(verified)
        #expect(peer.leaf.subject.relativeNames.map { $0.map(\.shortName) } == [["CN"]])
        #expect(peer.leaf.subject.relativeNames.first?.first?.utf8 == Array("client1".utf8))
        #expect(peer.chain.count == 3)
        #expect(peer.chain.last == authority.root.der)
        #expect(peer.leaf.sha256Fingerprint == SHA256.hash(peer.leaf.der))
        #expect(peer.notAfter >= authority.now)
        #expect(pair.server.protocolName.description == (version == .tls13 ? "TLSv1.3" : "TLSv1.2"))
        #expect(pair.server.virtualHostIndex == 1)
        #expect(pair.server.serverName == "safe.test")
    }

    @Test("S05 a stolen certificate without its key is no peer")
    func stolen() throws {
        var pair = try EnginePair(
            authority.serverOptions(), authority.clientOptions(.tls12, authority.client()))
        try pair.step(.client)
        try pair.step(.server)
        try pair.step(.client)
        let spoiled = pair.spoilCertificateVerify()
        #expect(spoiled)
        try pair.step(.server)
        #expect(pair.serverError?.kind == .protocolViolation)
        #expect(pair.server.peer == nil)
    }

    @Test("without a certificate: required fails, optional and off are anonymous")
    func missing() throws {
        for version in Self.versions {
            var required = try connected(version, nil)
            #expect(required.serverError?.kind == .certificate)
            let alert = try required.alertAtClient()
            #expect(alert == (version == .tls13 ? 116 : 40))
            for mode in [ClientCertificateMode.optional, .off] {
                let pair = try connected(version, nil, mode)
                #expect(pair.isComplete == true)
                #expect(pair.server.peer == nil)
            }
        }
    }

    @Test("optional takes a good certificate; off never asks for one", arguments: versions)
    func modes(version: TLSVersion) throws {
        let optional = try connected(version, authority.client(), .optional)
        #expect(optional.server.peer != nil)
        let off = try connected(version, authority.client(), .off)
        #expect(off.isComplete == true)
        #expect(off.server.peer == nil)
    }

    @Test("optional refuses a bad certificate", arguments: versions)
    func optionalBad(version: TLSVersion) throws {
        try expectRefused(
            version, authority.client(authority.clientRequest(days: -3 ... -2)), code: 10,
            alert: 45, .optional)
    }

    @Test("an expired certificate is refused", arguments: versions)
    func expired(version: TLSVersion) throws {
        try expectRefused(
            version, authority.client(authority.clientRequest(days: -3 ... -2)), code: 10,
            alert: 45)
    }

    @Test("a certificate not valid yet is refused", arguments: versions)
    func notYetValid(version: TLSVersion) throws {
        try expectRefused(
            version, authority.client(authority.clientRequest(days: 2...3)), code: 9, alert: 42)
    }

    @Test("a usage other than clientAuth is refused, none is accepted", arguments: versions)
    func usage(version: TLSVersion) throws {
        for usage in [CertificateRequest.ExtendedUsage.serverAuth, .codeSigning, .any] {
            var request = authority.clientRequest()
            request.extendedUsages = [usage]
            try expectRefused(version, authority.client(request), code: 26, alert: 43)
        }
        var request = authority.clientRequest()
        request.extendedUsages = []
        #expect(try connected(version, authority.client(request)).server.peer != nil)
    }

    @Test("an unknown root and a self-signed certificate are refused", arguments: versions)
    func untrusted(version: TLSVersion) throws {
        let stranger = try TestAuthority()
        try expectRefused(version, stranger.client(), code: 20, alert: 48)
        let own = try CertificateAuthority.root(
            authority.clientRequest(), key: CertificateKey(.p256))
        try expectRefused(version, authority.files(own), code: 18, alert: 48)
    }

    @Test("an issuer with the anchor's name and another key is refused", arguments: versions)
    func sameName(version: TLSVersion) throws {
        let impostor = try CertificateAuthority.root(
            .authority(
                "Root", notBefore: authority.now - 86_400, notAfter: authority.now + 86_400),
            key: CertificateKey(.p256))
        let client = try impostor.issue(
            authority.clientRequest(), key: CertificateKey(.p256))
        let pair = try connected(version, authority.files(client))
        #expect(pair.serverError?.kind == .certificate)
        #expect(pair.serverError?.x509Code != nil)
        #expect(pair.server.peer == nil)
    }

    @Test("S09 a chain of four certificates is accepted, of five refused", arguments: versions)
    func depth(version: TLSVersion) throws {
        let second = try authority.authority("Second", below: authority.intermediate)
        let third = try authority.authority("Third", below: second)
        let four = try second.issue(authority.clientRequest(), key: CertificateKey(.p256))
        let five = try third.issue(authority.clientRequest(), key: CertificateKey(.p256))
        let accepted = try connected(version, authority.files(four))
        #expect(accepted.server.peer?.chain.count == 4)
        let refused = try connected(version, authority.files(five))
        #expect(refused.serverError?.x509Code == 22)
        #expect(refused.server.peer == nil)
    }

    @Test("S03 each virtual host keeps its own depth and security level", arguments: versions)
    func ownRules(version: TLSVersion) throws {
        var short = authority.host(["short.test"], .required)
        short.trust?.maximumChainLength = 2
        var lax = authority.host(["lax.test"], .required)
        lax.trust?.securityLevel = 1
        let options = ServerTLSOptions(virtualHosts: [
            short, lax, authority.host(["safe.test"], .required),
        ])
        let weak = try authority.files(
            authority.intermediate.issue(
                authority.clientRequest(), key: CertificateKey(.rsa(bits: 1024))))
        let good = try authority.client()
        for (name, files, isAccepted) in [
            ("short.test", good, false), ("lax.test", good, true), ("safe.test", good, true),
            ("lax.test", weak, true), ("safe.test", weak, false),
        ] {
            var client = authority.clientOptions(version, files)
            client.cipherSuites12 += ":@SECLEVEL=1"
            var pair = try EnginePair(options, client, name: name)
            try pair.run()
            #expect((pair.server.peer != nil) == isAccepted, "\(name) \(pair.serverError as Any)")
        }
    }

    @Test("S03 a certificate list over 16 KB is refused", arguments: versions)
    func hugeList(version: TLSVersion) throws {
        let junk = try (0..<45).map {
            try authority.authority("Junk \($0)", below: authority.root).pem
        }
        let client = try authority.intermediate.issue(
            authority.clientRequest(), key: CertificateKey(.p256))
        let files = CertificateFiles(
            chain: try authority.file(client.chainPEM + junk.joined()),
            key: try authority.file(client.key.pem))
        let pair = try connected(version, files)
        #expect(pair.serverError != nil)
        #expect(pair.server.peer == nil)
    }

    @Test("S11 a certificate full of URLs is verified without following one", arguments: versions)
    func noFetching(version: TLSVersion) throws {
        var request = authority.clientRequest()
        request.informationURLs = ["http://192.0.2.1/never"]
        #expect(try connected(version, authority.client(request)).server.peer != nil)
    }

    @Test("names keep order, multi-valued grouping, UTF-8 and the sign of a NUL")
    func names() throws {
        var request = authority.clientRequest()
        request.subject = [
            .init("C", bytes: Array("DE".utf8), isAlwaysUTF8: false), .init("O", "Äpfel"),
            .init("OU", "a"), .init("UID", "b", joinsPrevious: true),
            .init("1.2.3.4", "x"), .init("CN", bytes: [0x61, 0, 0x62]),
        ]
        request.serialNumber = [1, 2, 3]
        let verified = try connected(.tls13, authority.client(request)).server.peer
        let peer = try #require(verified)
        let names = peer.leaf.subject.relativeNames
        #expect(
            names.map { $0.map(\.oid).sorted() } == [
                ["2.5.4.6"], ["2.5.4.10"], ["0.9.2342.19200300.100.1.1", "2.5.4.11"], ["1.2.3.4"],
                ["2.5.4.3"],
            ])
        #expect(names[1][0].utf8 == Array("Äpfel".utf8))
        #expect(names[0][0].stringTag == 19)
        #expect(names[3][0].shortName == nil)
        #expect(names[4][0].containsNUL)
        #expect(!names[1][0].containsNUL)
        #expect(peer.leaf.serialNumber == [1, 2, 3])
        #expect(peer.leaf.issuer.relativeNames[0][0].utf8 == Array("Intermediate".utf8))
    }
}
