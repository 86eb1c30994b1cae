import Core
import Crypto
import TestSupport
import Testing

@testable import Proxy
@testable import TLS

private let address = SocketAddress.ipv4(0x7f00_0001, port: 8443)

/// A `SecureUpstream`, and the server that it speaks to in memory.
private final class Wire {
    private var upstream: SecureUpstream
    private var server: TLSEngine
    private let chunks = BufferPool(chunkSize: Limits.relayChunk, limit: 8)
    private let scratch = BufferPool(chunkSize: 1 << 17, limit: 8)
    private let now: Now
    /// Ciphertext on its way to either side.
    private(set) var toUpstream: [UInt8] = []
    /// What the server has read, and whether close_notify came behind it.
    private(set) var atServer: [UInt8] = []
    private(set) var serverSawEnd = false
    private(set) var reports: [Int32] = []
    private(set) var sends: [[UInt8]] = []
    var isSendStuck = false

    init(_ upstream: consuming SecureUpstream, _ server: ServerTLSContext, now: Now) {
        self.upstream = upstream
        self.server = TLSEngine(server: server)
        self.now = now
    }

    enum Outcome: Equatable { case goesOn, complete, failed(ServerFault?) }

    /// Handshakes as far as it goes.
    func handshake() -> Outcome {
        for _ in 0..<10 {
            var outcome = Outcome.goesOn
            take { upstream, input in
                switch upstream.handshake(&input, chunks, now: now) {
                case .goesOn: break
                case .complete: outcome = .complete
                case .failed(let error): outcome = .failed(error?.serverFault)
                }
            }
            if case .failed = outcome { return outcome }
            flush()
            if outcome == .complete { return outcome }
        }
        return .goesOn
    }

    private func take(
        _ most: Int = .max, _ body: (inout SecureUpstream, inout TLSInput) -> Void
    ) {
        let bytes = Array(toUpstream.prefix(most))
        var consumed = 0
        unsafe bytes.withUnsafeBytes {
            var input = unsafe TLSInput(ByteView($0))
            body(&upstream, &input)
            consumed = input.consumed
        }
        toUpstream.removeFirst(consumed)
    }

    /// Performs the sends of the upstream's side, unless they are stuck.
    func flush() {
        while !isSendStuck, upstream.announceSend() {
            let bytes = upstream.nextSend().array
            sends.append(bytes)
            serve(bytes)
            let report = upstream.sent(code: Int32(bytes.count), chunks, now: now)
            if let report { reports.append(report) }
        }
    }

    /// The server gets `ciphertext`, and sends `plaintext` once it can.
    func serve(
        _ ciphertext: [UInt8] = [], _ plaintext: [UInt8] = [], closes: Bool = false
    ) {
        guard var output = scratch.take(), var plain = scratch.take() else { return }
        defer {
            scratch.give(output)
            scratch.give(plain)
        }
        unsafe ciphertext.withUnsafeBytes {
            var input = unsafe TLSInput(ByteView($0))
            if !server.isEstablished { _ = server.handshake(&input, &output) }
            var goesOn = server.isEstablished
            while goesOn {
                switch server.read(into: &plain, &input, &output) {
                case .bytes: break
                case .closeNotify:
                    serverSawEnd = true
                    goesOn = false
                case .needInput, .needOutput, .failed: goesOn = false
                }
            }
        }
        atServer += plain.filled.array
        if !plaintext.isEmpty {
            unsafe plaintext.withUnsafeBytes { _ = unsafe server.write(ByteView($0), &output) }
        }
        if closes { server.closeNotify(&output) }
        toUpstream += output.filled.array
    }

