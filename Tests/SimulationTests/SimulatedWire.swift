import Authorization
import Core
import Crypto
import HTTP
import Identity
import Proxy
import TLS
import Telemetry
import TestSupport
import Testing

/// One session between a real TLS client and a scripted upstream, with virtual time.
///
/// The wire cuts every transfer at random places, delays sends, and holds what the session does
/// not take, as a backend of the event loop would. Everything follows from the seed.
struct SimulatedWire: ~Copyable {
    private var random: SplitMix
    private var session: Session
    private var client: TLSEngine
    private var turn: Turn
    private let environment: SessionEnvironment
    private let pool = BufferPool(chunkSize: 1 << 17, limit: 4)
    /// Bytes between the parties, in order.
    private var toSession: [UInt8] = []
    private var toClient: [UInt8] = []
    private var toUpstream: [UInt8] = []
    private var fromUpstream: [UInt8] = []
    private var clientSend: [UInt8]?
    private var upstreamSend: [UInt8]?
    private var request: [UInt8]
    private var isUpstreamOpen = false
    private var wantsUpstream = false
    private let answer: ([UInt8]) -> [UInt8]?
    /// What the client decrypted.
    private(set) var received: [UInt8] = []
    /// What the upstream got.
    private(set) var forwarded: [UInt8] = []
    private(set) var isClosed = false
    private(set) var connects = 0

    /// - Parameter answer: the upstream's next bytes for all that it has received since its last
    ///   answer; nil while it wants more.
    init(
        seed: UInt64, pki: TestPKI, request: [UInt8], answer: @escaping ([UInt8]) -> [UInt8]?
    ) throws {
        let serverContext = try pki.serverContext()
        let clientContext = try pki.clientContext([.init("CN", "client1")])
        let headers = try IdentityHeaderSet([
            IdentityHeader(name: "X-Client-Cert-Sub", format: "subject")
        ])
        let firewall = try HeaderFirewall(ownedNames: headers.ownedNames)
        random = SplitMix(state: seed)
        self.request = request
        self.answer = answer
        let route = Route(
            name: "all", upstream: 0, requirement: .verifiedCertificate, allowsWebSocket: false)
        environment = SessionEnvironment(
            heads: BufferPool(chunkSize: 20_480, limit: 8),
            chunks: BufferPool(chunkSize: Limits.relayChunk, limit: 16),
            questions: BufferPool(chunkSize: 65_536, limit: 8),
            metrics: WorkerMetrics(upstreams: 1), accessLog: nil, timeouts: ProxyTimeouts(),
            limits: ProxyLimits(), requestIDPrefix: 1)
        let table = RoutingTable(
            virtualHosts: [
                VirtualHost(
                    name: "main", serverNames: ["localhost"], identityHeaders: headers,
                    routes: [route])
            ],
            firewall: firewall,
            upstreamNames: ["u"], forwarding: .xForwarded, trustedProxies: AddressList(),
            addsRequestID: true, addsVia: false)
        let now = Now(monotonic: Instant(nanoseconds: 1), wallSeconds: 0)
        turn = Turn(now: now, environment: environment)
        client = TLSEngine(
            client: clientContext, serverName: "localhost")
        session = Session(
            engine: TLSEngine(server: serverContext), table: table,
            peer: PeerAddress(.ipv4(0x7f00_0001, port: 1)), turn: &turn)
        perform()
    }

    /// Buffers out, of both pools, beside the turn's staging buffer.
    var outstanding: Int {
        environment.heads.outstanding + environment.chunks.outstanding - 1
    }

    // MARK: Steps

