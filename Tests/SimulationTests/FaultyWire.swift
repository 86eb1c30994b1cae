import Authorization
import Core
import Crypto
import HTTP
import Identity
import Proxy
import TLS
import Telemetry
import TestSupport

/// What the sessions of many runs share, as those of one worker do.
struct SimulatedWorker {
    let server: ServerTLSContext
    let client: ClientTLSContext
    let environment: SessionEnvironment
    let table: RoutingTable
    let scratch = BufferPool(chunkSize: 1 << 17, limit: 4)

    init(_ pki: TestPKI) throws {
        server = try pki.serverContext()
        client = try pki.clientContext([.init("CN", "client1")])
        let headers = try IdentityHeaderSet([
            IdentityHeader(name: "X-Client-Cert-Sub", format: "subject")
        ])
        let route = Route(
            name: "all", upstream: 0, requirement: .verifiedCertificate, allowsWebSocket: false)
        environment = SessionEnvironment(
            heads: BufferPool(chunkSize: 20_480, limit: 8),
            chunks: BufferPool(chunkSize: Limits.relayChunk, limit: 16),
            questions: BufferPool(chunkSize: 65_536, limit: 8),
            metrics: WorkerMetrics(upstreams: 1), accessLog: nil, timeouts: ProxyTimeouts(),
            limits: ProxyLimits(), requestIDPrefix: 1)
        table = RoutingTable(
            virtualHosts: [
                VirtualHost(
                    name: "main", serverNames: ["localhost"], identityHeaders: headers,
                    routes: [route])
            ],
            firewall: try HeaderFirewall(ownedNames: headers.ownedNames), upstreamNames: ["u"],
            forwarding: .xForwarded, trustedProxies: AddressList(), addsRequestID: true,
            addsVia: false)
    }

    var outstanding: Int { environment.heads.outstanding + environment.chunks.outstanding }
}

/// One session, a real TLS client and upstreams that fail as a seed says, with virtual time.
///
/// It keeps a worker's rules: what a session does not take is held until it asks for more, a
/// closed upstream connection keeps its pinned buffers until its send is over, and a closed
/// client's buffers are released only when nothing of it is in flight.
struct FaultyWire: ~Copyable {
    typealias Violation = ResponseJudge.Violation

    /// A send in the kernel's hands: where its bytes are, and what they were when it began.
    struct Flight {
        let views: [ByteView]
        let bytes: [UInt8]

        init(_ views: [ByteView]) {
            self.views = views
            bytes = views.flatMap { $0.array }
        }

        var isIntact: Bool { views.flatMap { $0.array } == bytes }
    }

    let plan: FaultPlan
    let worker: SimulatedWorker
    var random: SplitMix
    var session: Session
    var turn: Turn
    var client: TLSEngine
    var violation: String?

    // The client's side.
    var plaintext: [UInt8]
    var plaintextSent = 0
    var toSession: [UInt8] = []
    var toClient: [UInt8] = []
    var clientFlight: Flight?
    var received: [UInt8] = []
    var sawCloseNotify = false
    var isDownstreamHeld = false
    /// The client's end as the session has to see it: 0 or `-errno`; nil while it is open.
    var clientEnd: Int32?
    var isClientEndDelivered = false
    var isWriteShut = false
    var isClosing = false
    var isRemoved = false

    // The upstream's side.
    var upstream: SimulatedUpstream?
    var idle: SimulatedUpstream?
    var isConnecting = false
    var isUpstreamHeld = false
    var closing: [(flight: Flight?, pinned: PinnedBuffers, identity: AnyObject?)] = []
    var timerAt: Instant?
    var steps = 0

    init(seed: UInt64, worker: SimulatedWorker) {
        var random = SplitMix(state: seed &* 0x1234_5678_9abc_def1)
        plan = FaultPlan(seed: seed, &random)
        self.random = random
        self.worker = worker
        plaintext = plan.requests.flatMap { $0.bytes }
        let now = Now(monotonic: Instant(nanoseconds: 1), wallSeconds: 0)
        turn = Turn(now: now, environment: worker.environment)
        client = TLSEngine(client: worker.client, serverName: "localhost")
        session = Session(
            engine: TLSEngine(server: worker.server), table: worker.table,
            peer: PeerAddress(.ipv4(0x7f00_0001, port: 1)), turn: &turn)
        perform()
    }

