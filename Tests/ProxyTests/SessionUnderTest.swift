import Authorization
import Core
import Crypto
import HTTP
import Identity
import TLS
import Telemetry
import TestSupport
import Upstream

@testable import Proxy

/// A session past its handshake, a client that speaks to it in memory, and a clock to move.
final class SessionUnderTest {
    private var session: Session
    private var turn: Turn
    private var client: TLSEngine
    private let headers: IdentityHeaderSet
    private let pki: TestPKI
    private let scratch = BufferPool(chunkSize: 1 << 17, limit: 4)
    private(set) var toSession: [UInt8] = []
    /// What the client decrypted, and whether its end was clean.
    private(set) var received: [UInt8] = []
    private(set) var sawCloseNotify = false
    private var answersAreRead = true

    init(
        _ change: (inout ProxyTimeouts) -> Void = { _ in }, allowsWebSocket: Bool = false,
        policy: RoutePolicy? = nil, authorizer: ExternalAuthorizer? = nil,
        expects: ProxyProtocolPolicy.Expectation = .none
    ) throws {
        pki = try TestPKI()
        let server = try pki.serverContext()
        let own = try pki.clientContext([.init("CN", "client1")])
        headers = try IdentityHeaderSet([
            IdentityHeader(name: "X-Client-Cert-Sub", format: "subject")
        ])
        var timeouts = ProxyTimeouts()
        change(&timeouts)
        let environment = SessionEnvironment(
            heads: BufferPool(chunkSize: 20_480, limit: 8),
            chunks: BufferPool(chunkSize: Limits.relayChunk, limit: 16),
            questions: BufferPool(chunkSize: 65_536, limit: 8),
            metrics: WorkerMetrics(upstreams: 1, authorizers: 1), accessLog: nil,
            timeouts: timeouts,
            limits: ProxyLimits(),
            requestIDPrefix: 1)
        let table = try Self.table(
            headers, policy: policy, authorizer: authorizer, allowsWebSocket: allowsWebSocket)
        let now = Now(monotonic: Instant(nanoseconds: 1), wallSeconds: 0)
        var turn = Turn(now: now, environment: environment)
        client = TLSEngine(
            client: own, serverName: "localhost")
        session = Session(
            engine: TLSEngine(server: server), table: table,
            peer: PeerAddress(.ipv4(0x7f00_0001, port: 1)), expects: expects, turn: &turn)
        self.turn = turn
    }

    /// One virtual host with one route.
    static func table(
        _ headers: IdentityHeaderSet, routeHeaders: [IdentityHeaderSet] = [],
        host: String = "main", route: String = "all", prefix: String = "/",
        admission: Admission = .open,
        policy: RoutePolicy? = nil, authorizer: ExternalAuthorizer? = nil,
        allowsWebSocket: Bool = false
    ) throws -> RoutingTable {
        var routes = [
            Route(
                name: route, prefix: prefix, upstream: 0, requirement: .verifiedCertificate,
                policy: policy, externalAuthorizer: authorizer == nil ? nil : 0,
                allowsWebSocket: allowsWebSocket)
        ]
        for (index, path) in ["/a", "/b"].prefix(routeHeaders.count).enumerated() {
            routes.append(
                Route(
                    name: path, prefix: path, upstream: 0, requirement: .verifiedCertificate,
                    identitySet: index + 1))
        }
        let owned =
            ([headers] + routeHeaders).flatMap(\.ownedNames)
            + (authorizer == nil ? [] : ["X-User"])
        return RoutingTable(
            virtualHosts: [
                VirtualHost(
                    name: host, serverNames: ["localhost"], identityHeaders: headers,
                    routeHeaders: routeHeaders, routes: routes, admission: admission)
            ],
            firewall: try HeaderFirewall(ownedNames: owned), upstreamNames: ["u"],
            forwarding: nil, trustedProxies: AddressList(), addsRequestID: false, addsVia: false,
            authorizers: [authorizer])
    }

