import Core
import Crypto
import TLS

/// Proves that TLS works with libraries of our own on the OpenSSL that is loaded: before they
/// serve anybody, a client must get through three times on each version of TLS: verified anew, from
/// the validation cache, and by resuming its session.
struct FastPathSelfTest {
    private let clock: Now
    private let pool = BufferPool(chunkSize: 32_768, limit: 3)

    /// Libraries that have passed, or the reason why OpenSSL's default one must do.
    static func libraries(at now: Now) -> (libraries: CryptoLibraries?, reason: String) {
        guard let libraries = CryptoLibraries.restricted() else {
            return (nil, "\(TLSLibrary.version) is set up with other providers, or needs none")
        }
        do {
            try FastPathSelfTest(clock: now).run(libraries)
            return (libraries, "self-test passed")
        } catch {
            return (nil, "self-test failed: \(error)")
        }
    }

    private init(clock: Now) { self.clock = clock }

    private func run(_ libraries: CryptoLibraries) throws {
        let (from, until) = (clock.wallSeconds - 86_400, clock.wallSeconds + 86_400)
        let root = try CertificateAuthority.root(
            .authority("Self-Test Root", notBefore: from, notAfter: until),
            key: CertificateKey(.p256))
        let issuer = try root.issue(
            .authority("Self-Test Issuer", notBefore: from, notAfter: until),
            key: CertificateKey(.p256))
        let server = try issuer.issue(
            .server(["self.test"], notBefore: from, notAfter: until), key: CertificateKey(.p256))
        let client = try issuer.issue(
            .client([.init("CN", "self-test")], notBefore: from, notAfter: until),
            key: CertificateKey(.p256))
        var trust = TrustStoreOptions(file: "self-test: root")
        trust.contents[trust.sources[0]] = Array(try root.pem.utf8)
        let host = VirtualHostOptions(
            name: "self-test", serverNames: ["self.test"],
            certificates: [try CertificateFiles(server)], clientCertificate: .required,
            trust: trust)
        for version in [TLSVersion.tls13, .tls12] {
            var options = ServerTLSOptions(virtualHosts: [host])
            options.maximumVersion = version
            let store = SessionStore(SessionOptions())
            let context = try ServerTLSContext(
                options, libraries: libraries, sessions: store,
                at: clock.wallSeconds)
            context.setTime(clock)
            var clientOptions = ClientTLSOptions(
                trust: trust, certificate: try CertificateFiles(client))
            clientOptions.keepsSessions = true
            let peers = try ClientTLSContext(clientOptions)
            var session: ClientSession?
            for isResumed in store == nil ? [false, false] : [false, false, true] {
                let offered = isResumed ? session : nil
                guard !isResumed || offered != nil else {
                    throw GatewayError("no session was given")
                }
                session = try handshake(
                    context, peers, resuming: offered, expecting: client.der)
            }
            let statistics = context.validationStatistics
            guard statistics.hits == 1, statistics.misses == 1 else {
                throw GatewayError("the validation cache was not used")
            }
        }
    }

    /// Connects a client, which must be `expected`; returns its session.
    private func handshake(
        _ server: ServerTLSContext, _ client: ClientTLSContext, resuming session: ClientSession?,
        expecting expected: [UInt8]
    ) throws -> ClientSession? {
        var serverEnd = TLSEngine(server: server)
        var clientEnd = TLSEngine(client: client, serverName: "self.test", resuming: session)
        guard var toServer = pool.take(), var toClient = pool.take(), var read = pool.take()
        else { return nil }
        defer {
            pool.give(toServer)
            pool.give(toClient)
            pool.give(read)
        }
        for _ in 0..<8 where !(serverEnd.isEstablished && clientEnd.isEstablished) {
            try Self.step(&clientEnd, reads: &toClient, writes: &toServer)
            try Self.step(&serverEnd, reads: &toServer, writes: &toClient)
        }
        guard clientEnd.isEstablished, serverEnd.peer?.leaf.der == expected else {
            throw GatewayError("the client is not who it is")
        }
        // TLS 1.3 sends the session with the first answer.
        _ = serverEnd.write(ByteView("x"), &toClient)
        var input = TLSInput(toClient.filled)
        _ = clientEnd.read(into: &read, &input, &toServer)
        guard clientEnd.isResumed == (session != nil), serverEnd.isResumed == clientEnd.isResumed
        else { throw GatewayError("a session was not resumed") }
        return clientEnd.takeSession()
    }

    private static func step(
        _ engine: inout TLSEngine, reads: inout Buffer, writes: inout Buffer
    ) throws {
        var input = TLSInput(reads.filled)
        let result = engine.handshake(&input, &writes)
        reads.removeFirst(input.consumed)
        if case .failed(let error) = result { throw error }
    }
}

extension CertificateFiles {
    /// The chain and the key of `certificate`, on no disk.
    fileprivate init(_ certificate: CertificateAuthority) throws {
        self.init(chain: "self-test: chain", key: "self-test: key")
        contents = [
            chain: Array(try certificate.chainPEM.utf8), key: Array(try certificate.key.pem.utf8),
        ]
    }
}