    /// What the upstream makes of everything that is on its way, of which the exchange takes at
    /// most `limit` bytes.
    func receive(
        ofCiphertext most: Int = .max, limit: Int = .max
    ) -> (text: [UInt8], events: [String]) {
        var text: [UInt8] = []
        var events: [String] = []
        var goesOn = true
        while goesOn {
            let left = limit - text.count
            take(most) { upstream, input in
                if upstream.unread.isEmpty {
                    switch upstream.receive(&input, chunks, now: now) {
                    case .plaintext: break
                    case .nothing: events.append("nothing")
                    case .needsRoom: events.append("room")
                    case .ended: events.append("ended")
                    case .failed(let error): events.append(error?.serverFault.rawValue ?? "none")
                    }
                }
                let piece = upstream.unread.prefix(min(upstream.unread.count, left))
                text += piece.array
                goesOn = !piece.isEmpty && text.count < limit
                upstream.take(piece.count, chunks)
            }
            flush()
        }
        return (text, events)
    }

    /// The exchange sends `pieces`; false when the connection takes nothing.
    func send(_ pieces: [[UInt8]]) -> Bool {
        // Kept until the send is reported, as an exchange keeps its buffers.
        kept = pieces.compactMap { piece in
            var chunk = scratch.take()
            unsafe piece.withUnsafeBytes { _ = unsafe chunk?.append(ByteView($0)) }
            return chunk
        }
        var segments = SegmentList()
        for chunk in kept { segments.append(chunk.filled) }
        let isTaken = upstream.send(segments, chunks, now: now)
        flush()
        return isTaken
    }

    func forgetReports() { reports = [] }

    private var kept: [Buffer] = []

    func dropKept() {
        for chunk in kept { scratch.give(chunk) }
        kept = []
    }

    func failSend() -> Int32? {
        guard upstream.announceSend() else { return nil }
        _ = upstream.nextSend()
        return upstream.sent(code: -32, chunks, now: now)
    }

    func shutdown() {
        upstream.shutdown(chunks)
        flush()
    }

    func mayShutWrite() -> Bool { upstream.mayShutWrite() }
    func takeSession() -> ClientSession? { upstream.takeSession() }
    func sayFarewell() -> Bool { upstream.sayFarewell(chunks) }
    func renewKeys() -> Bool { server.requestKeyUpdate() }
    func damage() { toUpstream[toUpstream.count - 1] ^= 1 }
    var hasPending: Bool { upstream.hasPending }
    var isReusable: Bool { upstream.isReusable }
    var isResumed: Bool { upstream.isResumed }
    var hasAnswered: Bool { upstream.hasAnswered }
    var outstanding: Int { chunks.outstanding }
    func release() { upstream.releaseBuffers(chunks) }
}

@Suite struct SecureUpstreamTests {
    private let pki: TestPKI
    private let server: ServerTLSContext
    private let now: Now

    init() throws {
        pki = try TestPKI()
        now = Now(monotonic: Instant(nanoseconds: 1), wallSeconds: pki.wallSeconds)
        let host = VirtualHostOptions(
            name: "main", serverNames: ["localhost"], isDefault: true,
            certificates: [
                CertificateFiles(chain: pki.folder + "/server.pem", key: pki.folder + "/server.key")
            ], clientCertificate: .off)
        server = try ServerTLSContext(
            ServerTLSOptions(virtualHosts: [host]), sessions: SessionStore(SessionOptions()))
        server.setTime(now)
    }

    private func security(
        serverName: String? = nil, host: String? = "localhost",
        change: (inout ClientTLSOptions) -> Void = { _ in }
    ) throws -> UpstreamSecurity {
        var options = ClientTLSOptions(trust: TrustStoreOptions(file: pki.folder + "/ca.pem"))
        options.verifiedName = serverName
        options.keepsSessions = true
        change(&options)
        return try UpstreamSecurity(
            options, hosts: host.map { [address: $0] } ?? [:], digest: [], at: now.wallSeconds)
    }

    private func connected(
        _ security: inout UpstreamSecurity
    ) -> Wire {
        let wire = Wire(security.connect(to: address, now: now), server, now: now)
        #expect(wire.handshake() == .complete)
        return wire
    }

    private func connected() throws -> Wire {
        var security = try security()
        return connected(&security)
    }