    /// The listener's table is replaced by one like it, but for what is given.
    func reload(
        host: String = "main", route: String = "all", prefix: String = "/",
        admission: Admission = .open,
        headers: IdentityHeaderSet? = nil, routeHeaders: [IdentityHeaderSet] = [],
        policy: RoutePolicy? = nil, authorizer: ExternalAuthorizer? = nil,
        allowsWebSocket: Bool = true
    ) throws -> [Action] {
        let headers =
            try headers
            ?? IdentityHeaderSet([IdentityHeader(name: "X-Client-Cert-Sub", format: "subject")])
        let table = try Self.table(
            headers, routeHeaders: routeHeaders, host: host, route: route, prefix: prefix,
            admission: admission, policy: policy, authorizer: authorizer,
            allowsWebSocket: allowsWebSocket)
        session.replaceTable(table, &turn)
        return actions()
    }

    /// The set of what is revoked is replaced by one that has the client's authority, or nobody.
    func revoke(isGood: Bool = false) throws -> [Action] {
        let options = RevocationOptions(
            denyListFiles: isGood ? [] : [try pki.denyListOfEverybody()])
        let set = try RevocationSet.load(options, generation: 2, now: 0, previous: nil)
        session.judge(by: set, &turn)
        return actions()
    }

    /// SHA-256 of the client's certificate, DER.
    func digestOfClient() throws -> [UInt8] { try pki.digestOfClient() }

    /// The head that the upstream got last.
    private(set) var forwarded = ""

    var state: Session.State { session.state }
    var reason: CloseReason { session.reasonForClosing }
    var isIdle: Bool { session.isIdle }
    /// SHA-256 of the certificate that the client's chain ends at.
    var anchor: Fingerprint? { session.identity.peer?.validated.members.last?.fingerprint }
    var peer: String { session.peer.description }
    var metrics: WorkerMetrics { turn.environment.metrics }
    var hasFailedHandshake: Bool { session.hasFailedHandshake }

    /// The client sends its ClientHello and does not read the answer.
    func greet() -> [Action] {
        answersAreRead = false
        exchange([])
        return actions()
    }

    /// The client's side of the connection ends.
    func end() -> [Action] {
        session.downstreamEnded(code: 0, &turn)
        return actions()
    }

    /// Bytes come before the client's TLS, or instead of it; the actions that come of them.
    func deliver(_ bytes: [UInt8]) -> [Action] {
        unsafe bytes.withUnsafeBytes { raw in
            var rest = unsafe ByteView(raw)
            if session.state == .awaitingProxyHeader {
                rest = rest.dropFirst(session.proxyHeaderReceived(rest, &turn))
            }
            if !rest.isEmpty { _ = session.downstreamReceived(rest, &turn) }
        }
        return actions()
    }

    /// The client gets a record that it cannot decrypt, and says so with an alert.
    func disturbClient() -> [Action] {
        exchange([], ciphertext: [23, 3, 3, 0, 32] + [UInt8](repeating: 0, count: 32))
        return actions()
    }

    /// Completes the handshake.
    func establish() {
        for _ in 0..<4 {
            exchange([])
            _ = actions()
        }
    }

    /// The client sends `text`; the actions that come of it.
    func send(_ text: String) -> [Action] {
        exchange(Array(text.utf8))
        return actions()
    }

    private func exchange(_ plaintext: [UInt8], ciphertext: [UInt8] = []) {
        guard var output = scratch.take(), var plain = scratch.take() else { return }
        defer {
            scratch.give(output)
            scratch.give(plain)
        }
        unsafe ciphertext.withUnsafeBytes { raw in
            var input = unsafe TLSInput(ByteView(raw))
            if !client.isEstablished { _ = client.handshake(&input, &output) }
            var goesOn = client.isEstablished && !sawCloseNotify
            while goesOn {
                switch client.read(into: &plain, &input, &output) {
                case .bytes: break
                case .closeNotify:
                    sawCloseNotify = true
                    goesOn = false
                case .needInput, .needOutput, .failed: goesOn = false
                }
            }
        }
        received += plain.filled.array
        if !plaintext.isEmpty {
            unsafe plaintext.withUnsafeBytes { _ = unsafe client.write(ByteView($0), &output) }
        }
        let bytes = output.filled.array
        guard !bytes.isEmpty, session.state != .closed else { return }
        unsafe bytes.withUnsafeBytes {
            _ = unsafe session.downstreamReceived(ByteView($0), &turn)
        }
    }