    // MARK: What the session asks for

    mutating func perform() {
        while let action = turn.actions.popFirst() {
            switch action {
            case .sendDownstream:
                guard !isClosing else { continue }
                if clientFlight != nil { violation = "two sends to the client at once" }
                clientFlight = Flight([session.nextDownstreamSend()])
            case .sendUpstream: sendUpstream()
            case .authorize, .cancelAuthorization: violation = "no authorizer, yet one was asked"
            case .acquireUpstream(_, let fresh): acquire(fresh: fresh)
            case .cancelUpstream: isConnecting = false
            case .releaseUpstream(let reusable, _): release(reusable: reusable)
            case .resumeDownstream: isDownstreamHeld = false
            case .resumeUpstream: isUpstreamHeld = false
            case .shutdownDownstreamWrite: isWriteShut = true
            case .shutdownUpstreamWrite: violation = "no tunnel, yet the upstream was shut"
            case .closeDownstream(let reset): close(reset: reset)
            case .armTimer: if !isClosing { timerAt = session.armedAt }
            }
        }
    }

    private mutating func sendUpstream() {
        guard upstream != nil else { return }
        if upstream?.flight != nil { violation = "two sends to the upstream at once" }
        switch session.nextUpstreamSend() {
        case .head:
            let head = session.upstreamHead
            upstream?.flight = Flight((0..<head.count).map { head[$0] })
        case .chunk(let bytes): upstream?.flight = Flight([bytes])
        }
    }

    private mutating func acquire(fresh: Bool) {
        if let kept = idle, !fresh {
            idle = nil
            upstream = kept
            upstream?.begin(plan, isReused: true, &random)
            isUpstreamHeld = false
            session.upstreamReady(isReused: true, &turn)
        } else {
            isConnecting = true
        }
    }

    private mutating func release(reusable: Bool) {
        guard let connection = upstream else { return }
        upstream = nil
        isUpstreamHeld = false
        guard !reusable else {
            if connection.flight != nil { violation = "a connection kept with a send in flight" }
            if !connection.isDone { violation = "a connection kept in mid-response" }
            idle = connection
            return
        }
        let pinned = session.takePinnedBuffers()
        closing.append((connection.flight, pinned, session.pinnedIdentity))
    }

    private mutating func close(reset: Bool) {
        isClosing = true
        timerAt = nil
        isConnecting = false
        // The kernel may have taken some of the send that is cancelled now.
        if let flight = clientFlight, !reset, clientEnd != -104 {
            toClient += flight.bytes.prefix(random.below(flight.bytes.count + 1))
        } else if reset {
            toClient.removeLast(random.below(toClient.count + 1))
        }
    }

    // MARK: The end

    /// Everything that must hold when nothing is left to happen.
    func verdict() throws(Violation) {
        if let violation { throw Violation(description: violation) }
        guard isRemoved else { throw Violation(description: "never closed: \(session.state)") }
        let judge = try ResponseJudge(received, plan: plan, sawCloseNotify: sawCloseNotify)
        if plan.isHarmless, judge.isCut {
            throw Violation(description: "cut without a cause after \(judge.complete)")
        }
        if plan.isHarmless, let status = judge.errors.first, status != "502" || !mayFail {
            throw Violation(description: "\(status) without a cause")
        }
        let leaves = plan.has(.halfClose) || plan.has(.closeNotify)
        let onlyLeaves = plan.faults.isSubset(of: [.halfClose, .closeNotify]) && leaves
        if onlyLeaves, plan.clientSendsAll, judge.complete == 0 {
            throw Violation(description: "a client that only ended its side got no answer")
        }
        if plan.faults.isEmpty || plan.faults == [.resetIdle], judge.complete != answerable {
            throw Violation(description: "\(judge.complete) of \(answerable) were answered")
        }
    }

    /// Whether a request that cannot be repeated may have met a connection that was reset.
    private var mayFail: Bool {
        (plan.has(.resetIdle) || plan.has(.earlyAnswer))
            && plan.requests.contains { $0.upload != nil }
    }

    /// Requests before the gateway closes of its own will, all of them if it does not.
    private var answerable: Int { mayFail ? answered : plan.requests.count }

    private var answered: Int {
        (try? ResponseJudge(received, plan: plan, sawCloseNotify: sawCloseNotify))?.complete ?? 0
    }
}
