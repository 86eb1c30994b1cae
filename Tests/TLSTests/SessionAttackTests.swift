import COpenSSL
import Core
import Foundation
import Synchronization
import Testing

@testable import TLS

/// What somebody without keys can do with what he saw of others' sessions.
@Suite struct SessionAttackTests {
    let forge: Forge
    let store: SessionStore
    let victim: ForgedCertificate

    init() throws {
        forge = try Forge()
        store = try #require(SessionStore(SessionOptions()))
        victim = try forge.leaf("victim", below: forge.intermediate("Intermediate"))
    }

    private func presented() throws -> [ForgedCertificate] {
        [victim, try #require(victim.issuer)]
    }

    /// A session of the victim's with TLS_AES_128_GCM_SHA256, whose name an attacker has seen.
    private func victimSession(
        _ server: ServerTLSContext, _ version: TLSVersion = .tls13
    ) throws -> ClientSession {
        let client = try forge.client(presented(), version) {
            $0.cipherSuites13 = "TLS_AES_128_GCM_SHA256"
            $0.keepsSessions = true
        }
        var pair = EnginePair(server, client)
        try pair.run()
        #expect(pair.server.peer != nil)
        // TLS 1.3 tells of the session together with the first answer.
        try pair.write([1], .server)
        _ = try pair.read(.client)
        let session = pair.client.takeSession()
        return try #require(session)
    }

    /// The victim's session without its secret: what the wire shows.
    private func replay(_ session: ClientSession, of client: ClientTLSContext) throws
        -> ClientSession
    {
        let copy = try #require(SessionCopy(of: session.copy))
        let guess = [UInt8](repeating: 7, count: 32)
        #expect(unsafe SSL_SESSION_set1_master_key(copy.pointer, guess, guess.count) == 1)
        return ClientSession(copy, of: client, serverName: "safe.test", peer: nil)
    }

    @Test("S05 a replayed session name with a cipher suite of another hash makes nobody of it")
    func otherHash() throws {
        let server = try forge.server(sessions: store, mode: .optional)
        let session = try victimSession(server)
        let attacker = try forge.client([]) {
            $0.cipherSuites13 = "TLS_AES_256_GCM_SHA384"
            $0.keepsSessions = true
        }
        var pair = EnginePair(
            server, attacker, resuming: try replay(session, of: attacker))
        try pair.run()
        // The callback was asked for the victim's session, and has it to give.
        #expect(lookups(pair) == 1)
        #expect(try storeHas(session, server))
        let (isComplete, isResumed) = (pair.isComplete, pair.server.isResumed)
        #expect(isComplete && !isResumed)
        #expect(pair.server.peer == nil)
        _ = try pair.read(.client)
        #expect(store.count == 1)
    }

    @Test("S05 a replayed session name with the right cipher suite fails for want of the secret")
    func sameHash() throws {
        for version in [TLSVersion.tls12, .tls13] {
            let server = try forge.server(sessions: store, mode: .optional)
            let session = try victimSession(server, version)
            let attacker = try forge.client([], version) { $0.keepsSessions = true }
            var pair = EnginePair(
                server, attacker, resuming: try replay(session, of: attacker))
            try pair.run()
            let isEstablished = pair.server.isEstablished
            #expect(!isEstablished && pair.server.peer == nil)
            // With TLS 1.2 it is the attacker who first sees that the keys differ.
            #expect(pair.serverError?.kind == (version == .tls13 ? .protocolViolation : .peerAlert))
            #expect(try storeHas(session, server))
        }
    }

    /// How often libssl asked for a session.
    private func lookups(_ pair: borrowing EnginePair) -> Int? {
        unsafe HandshakeRecord.of(pair.server.ssl)?.pointee.sessionLookups
    }

    /// Whether the server would still resume `session`.
    private func storeHas(_ session: ClientSession, _ server: ServerTLSContext) throws -> Bool {
        let id = unsafe name(of: session).withUnsafeBytes { unsafe SessionID(ByteView($0)) }
        let binding = server.hosts[0].binding
        return store.find(try #require(id), binding: binding, at: forge.now)?.identity.chain != nil
    }

    /// What the server calls the session: its ticket, or with TLS 1.2 its identifier.
    private func name(of session: ClientSession) -> [UInt8] {
        var ticket: UnsafePointer<UInt8>?
        var size = 0
        unsafe SSL_SESSION_get0_ticket(session.copy.pointer, &ticket, &size)
        if size > 0 { return unsafe [UInt8](UnsafeBufferPointer(start: ticket, count: size)) }
        var count: UInt32 = 0
        let start = unsafe SSL_SESSION_get_id(session.copy.pointer, &count)
        return unsafe [UInt8](UnsafeBufferPointer(start: start, count: Int(count)))
    }

    @Test("S14 a ClientHello with hundreds of sessions has two of them looked up")
    func manySessions() throws {
        let server = try forge.server(sessions: store, mode: .optional)
        let session = try victimSession(server)
        let name = name(of: session)
        #expect(name.count == 32)
        // A session that is found is believed in, and its binder is wrong; one that is not found
        // is passed over, and a full handshake follows.
        for (position, isFound) in [(0, true), (1, true), (2, false), (199, false)] {
            let attacker = try forge.client([]) { $0.keepsSessions = true }
            var pair = EnginePair(
                server, attacker, resuming: try replay(session, of: attacker))
            try pair.step(.client)
            var names = (0..<200).map { [UInt8](repeating: UInt8($0), count: 32) }
            names[position] = name
            pair.toServer = try ClientHelloBytes(pair.toServer).offering(names)
            try pair.step(.server)
            #expect((pair.serverError != nil) == isFound, "\(position)")
            #expect(lookups(pair) == (isFound ? position + 1 : 200))
        }
    }

    @Test("workers resume each other's sessions at once, and nobody becomes another")
    func concurrentWorkers() throws {
        var small = SessionOptions()
        small.capacity = 40
        let store = try #require(SessionStore(small))
        let people = try (0..<6).map {
            try forge.leaf("person \($0)", below: try #require(victim.issuer))
        }
        let rounds = Int(ProcessInfo.processInfo.environment["TLS_ROUNDS"] ?? "") ?? 150
        let exchange = SessionExchange()
        let workers = try (0..<4).map { _ in
            WorkerContexts(
                server: try forge.server(
                    CryptoLibraries.restricted() ?? .stock, sessions: store, mode: .optional),
                clients: try people.map { person in
                    try forge.client([person, try #require(victim.issuer)]) {
                        $0.keepsSessions = true
                    }
                }, prints: people.map { Fingerprint(of: $0.der) })
        }
        DispatchQueue.concurrentPerform(iterations: workers.count) { index in
            workers[index].run(rounds, seed: UInt64(index), exchange)
        }
        let result = exchange.result.withLock { $0 }
        #expect(result.failures == [])
        #expect(result.resumed > rounds)
        #expect(store.count <= 40)
    }
}

/// What the workers of one test give each other.
private final class SessionExchange: Sendable {
    struct Result {
        var resumed = 0
        var failures: Set<String> = []
    }

    /// Taken by one thread only, which then is its only user.
    struct Parcel: @unchecked Sendable {
        let copy: SessionCopy
        let person: Int
    }

    let parcels = Mutex<[Parcel]>([])
    let result = Mutex(Result())

    func take() -> Parcel? { parcels.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

    func give(_ parcel: Parcel) { parcels.withLock { if $0.count < 32 { $0.append(parcel) } } }
}

/// One worker with clients of its own; used by one thread at a time.
private struct WorkerContexts: @unchecked Sendable {
    let server: ServerTLSContext
    let clients: [ClientTLSContext]
    let prints: [Fingerprint]

    func run(_ rounds: Int, seed: UInt64, _ exchange: SessionExchange) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<rounds {
            let parcel = exchange.take()
            let person = parcel?.person ?? Int(random.next() % UInt64(clients.count))
            let client = clients[person]
            let session = parcel.map {
                ClientSession($0.copy, of: client, serverName: "safe.test", peer: nil)
            }
            var pair = EnginePair(server, client, resuming: session)
            do {
                try pair.run()
                // TLS 1.3 tells of the session together with the first answer.
                if pair.isComplete { try pair.write([1], .server) }
                _ = try pair.read(.client)
            } catch {
                exchange.result.withLock { _ = $0.failures.insert("\(error)") }
            }
            let problem =
                pair.serverError?.reason
                ?? (pair.server.peer?.fingerprint == prints[person] ? nil : "another's identity")
            let isResumed = pair.server.isResumed
            exchange.result.withLock {
                if let problem { $0.failures.insert(problem) }
                if isResumed { $0.resumed += 1 }
            }
            if let next = pair.client.takeSession() {
                exchange.give(.init(copy: next.copy, person: person))
            }
        }
    }
}

/// A ClientHello in one record, whose last extension is `pre_shared_key` (RFC 8446 §4.2.11).
private struct ClientHelloBytes {
    private let body: [UInt8]
    private let extensionsStart: Int
    private let lastStart: Int

    init(_ record: [UInt8]) throws {
        try #require(record[0] == 22 && record[5] == 1)
        body = Array(record[9...])
        var position = 34
        position += 1 + Int(body[position])
        position += 2 + (Int(body[position]) << 8 | Int(body[position + 1]))
        position += 1 + Int(body[position])
        extensionsStart = position
        position += 2
        var last = position
        while position < body.count {
            last = position
            position += 4 + (Int(body[position + 2]) << 8 | Int(body[position + 3]))
        }
        lastStart = last
        try #require(body[last] == 0 && body[last + 1] == 41)
    }

    /// A record of the same ClientHello that offers `names`, with wrong binders.
    func offering(_ names: [[UInt8]]) -> [UInt8] {
        let identities: [UInt8] = names.flatMap { Self.sized($0) + [0, 0, 0, 0] }
        let binder: [UInt8] = [32] + [UInt8](repeating: 0, count: 32)
        let binders: [UInt8] = names.flatMap { _ in binder }
        let offered: [UInt8] = [0, 41] + Self.sized(Self.sized(identities) + Self.sized(binders))
        let extensions = Array(body[(extensionsStart + 2)..<lastStart]) + offered
        let hello = Array(body[..<extensionsStart]) + Self.sized(extensions)
        let message: [UInt8] = [1, 0] + Self.sized(hello)
        return [22, 3, 1] + Self.sized(message)
    }

    private static func sized(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]
            + bytes
    }
}