    /// What the client got since it was last asked.
    func takeReceived() -> String {
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// The upstream sends `text`.
    func answer(_ text: String) -> [Action] {
        let bytes = Array(text.utf8)
        unsafe bytes.withUnsafeBytes {
            _ = unsafe session.upstreamReceived(ByteView($0), &turn)
        }
        return actions()
    }

    /// The worker has a connection, and the head is sent on it.
    func connect() -> [Action] {
        session.upstreamReady(isReused: false, &turn)
        return actions()
    }

    var now: Now { turn.now }

    /// The worker finds out what the authorizer says.
    func findDecision() -> (question: AuthorizerQuestion?, actions: [Action]) {
        let question = session.findDecision(waiter: 1, &turn)
        return (question, actions())
    }

    /// The question is answered, and its bytes are of no more use.
    func giveBack(_ question: AuthorizerQuestion) {
        if case .pooled(let buffer) = question.bytes { turn.environment.questions.give(buffer) }
    }

    /// Another session has its head parsed.
    func parseAnother() throws {
        let head = Array("GET /other HTTP/1.1\r\nHost: other\r\nX-Other: 1\r\n\r\n".utf8)
        try unsafe head.withUnsafeBytes {
            _ = try unsafe RequestParser.parse(ByteView($0), into: &turn.fields)
        }
    }

    /// The authorizer has decided.
    func decide(_ answer: ExternalAnswer) -> [Action] {
        session.decided(by: answer, &turn)
        return actions()
    }

    /// Whether the session has a ticket to give up.
    func takesTicket() -> Bool { session.takeTicket() != nil }

    var triedMembers: TriedMembers { session.triedMembers }

    /// The worker begins to open a connection to a member.
    func beginConnecting(member: Int) { session.upstreamConnecting(member: member) }

    /// The connection could not be opened.
    func failConnect(by fault: ServerFault? = nil) -> [Action] {
        session.upstreamConnectFailed(by: fault, &turn)
        return actions()
    }

    /// The pool allows no further attempt.
    func exhaustConnects() -> [Action] {
        session.upstreamConnectsExhausted(&turn)
        return actions()
    }

    /// The worker stops; the kernel holds nothing of the session's any more.
    func stop() -> [Action] {
        session.stop(&turn)
        session.releaseBuffers(turn.environment)
        return actions()
    }

    /// The socket is closed: gives the buffers back; how many are out then.
    func releaseAll() -> Int {
        session.releaseBuffers(turn.environment)
        return outstanding
    }

    /// The wall clock shows `seconds` since 1970.
    func setClock(_ seconds: Int64) { turn.now.wallSeconds = seconds }

    /// `seconds` pass, and the timer fires.
    func pass(_ seconds: UInt64) -> [Action] {
        turn.now.monotonic = turn.now.monotonic + .seconds(seconds)
        session.timerFired(&turn)
        return actions()
    }

    /// Performs sends, so that they complete at once; returns all other actions in order.
    private func actions() -> [Action] {
        var others: [Action] = []
        while let action = turn.actions.popFirst() {
            switch action {
            case .sendDownstream:
                let bytes = session.nextDownstreamSend().array
                session.downstreamSent(code: Int32(bytes.count), &turn)
                if answersAreRead { exchange([], ciphertext: bytes) }
            case .sendUpstream:
                switch session.nextUpstreamSend() {
                case .head:
                    forwarded = text(of: session.upstreamHead)
                    session.upstreamSent(code: Int32(session.upstreamHead.totalBytes), &turn)
                case .chunk(let bytes):
                    session.upstreamSent(code: Int32(bytes.count), &turn)
                }
            case .armTimer, .resumeDownstream, .resumeUpstream: break
            case .authorize, .cancelAuthorization, .acquireUpstream, .cancelUpstream,
                .releaseUpstream, .shutdownDownstreamWrite,
                .shutdownUpstreamWrite, .closeDownstream:
                others.append(action)
            }
        }
        return others
    }

    private func text(of segments: SegmentList) -> String {
        var bytes: [UInt8] = []
        for index in 0..<segments.count { bytes += segments[index].array }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// First line of what the client got since it was last asked, or nothing.
    func takeStatus() -> String {
        let text = String(decoding: received, as: UTF8.self)
        received = []
        return String(text.split(separator: "\r\n", omittingEmptySubsequences: false)[0])
    }

    /// Buffers out, of all pools, beside the staging buffer.
    var outstanding: Int {
        turn.environment.heads.outstanding + turn.environment.chunks.outstanding - 1
            + turn.environment.questions.outstanding
    }
}
