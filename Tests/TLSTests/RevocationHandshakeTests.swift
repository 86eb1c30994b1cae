import Core
import Crypto
import Testing

@testable import TLS

/// Revocation where it counts: new handshakes, cached chains, sessions, handshakes under way.
@Suite struct RevocationHandshakeTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let fixture: RevocationFixture
    let store: SessionStore

    init() throws {
        fixture = try RevocationFixture()
        store = try #require(SessionStore(SessionOptions()))
    }

    private func server(_ revocation: RevocationSet) throws -> ServerTLSContext {
        let context = try ServerTLSContext(
            fixture.files.serverOptions(), libraries: EnginePair.libraries, sessions: store,
            at: fixture.now)
        context.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: fixture.now))
        context.revocation = revocation
        return context
    }

    private func client(_ version: TLSVersion) throws -> ClientTLSContext {
        var options = fixture.files.clientOptions(version, try fixture.files.files(fixture.leaf))
        options.keepsSessions = true
        return try ClientTLSContext(options)
    }

    private func connect(
        _ server: ServerTLSContext, _ client: ClientTLSContext,
        resuming session: ClientSession? = nil
    ) throws -> (error: TLSError?, isResumed: Bool, session: ClientSession?, alert: UInt8?) {
        var pair = EnginePair(server, client, resuming: session)
        try pair.run()
        if pair.isComplete {
            try pair.write([1], .server)
            _ = try pair.read(.client)
        }
        let alert = pair.serverError == nil ? nil : try pair.alertAtClient()
        return (pair.serverError, pair.server.isResumed, pair.client.takeSession(), alert)
    }

    @Test(
        "S18 a revoked leaf is refused, cold and cached, with certificate_revoked",
        arguments: versions)
    func leaf(version: TLSVersion) throws {
        let good = try fixture.load([fixture.list(fixture.intermediate)])
        let revoking = try fixture.load(
            [fixture.list(fixture.intermediate, [fixture.leafSerial])])
        let client = try client(version)
        let cold = try connect(server(revoking), client)
        #expect(cold.error?.x509Code == 23 && cold.error?.depth == 0)
        #expect(cold.alert == 44)
        let server = try server(good)
        #expect(try connect(server, client).error == nil)
        server.revocation = revoking
        for _ in 0..<2 { #expect(try connect(server, client).error?.x509Code == 23) }
        #expect(server.validationStatistics.revokedOnHit == 1)
        server.revocation = good
        #expect(try connect(server, client).error == nil)
    }

    @Test("S18 a revoked intermediate refuses its cached leaves", arguments: versions)
    func intermediate(version: TLSVersion) throws {
        let client = try client(version)
        let server = try server(.empty)
        #expect(try connect(server, client).error == nil)
        server.revocation = try fixture.load([
            fixture.issuer(
                "root", fixture.root,
                [fixture.list(fixture.root, [fixture.intermediateSerial])])
        ])
        for _ in 0..<2 {
            let refused = try connect(server, client)
            #expect(refused.error?.x509Code == 23 && refused.error?.depth == 1)
        }
    }

    @Test(
        "S18 a deny list refuses at once, a list that is overdue by its policy",
        arguments: versions)
    func denied(version: TLSVersion) throws {
        let client = try client(version)
        let server = try server(.empty)
        #expect(try connect(server, client).error == nil)
        let digest = Fingerprint(of: fixture.leaf.der).bytes
            .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        server.revocation = try fixture.load(denying: "sha256:\(digest)\n")
        #expect(try connect(server, client).error?.x509Code == 23)
        for (policy, isRefused) in [
            (StalePolicy.closed, true), (.grace(seconds: 5), true),
            (.grace(seconds: 20), false), (.open, false),
        ] {
            server.revocation = try fixture.load(
                [fixture.list(fixture.intermediate) { $0.nextUpdate = fixture.now - 10 }], policy)
            let outcome = try connect(server, client)
            #expect((outcome.error?.x509Code == 12) == isRefused, "\(policy)")
            #expect((outcome.error == nil) == !isRefused, "\(policy)")
        }
    }

    @Test(
        "S18 a session of a revoked certificate is not resumed, and is gone",
        arguments: versions)
    func session(version: TLSVersion) throws {
        let client = try client(version)
        let server = try server(.empty)
        let session = try #require(try connect(server, client).session)
        server.revocation = try fixture.load(
            [fixture.list(fixture.intermediate, [fixture.leafSerial])])
        let refused = try connect(server, client, resuming: session)
        #expect(refused.error?.x509Code == 23)
        #expect(store.count == 0)
        server.revocation = .empty
        #expect(try !connect(server, client, resuming: session).isResumed)
    }

    @Test(
        "S18 a session whose issuer's list is overdue waits for the next list",
        arguments: versions)
    func staleSession(version: TLSVersion) throws {
        let client = try client(version)
        let server = try server(.empty)
        let session = try #require(try connect(server, client).session)
        server.revocation = try fixture.load(
            [fixture.list(fixture.intermediate) { $0.nextUpdate = fixture.now - 10 }])
        #expect(try connect(server, client, resuming: session).error?.x509Code == 12)
        server.revocation = try fixture.load([fixture.list(fixture.intermediate)])
        #expect(try connect(server, client, resuming: session).isResumed)
    }

    @Test("S19 who is revoked while the handshake goes on does not get in", arguments: versions)
    func underWay(version: TLSVersion) throws {
        let client = try client(version)
        let server = try server(.empty)
        var pair = EnginePair(server, client)
        try pair.step(.client)
        try pair.step(.server)
        try pair.step(.client)
        // All but the last bytes: the certificate has been judged, the handshake is not complete.
        let rest = Array(pair.toServer.suffix(8))
        pair.toServer.removeLast(8)
        try pair.step(.server)
        #expect(server.validationStatistics.misses == 1)
        server.revocation = try fixture.load(
            [fixture.list(fixture.intermediate, [fixture.leafSerial])])
        pair.toServer += rest
        try pair.run()
        #expect(pair.serverError?.kind == .certificate)
        #expect(pair.server.peer == nil)
        #expect(store.count == 0)
    }
}
