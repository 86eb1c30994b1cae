import Core
import Crypto
import Foundation
import Testing

@testable import TLS

@Suite struct SessionStoreTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    /// A server with a store, its clock at `now`.
    private func server(
        _ options: ServerTLSOptions? = nil, _ store: SessionStore, at now: Int64? = nil
    ) throws -> ServerTLSContext {
        let context = try ServerTLSContext(
            options ?? authority.serverOptions(), libraries: EnginePair.libraries, sessions: store,
            at: now ?? authority.now)
        set(context, to: now ?? authority.now)
        return context
    }

    private func store(_ change: (inout SessionOptions) -> Void = { _ in }) throws -> SessionStore {
        var options = SessionOptions()
        change(&options)
        return try #require(SessionStore(options))
    }

    private func set(_ context: ServerTLSContext, to now: Int64) {
        context.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: now))
    }

    private func client(
        _ version: TLSVersion, _ files: CertificateFiles?
    ) throws -> ClientTLSContext {
        var options = authority.clientOptions(version, files)
        options.keepsSessions = true
        return try ClientTLSContext(options)
    }

    /// What one connection came to.
    private struct Outcome {
        var peer: VerifiedPeer?
        var isResumed = false
        var error: TLSError?
        /// What the client may offer next.
        var session: ClientSession?
    }

    private func connect(
        _ server: ServerTLSContext, _ client: ClientTLSContext, name: String = "safe.test",
        resuming session: ClientSession? = nil
    ) throws -> Outcome {
        var pair = EnginePair(server, client, name: name, resuming: session)
        try pair.run()
        var outcome = Outcome(error: pair.serverError)
        guard pair.isComplete else { return outcome }
        // TLS 1.3 tells of the session together with the first answer.
        try pair.write([1], .server)
        _ = try pair.read(.client)
        outcome.peer = pair.server.peer
        outcome.isResumed = pair.server.isResumed
        outcome.session = pair.client.takeSession()
        return outcome
    }

    @Test("a resumed connection has the identity of the full one", arguments: versions)
    func resumes(version: TLSVersion) throws {
        let store = try store()
        let server = try server(nil, store)
        let client = try client(version, authority.client())
        let first = try connect(server, client)
        #expect(first.peer != nil && !first.isResumed)
        set(server, to: authority.now + 10)
        let second = try connect(server, client, resuming: first.session)
        #expect(second.isResumed)
        #expect(second.peer?.validated === first.peer?.validated)
        #expect(second.peer?.authenticatedAt == authority.now)
        #expect(store.count == (version == .tls13 ? 2 : 1))
    }

    @Test("a session made by one worker is resumed by another", arguments: versions)
    func otherWorker(version: TLSVersion) throws {
        let store = try store()
        let (one, other) = (try server(nil, store), try server(nil, store))
        let client = try client(version, authority.client())
        var session = try connect(one, client).session
        for worker in [other, one, other] {
            let next = try connect(worker, client, resuming: session)
            #expect(next.isResumed)
            #expect(
                next.peer?.leaf.subject.relativeNames.last?.first?.utf8 == Array("client1".utf8))
            session = next.session ?? session
        }
    }

    @Test("S17 a session is not resumed on another virtual host", arguments: versions)
    func otherHost(version: TLSVersion) throws {
        let store = try store()
        var options = authority.serverOptions()
        options.virtualHosts = [
            authority.host(["open.test"], .off), authority.host(["safe.test"], .required),
            authority.host(["other.test"], .required), authority.host(["may.test"], .optional),
        ]
        let server = try server(options, store)
        let names = ["open.test", "safe.test", "other.test", "may.test"]
        for origin in names {
            for target in names where target != origin {
                let client = try client(version, authority.client())
                let session = try #require(try connect(server, client, name: origin).session)
                let moved = session.offered(as: target)
                let outcome = try connect(server, client, name: target, resuming: moved)
                #expect(!outcome.isResumed, "\(origin) \(target)")
                #expect((outcome.peer != nil) == (target != "open.test"), "\(origin) \(target)")
            }
        }
    }

    @Test("S17 resuming again and again ends at the first one's deadline", arguments: versions)
    func rolling(version: TLSVersion) throws {
        let server = try server(nil, try store { $0.lifetime = 100 })
        let client = try client(version, authority.client())
        var session = try #require(try connect(server, client).session)
        for offset: Int64 in stride(from: 11, to: 100, by: 11) {
            set(server, to: authority.now + offset)
            let next = try connect(server, client, resuming: session)
            #expect(next.isResumed, "\(offset)")
            #expect(next.peer?.authenticatedAt == authority.now)
            session = next.session ?? session
        }
        set(server, to: authority.now + 100)
        let last = try connect(server, client, resuming: session)
        #expect(!last.isResumed)
        #expect(last.peer?.authenticatedAt == authority.now + 100)
    }

    @Test("S17 a clock that goes backwards resumes nothing", arguments: versions)
    func backwards(version: TLSVersion) throws {
        let server = try server(nil, try store())
        let client = try client(version, authority.client())
        let session = try #require(try connect(server, client).session)
        set(server, to: authority.now - 1)
        #expect(try !connect(server, client, resuming: session).isResumed)
    }

    @Test("S17 a session ends with its certificate", arguments: versions)
    func certificateExpires(version: TLSVersion) throws {
        let server = try server(nil, try store())
        let brief = CertificateRequest.client(
            [.init("CN", "brief")], notBefore: authority.now - 100, notAfter: authority.now + 50)
        let client = try client(version, authority.client(brief))
        let session = try #require(try connect(server, client).session)
        set(server, to: authority.now + 49)
        #expect(try connect(server, client, resuming: session).isResumed)
        set(server, to: authority.now + 51)
        let late = try connect(server, client, resuming: session)
        #expect(!late.isResumed && late.peer == nil)
        #expect(late.error?.kind == .certificate)
    }

    @Test("S17 a session ends with its trust store and its rules", arguments: versions)
    func trustChanges(version: TLSVersion) throws {
        let store = try store()
        let before = try server(nil, store)
        let client = try client(version, authority.client())
        let session = try #require(try connect(before, client).session)
        let stranger = try TestAuthority()
        let changes: [(inout VirtualHostOptions) throws -> Void] = [
            { $0.trust = TrustStoreOptions(file: stranger.clientTrust) },
            { $0.trust?.maximumChainLength = 3 },
            { $0.trust?.securityLevel = 1 },
            { $0.clientCertificate = .optional },
        ]
        for change in changes {
            var options = authority.serverOptions()
            try change(&options.virtualHosts[1])
            let after = try server(options, store)
            #expect(try !connect(after, client, resuming: session).isResumed)
        }
        #expect(try connect(try server(nil, store), client, resuming: session).isResumed)
    }

    @Test("S12 every look-up gives a copy of its own") func copies() throws {
        let store = try store()
        let server = try server(nil, store)
        let client = try client(.tls12, authority.client())
        let session = try #require(try connect(server, client).session)
        let id = try #require(unsafe SessionID(of: session.copy.pointer))
        let binding = server.hosts[1].binding
        let stored = try #require(store.find(id, binding: binding, at: authority.now))
        let one = unsafe SessionCopy(copying: stored.session.pointer)
        #expect(unsafe one?.pointer != stored.session.pointer)
        #expect(unsafe SessionIdentity.of(try #require(one).pointer) === stored.identity)
    }

    @Test("S13 a connection that fails leaves the session where it is", arguments: versions)
    func failedConnection(version: TLSVersion) throws {
        let store = try store()
        let server = try server(nil, store)
        let client = try client(version, authority.client())
        let session = try #require(try connect(server, client).session)
        let count = store.count
        do {
            var pair = EnginePair(server, client, resuming: session)
            try pair.step(.client)
            try pair.step(.server)
            // Whoever does not have the key cannot finish: anything but a Finished is fatal.
            pair.toServer = [22, 3, 3, 0, 4, 20, 0, 0, 0]
            try pair.step(.server)
            #expect(pair.serverError != nil)
        }
        #expect(store.count == count)
        #expect(try connect(server, client, resuming: session).isResumed)
    }

    @Test("S15 a certificate keeps at most 8 sessions, its own oldest goes first") func perLeaf()
        throws
    {
        let store = try store()
        let server = try server(nil, store)
        let client = try client(.tls13, authority.client())
        let neighbour = try self.client(.tls13, authority.client(authority.clientRequest("other")))
        let kept = try #require(try connect(server, neighbour).session)
        var sessions: [ClientSession] = []
        for _ in 0..<10 { sessions.append(try #require(try connect(server, client).session)) }
        #expect(store.count == 9)
        #expect(try !connect(server, client, resuming: sessions[0]).isResumed)
        #expect(try connect(server, client, resuming: sessions[9]).isResumed)
        #expect(try connect(server, neighbour, resuming: kept).isResumed)
    }

    @Test("S15 a session that was gone on from makes room, not one that is still of use")
    func replaced() throws {
        let store = try store()
        let server = try server(nil, store)
        let client = try client(.tls13, authority.client())
        var sessions: [ClientSession] = []
        for _ in 0..<8 { sessions.append(try #require(try connect(server, client).session)) }
        // In an order of their own, each resumes what it was given last.
        for index in [3, 3, 7, 0, 3, 5, 7, 1, 2, 6, 4, 0] {
            let next = try connect(server, client, resuming: sessions[index])
            #expect(next.isResumed, "\(index)")
            sessions[index] = try #require(next.session)
            #expect(store.count == 8)
        }
    }

    @Test("the store is bounded") func bounded() throws {
        let store = try store { $0.capacity = 5 }
        let server = try server(nil, store)
        for index in 0..<12 {
            let client = try client(.tls13, authority.client(authority.clientRequest("c\(index)")))
            _ = try connect(server, client)
            #expect(store.count == min(index + 1, 5))
        }
    }

    @Test("S15 clients without a certificate push nobody's session out who has one")
    func anonymousMakeRoom() throws {
        let store = try store { $0.capacity = 5 }
        let server = try server(authority.serverOptions(.optional), store)
        let client = try client(.tls13, authority.client())
        let kept = try #require(try connect(server, client).session)
        let nobody = try self.client(.tls13, nil)
        var last: ClientSession?
        for _ in 0..<20 { last = try connect(server, nobody).session }
        #expect(store.count == 5)
        #expect(try connect(server, nobody, resuming: last).isResumed)
        #expect(try connect(server, client, resuming: kept).isResumed)
        // Those with one have the whole store if they want it.
        for index in 0..<6 {
            let another = try self.client(
                .tls13, authority.client(authority.clientRequest("c\(index)")))
            _ = try connect(server, another)
        }
        #expect(store.count == 5)
        #expect(try !connect(server, nobody, resuming: last).isResumed)
    }

    @Test("a client without a certificate resumes as nobody", arguments: versions)
    func anonymous(version: TLSVersion) throws {
        let server = try server(authority.serverOptions(.optional), try store())
        let client = try client(version, nil)
        let session = try #require(try connect(server, client).session)
        let next = try connect(server, client, resuming: session)
        #expect(next.isResumed && next.peer == nil)
    }

    @Test("without a store, and without the time, nothing is resumed", arguments: versions)
    func off(version: TLSVersion) throws {
        let client = try client(version, authority.client())
        let without = try ServerTLSContext(
            authority.serverOptions(), libraries: EnginePair.libraries)
        set(without, to: authority.now)
        #expect(try connect(without, client).session == nil)
        let store = try store()
        let timeless = try ServerTLSContext(
            authority.serverOptions(), libraries: EnginePair.libraries, sessions: store)
        if let session = try connect(timeless, client).session {
            #expect(try !connect(timeless, client, resuming: session).isResumed)
        }
        #expect(store.count == 0)
    }
}

extension ClientSession {
    /// The same session, as a client would offer it to a host that it is not from.
    fileprivate func offered(as serverName: String) -> ClientSession {
        ClientSession(copy, of: context, serverName: serverName, peer: peer)
    }
}