    @Test("a head in pieces leaves in one record, and is reported when it has left")
    func head() throws {
        let wire = try connected()
        let before = wire.sends.count
        #expect(wire.send([Array("GET / ".utf8), Array("HTTP/1.1\r\n".utf8), [13, 10]]))
        #expect(wire.atServer == Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(wire.reports == [18] && wire.sends.count == before + 1)
        let record = wire.sends[before]
        #expect(record.count == 5 + Int(record[3]) << 8 + Int(record[4]))
        wire.dropKept()
        wire.serve([], Array("answer".utf8))
        let answer = wire.receive()
        #expect(answer.text == Array("answer".utf8) && answer.events == ["nothing"])
        #expect(wire.hasAnswered && wire.isReusable && wire.outstanding == 0)
    }

    @Test("what does not fit waits for the send before it; one report for all") func large() throws
    {
        let wire = try connected()
        let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        wire.isSendStuck = true
        #expect(wire.send([Array(body[..<50_000]), Array(body[50_000...])]))
        #expect(wire.reports.isEmpty && !wire.isReusable)
        wire.isSendStuck = false
        wire.flush()
        #expect(wire.atServer == body && wire.reports == [100_000])
        #expect(wire.isReusable && wire.outstanding == 0)
        wire.dropKept()
    }

    @Test("a send that fails is reported, and nothing is taken any more") func failedSend() throws {
        let wire = try connected()
        wire.isSendStuck = true
        #expect(wire.send([[1, 2, 3]]))
        #expect(wire.failSend() == -32)
        #expect(!wire.isReusable && !wire.send([[4]]) && !wire.sayFarewell())
        wire.release()
        #expect(wire.outstanding == 0)
        wire.dropKept()
    }

    @Test("what the exchange does not take is kept, one chunk of it") func backPressure() throws {
        let wire = try connected()
        let body = [UInt8](repeating: 7, count: 90_000)
        for start in stride(from: 0, to: body.count, by: 30_000) {
            wire.serve([], Array(body[start..<start + 30_000]))
        }
        #expect(wire.receive(limit: 1_000).text.count == 1_000)
        #expect(!wire.isReusable && wire.outstanding == 1 && wire.toUpstream.count > 40_000)
        #expect(wire.receive().text.count == 89_000)
        #expect(wire.isReusable && wire.outstanding == 0 && wire.toUpstream.isEmpty)
    }

