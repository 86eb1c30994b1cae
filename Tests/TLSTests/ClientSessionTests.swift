import COpenSSL
import Core
import Crypto
import Testing

@testable import TLS

/// A server made of nothing but libssl, with sessions on as OpenSSL has them by default.
@safe
private final class StockServer {
    let context: OpaquePointer

    init(_ files: CertificateFiles) throws {
        unsafe context = try #require(unsafe SSL_CTX_new(TLS_server_method()))
        try #require(unsafe SSL_CTX_use_certificate_chain_file(context, files.chain) == 1)
        try #require(
            unsafe SSL_CTX_use_PrivateKey_file(context, files.key, SSL_FILETYPE_PEM) == 1)
    }

    deinit { unsafe SSL_CTX_free(context) }
}

/// A connection of a client engine to a stock server, joined in memory.
@safe
private struct StockPair: ~Copyable {
    private let server: StockServer
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private let pool = BufferPool(chunkSize: 40_000, limit: 2)
    var client: TLSEngine
    private(set) var error: TLSError?

    init(_ server: StockServer, _ client: consuming TLSEngine) throws {
        let ssl = unsafe try #require(unsafe SSL_new(server.context))
        let input = unsafe try #require(unsafe BIO_new(BIO_s_mem()))
        let output = unsafe try #require(unsafe BIO_new(BIO_s_mem()))
        unsafe SSL_set_bio(ssl, input, output)
        unsafe SSL_set_accept_state(ssl)
        self.server = server
        self.client = client
        unsafe self.ssl = unsafe ssl
        unsafe self.input = unsafe input
        unsafe self.output = unsafe output
    }

    deinit { unsafe SSL_free(ssl) }

    enum Outcome {
        case unfinished
        case full
        case resumed
    }

    var outcome: Outcome {
        client.isResumed ? .resumed : client.isEstablished ? .full : .unfinished
    }
    var peer: VerifiedPeer? { client.peer }

    /// Runs the handshake and has the client read one answer, and with it what came before.
    mutating func run() throws {
        for _ in 0..<10 where error == nil {
            try step()
            _ = unsafe SSL_do_handshake(ssl)
        }
        guard error == nil, client.isEstablished else { return }
        try #require(unsafe SSL_write(ssl, "answer", 6) == 6)
        try step()
    }

    /// Gives the client all that the server sent, and the server what the client says to it.
    private mutating func step() throws {
        var bytes = [UInt8](repeating: 0, count: 20_000)
        let count = unsafe BIO_read(output, &bytes, Int32(bytes.count))
        let arrived = Array(bytes.prefix(Int(max(count, 0))))
        var out = try #require(pool.take())
        var plain = try #require(pool.take())
        defer {
            pool.give(out)
            pool.give(plain)
        }
        unsafe arrived.withUnsafeBytes { raw in
            var input = unsafe TLSInput(ByteView(raw))
            if case .failed(let failure) = client.handshake(&input, &out) { error = failure }
            guard client.isEstablished else { return }
            if case .failed(let failure) = client.read(into: &plain, &input, &out) {
                error = failure
            }
        }
        let reply = out.filled.array
        if !reply.isEmpty {
            try #require(unsafe BIO_write(input, reply, Int32(reply.count)) == reply.count)
        }
    }
}