    /// Lets one random thing happen; false when nothing is left to happen.
    mutating func step() -> Bool {
        var possible: [Int] = [0]
        if !toSession.isEmpty { possible.append(1) }
        if clientSend != nil { possible.append(2) }
        if upstreamSend != nil { possible.append(3) }
        if wantsUpstream { possible.append(4) }
        if !fromUpstream.isEmpty { possible.append(5) }
        let before = received.count + request.count + toSession.count
        switch possible[Int(random.next() % UInt64(possible.count))] {
        case 1: deliverToSession()
        case 2: finishClientSend()
        case 3: finishUpstreamSend()
        case 4: openUpstream()
        case 5: deliverFromUpstream()
        default: runClient()
        }
        let after = received.count + request.count + toSession.count
        return possible.count > 1 || before != after || !toClient.isEmpty
    }

    private mutating func some(_ count: Int) -> Int {
        random.next() % 3 == 0 ? count : Int(random.next() % UInt64(count)) + 1
    }

    private mutating func runClient() {
        guard var output = pool.take(), var plain = pool.take() else { return }
        defer {
            pool.give(output)
            pool.give(plain)
        }
        let bytes = toClient
        var taken = 0
        unsafe bytes.withUnsafeBytes { raw in
            var input = unsafe TLSInput(ByteView(raw))
            if !client.isEstablished { _ = client.handshake(&input, &output) }
            if client.isEstablished { _ = client.read(into: &plain, &input, &output) }
            taken = input.consumed
        }
        toClient.removeFirst(taken)
        received += plain.filled.array
        if client.isEstablished, !request.isEmpty {
            let piece = Array(request.prefix(some(request.count)))
            var sent = 0
            unsafe piece.withUnsafeBytes {
                if case .accepted(let count) = unsafe client.write(ByteView($0), &output) {
                    sent = count
                }
            }
            request.removeFirst(sent)
        }
        toSession += output.filled.array
    }

    private mutating func deliverToSession() {
        let piece = Array(toSession.prefix(some(toSession.count)))
        var taken = 0
        unsafe piece.withUnsafeBytes {
            taken = unsafe session.downstreamReceived(ByteView($0), &turn)
        }
        toSession.removeFirst(taken)
        perform()
    }

    private mutating func finishClientSend() {
        guard let bytes = clientSend else { return }
        clientSend = nil
        toClient += bytes
        session.downstreamSent(code: Int32(bytes.count), &turn)
        perform()
    }

    private mutating func finishUpstreamSend() {
        guard let bytes = upstreamSend else { return }
        upstreamSend = nil
        forwarded += bytes
        toUpstream += bytes
        if let next = answer(toUpstream) {
            toUpstream = []
            fromUpstream += next
        }
        session.upstreamSent(code: Int32(bytes.count), &turn)
        perform()
    }

    private mutating func openUpstream() {
        wantsUpstream = false
        isUpstreamOpen = true
        connects += 1
        session.upstreamReady(isReused: connects > 1, &turn)
        perform()
    }

    private mutating func deliverFromUpstream() {
        guard isUpstreamOpen else { return }
        let piece = Array(fromUpstream.prefix(some(fromUpstream.count)))
        var taken = 0
        unsafe piece.withUnsafeBytes {
            taken = unsafe session.upstreamReceived(ByteView($0), &turn)
        }
        fromUpstream.removeFirst(taken)
        perform()
    }

    private mutating func perform() {
        while let action = turn.actions.popFirst() {
            switch action {
            case .sendDownstream: clientSend = session.nextDownstreamSend().array
            case .sendUpstream:
                switch session.nextUpstreamSend() {
                case .head:
                    let head = session.upstreamHead
                    upstreamSend = (0..<head.count).flatMap { head[$0].array }
                case .chunk(let bytes): upstreamSend = bytes.array
                }
            case .acquireUpstream: wantsUpstream = true
            case .releaseUpstream: isUpstreamOpen = false
            case .closeDownstream:
                isClosed = true
                session.releaseBuffers(environment)
            case .armTimer, .authorize, .cancelAuthorization, .cancelUpstream, .resumeDownstream,
                .resumeUpstream,
                .shutdownDownstreamWrite, .shutdownUpstreamWrite:
                break
            }
        }
    }
}

/// A small generator whose whole state is a seed.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