    @Test("however it is cut and stalled, the same bytes arrive", arguments: 0..<20)
    func cuts(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let wire = try connected()
        var (answered, asked, received): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        var isWaiting = false
        for _ in 0..<60 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let body = random.bytes(upTo: 20_000)
                answered += body
                wire.serve([], body)
            case 1 where !isWaiting:
                let pieces = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    random.bytes(upTo: 9_000)
                }
                asked += pieces.flatMap { $0 }
                #expect(wire.send(pieces))
                isWaiting = wire.reports.isEmpty
            case 2: wire.isSendStuck.toggle()
            // False while the last one has not left yet.
            case 3: _ = wire.renewKeys()
            default:
                let size = Int.random(in: 1...30_000, using: &random)
                received += wire.receive(ofCiphertext: size, limit: size / 2).text
            }
            wire.flush()
            if !wire.reports.isEmpty {
                isWaiting = false
                wire.forgetReports()
                wire.dropKept()
            }
        }
        wire.isSendStuck = false
        wire.flush()
        received += wire.receive().text
        #expect(received == answered && wire.atServer == asked)
        #expect(wire.isReusable && wire.outstanding == 0)
        wire.dropKept()
    }

    @Test("sessions and new keys come while it is idle, and do not end it") func idle() throws {
        var security = try security()
        let wire = connected(&security)
        wire.serve([], Array("a".utf8))
        _ = wire.receive()
        let session = try #require(wire.takeSession())
        #expect(wire.takeSession() == nil && session.isForOneConnection)
        #expect(wire.renewKeys())
        wire.serve([], Array("b".utf8))
        #expect(wire.receive().text == Array("b".utf8))
        #expect(wire.isReusable && wire.outstanding == 0)
        security.keep(session, from: address)
        #expect(connected(&security).isResumed)
        #expect(!connected(&security).isResumed, "a session of TLS 1.3 is offered once")
    }

    @Test("a session is no good for another security, nor after an hour") func foreign() throws {
        var (first, second) = (try security(), try security())
        let wire = connected(&first)
        wire.serve([], Array("a".utf8))
        _ = wire.receive()
        let session = try #require(wire.takeSession())
        second.keep(session, from: address)
        #expect(!connected(&second).isResumed)
        var shelf = SessionShelf()
        shelf.put(session, from: address)
        #expect(shelf.take(for: address, at: now.wallSeconds + 3_601) == nil && shelf.count == 0)
    }

    @Test("a shelf is bounded, by server and in all") func shelf() throws {
        let wire = try connected()
        wire.serve([], Array("a".utf8))
        _ = wire.receive()
        let session = try #require(wire.takeSession())
        var shelf = SessionShelf()
        for _ in 0..<6 { shelf.put(session, from: address) }
        #expect(shelf.count == SessionShelf.memberSessions)
        for port in 0..<SessionShelf.memberLimit {
            shelf.put(session, from: .ipv4(1, port: UInt16(port)))
        }
        #expect(shelf.count == SessionShelf.memberLimit)
        #expect(shelf.take(for: address, at: now.wallSeconds) == nil)
        #expect(shelf.take(for: .ipv4(1, port: 5), at: now.wallSeconds) != nil)
        #expect(shelf.take(for: .ipv4(1, port: 5), at: now.wallSeconds) == nil)
    }

    @Test("each side ends by close_notify, and the other goes on") func halfClose() throws {
        let wire = try connected()
        wire.shutdown()
        #expect(wire.serverSawEnd && wire.mayShutWrite() && !wire.mayShutWrite())
        wire.serve([], Array("late".utf8), closes: true)
        #expect(wire.receive(limit: 4).text.count == 4)
        #expect(wire.hasPending && wire.toUpstream.isEmpty, "the end came behind the bytes")
        let end = wire.receive()
        #expect(end.text.isEmpty && end.events == ["ended"] && !wire.hasPending)
        #expect(!wire.isReusable && wire.outstanding == 0)
    }

    @Test("the last words of an idle connection are close_notify") func farewell() throws {
        let wire = try connected()
        #expect(wire.sayFarewell())
        wire.flush()
        #expect(wire.serverSawEnd && wire.outstanding == 0)
    }

    @Test("who is not verified gets an alert and nothing else") func unverified() throws {
        let other = try TestPKI()
        defer { withExtendedLifetime(other) {} }
        let cases: [(UpstreamSecurity, ServerFault)] = [
            (try security(host: "elsewhere.test"), .nameMismatch),
            (try security(serverName: "elsewhere.test"), .nameMismatch),
            (try security(host: "10.0.0.1"), .nameMismatch),
            (
                try security {
                    $0.trust = TrustStoreOptions(file: other.folder + "/ca.pem")
                }, .untrusted
            ),
        ]
        for (security, fault) in cases {
            var security = security
            let wire = Wire(security.connect(to: address, now: now), server, now: now)
            #expect(wire.handshake() == .failed(fault))
            #expect(!wire.isReusable && wire.sayFarewell())
            wire.flush()
            #expect(wire.atServer.isEmpty)
            wire.release()
            #expect(wire.outstanding == 0)
        }
        var nameless = try security(host: nil)
        let wire = Wire(nameless.connect(to: address, now: now), server, now: now)
        #expect(wire.handshake() == .failed(.internal) && wire.sends.isEmpty)
    }

    @Test("a byte that was changed on its way breaks it") func damaged() throws {
        let wire = try connected()
        wire.serve([], Array("answer".utf8))
        wire.serve([], Array("more".utf8))
        wire.damage()
        #expect(wire.receive(limit: 6).text == Array("answer".utf8) && wire.hasPending)
        #expect(wire.receive().events == ["protocol_error"] && !wire.hasPending)
        #expect(!wire.isReusable && !wire.send([[1]]))
    }
}

/// Random numbers that a seed repeats.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func bytes(upTo most: Int) -> [UInt8] {
        let count = Int.random(in: 1...most, using: &self)
        let first = UInt8(truncatingIfNeeded: next())
        return (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0 &* 7) }
    }
}