@Suite struct ClientSessionTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority
    private let server: StockServer

    init() throws {
        authority = try TestAuthority()
        server = try StockServer(authority.server)
    }

    private func context(_ version: TLSVersion, keepsSessions: Bool = true) throws
        -> ClientTLSContext
    {
        var options = authority.clientOptions(version)
        options.trust = TrustStoreOptions(file: authority.clientTrust)
        options.keepsSessions = keepsSessions
        return try ClientTLSContext(options)
    }

    private func connect(
        _ context: ClientTLSContext, _ name: String = "safe.test", to other: StockServer? = nil,
        resuming session: ClientSession? = nil
    ) throws -> StockPair {
        var pair = try StockPair(
            other ?? server, TLSEngine(client: context, serverName: name, resuming: session))
        try pair.run()
        return pair
    }

    /// A session of a full handshake, and the server as that verified it.
    private func session(
        _ context: ClientTLSContext
    ) throws -> (session: ClientSession, peer: VerifiedPeer) {
        var pair = try connect(context)
        #expect(pair.outcome == .full)
        let peer = pair.peer
        let session = pair.client.takeSession()
        return (try #require(session), try #require(peer))
    }

    @Test("a resumed session has the server that its full handshake verified", arguments: versions)
    func resumes(version: TLSVersion) throws {
        let context = try context(version)
        let (session, peer) = try session(context)
        #expect(peer.chain.last == authority.root.der)
        let pair = try connect(context, resuming: session)
        #expect(pair.outcome == .resumed)
        #expect(pair.peer?.validated === peer.validated)
    }

    @Test("a resumed TLS 1.3 connection brings a session, which has the first server too")
    func resumesAgain() throws {
        let context = try context(.tls13)
        let (first, peer) = try session(context)
        var pair = try connect(context, resuming: first)
        let taken = pair.client.takeSession()
        let second: ClientSession = try #require(taken)
        let none = pair.client.takeSession()
        #expect(none == nil)
        let last = try connect(context, resuming: second)
        #expect(last.outcome == .resumed)
        #expect(last.peer?.validated === peer.validated)
    }

    @Test("what fits no longer is not offered", arguments: versions)
    func notOffered(version: TLSVersion) throws {
        let context = try context(version)
        let (session, _) = try session(context)
        let elsewhere = try connect(context, "open.test", resuming: session)
        #expect(elsewhere.outcome == .full)
        let otherRules = try connect(self.context(version), resuming: session)
        #expect(otherRules.outcome == .full)
    }

    @Test("a session is not offered after its chain has expired, or without one")
    func expired() throws {
        let context = try context(.tls13)
        let pair = try connect(context)
        let taken = unsafe HandshakeRecord.of(pair.client.ssl)?.pointee.sessions?.received
        let copy = try #require(taken)
        let verified = pair.peer
        let peer = try #require(verified)
        func isResumed(_ peer: VerifiedPeer?) throws -> Bool {
            let session = ClientSession(copy, of: context, serverName: "safe.test", peer: peer)
            let next = try connect(context, resuming: session)
            #expect(next.peer?.chain == verified?.chain)
            return next.outcome == .resumed
        }
        let files = try authority.client(authority.clientRequest(days: -3...(-1)))
        let list = try PEMFile(path: files.chain).certificates()
        let old = try #require(unsafe PeerCertificate(list[0]))
        let past = VerifiedPeer(
            try #require(ValidatedChain([old], fingerprint: peer.fingerprint, members: [])),
            authenticatedAt: 0)
        #expect(try !isResumed(past))
        #expect(try !isResumed(nil))
        #expect(try isResumed(peer))
    }

    @Test("a session that the server does not know is a full handshake", arguments: versions)
    func refusedByServer(version: TLSVersion) throws {
        let context = try context(version)
        let (session, peer) = try session(context)
        let pair = try connect(context, to: StockServer(authority.server), resuming: session)
        #expect(pair.outcome == .full)
        #expect(pair.peer?.validated !== peer.validated)
        #expect(pair.peer?.chain == peer.chain)
    }

    @Test("resuming fails when the verified server is missing", arguments: versions)
    func failsClosed(version: TLSVersion) throws {
        let context = try context(version)
        let (session, _) = try session(context)
        let engine = TLSEngine(client: context, serverName: "safe.test", resuming: session)
        unsafe HandshakeRecord.of(engine.ssl)?.pointee.sessions?.offered = nil
        var pair = try StockPair(server, engine)
        try pair.run()
        let error = pair.error
        #expect(error?.kind == .internal)
        #expect(pair.outcome == .unfinished)
        #expect(pair.peer == nil)
    }

    @Test("a client that keeps no sessions gets none", arguments: versions)
    func off(version: TLSVersion) throws {
        var pair = try connect(context(version, keepsSessions: false))
        #expect(pair.outcome == .full)
        let session = pair.client.takeSession()
        #expect(session == nil)
    }
}
