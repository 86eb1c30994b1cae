import Authorization
public import Core
import HTTP
import Identity
public import TLS
public import Telemetry

/// A client connection's whole life, as a pure state machine: events in, actions out.
///
///     awaitingProxyHeader ─┐
///          ┌───────────────┘
///     handshaking ─▶ readingHead (─▶ authorizing) ─▶ choosingUpstream ─▶ relaying ─▶ readingHead …
///          │              │                │               ├──▶ tunnelling ─┐
///          └──────────────┴────────────────┴───────────────┴──▶ draining ◀──┘
///                                                                   │
///                                                 lingering ◀───────┤
///                                                     └──▶ closed ◀─┘
///
/// It owns the TLS engine and the buffers in use, never a socket: the worker performs its actions
/// and reports what came of them. Memory is bounded per direction by `OutboundQueue`: bytes that
/// cannot be taken are left unconsumed, and the worker holds their source until the session asks
/// for more with a `resume…` action.
public struct Session: ~Copyable {
    /// Where the connection stands.
    public enum State: UInt8, Sendable {
        /// A balancer is to say first whose connection this is.
        case awaitingProxyHeader
        /// The TLS handshake is in progress.
        case handshaking
        /// Idle, or a request head is arriving.
        case readingHead
        /// An external authorizer has the last word on a request.
        case authorizing
        /// A request is authorized and waits for an upstream connection.
        case choosingUpstream
        /// Request and response bytes flow.
        case relaying
        /// A WebSocket: bytes flow both ways until both sides have ended.
        case tunnelling
        /// The last bytes are leaving; then the write side is shut.
        case draining
        /// Everything is sent; late bytes are discarded until the client closes.
        case lingering
        /// Nothing more happens.
        case closed
    }

    /// Where the connection stands.
    public internal(set) var state = State.handshaking
    /// When the session wants to hear of the time; `distantFuture` for never.
    public internal(set) var deadline: Instant
    /// When the worker's timer for this session is to fire: what an `.armTimer` asks for. Never
    /// later than `deadline`, which may have moved on before the action is performed.
    public internal(set) var armedAt = Instant.distantFuture

    var engine: TLSEngine
    var downstream = OutboundQueue()
    var upstreamQueue = OutboundQueue()
    /// Decrypted bytes of a head that is not complete, or of a pipelined one; the beginning of a
    /// PROXY header before there is any head.
    var pending: Buffer?
    var scanned = 0
    var exchange = Exchange()
    var identity = ClientIdentity.anonymous
    /// What the rules of the virtual host's routes say of the identity; nil when none has rules.
    var verdicts: RouteVerdicts?
    /// What an external authorizer said of the last request; nil when it holds for no other.
    var memo: DecisionMemo?
    /// What log lines say of the client's identity, rendered once; empty without an access log.
    var logIdentity: [UInt8] = []
    /// Index into the virtual hosts of `table`, once the handshake has chosen.
    var virtualHost = 0
    var table: RoutingTable
    /// A newer table, for the next request.
    var successor: RoutingTable?
    /// Set when a reload left this connection no place, or its certificate was revoked: it starts
    /// no further exchange.
    var retirement: Retirement?

    var isDownstreamHeld = false
    /// Set when reading stopped because the client's queue had no room for an answer.
    var isWaitingForRoom = false
    var isUpstreamHeld = false
    /// Set inside `pump`: what it calls must not run the engine a second time.
    var isPumping = false
    var hasReceivedEnd = false
    var hasUpstreamEnded = false
    /// What TLS to the upstream failed of: with the last attempt to connect, or since.
    var upstreamFault: ServerFault?
    var hasShutUpstream = false
    var hasShutDownstream = false
    var closeReason = CloseReason.clientClosed
    var served: UInt64 = 0
    /// The client; until a PROXY header has come, the balancer.
    public internal(set) var peer: PeerAddress
    /// Whether the handshake ended in a way that counts against its source: it failed, or was
    /// given up once a ClientHello had cost us work.
    public internal(set) var hasFailedHandshake = false
    let isProxyHeaderOptional: Bool
    let acceptedAt: Instant

    /// A session for a connection just accepted from `peer`. The virtual hosts of `table` are
    /// those of the engine's context, in the same order; `expects` says what comes before TLS.
    ///
    /// - Precondition: the connection is not `refused`.
    public init(
        engine: consuming TLSEngine, table: RoutingTable, peer: PeerAddress,
        expects: ProxyProtocolPolicy.Expectation = .none, turn: inout Turn
    ) {
        precondition(expects != .refused)
        if expects != .none { state = .awaitingProxyHeader }
        isProxyHeaderOptional = expects == .optional
        self.engine = engine
        self.table = table
        self.peer = peer
        acceptedAt = turn.now.monotonic
        deadline = acceptedAt + turn.environment.timeouts.handshake
        armedAt = deadline
        turn.actions.append(.armTimer)
    }

    /// Whether the client is not known yet: neither the handshake nor the connection is over.
    public var isHandshaking: Bool { state == .awaitingProxyHeader || state == .handshaking }

    /// Whether the client has sent its whole ClientHello (security rule S26).
    public var hasClientHello: Bool { engine.clientHelloSeen }

    /// Whether the connection waits between two requests, and holds no buffer.
    public var isIdle: Bool { state == .readingHead && pending == nil && downstream.isEmpty }

    /// Bytes that this session has buffered, both directions together.
    public var bufferedBytes: Int {
        downstream.bufferedBytes + upstreamQueue.bufferedBytes + (pending?.count ?? 0)
            + (exchange.head?.count ?? 0) + (exchange.responseHead?.count ?? 0)
            + (exchange.trailers?.count ?? 0)
    }

    /// Why the connection ended, or would be said to end now.
    public var reasonForClosing: CloseReason { closeReason }

    // MARK: Events of the client's side

    /// Bytes came from the client.
    ///
    /// - Returns: how many were taken. The worker holds the rest until `.resumeDownstream`.
    public mutating func downstreamReceived(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        var input = TLSInput(bytes)
        pump(&input, &turn)
        switch state {
        case .draining, .lingering, .closed:
            // Late bytes are read and forgotten: left unread they would reset the connection.
            return bytes.count
        case .awaitingProxyHeader, .handshaking, .readingHead, .authorizing, .choosingUpstream,
            .relaying, .tunnelling:
            if input.consumed < bytes.count { isDownstreamHeld = true }
            return input.consumed
        }
    }

    /// The client ended its side (`code` 0) or its connection failed (`code` is `-errno`).
    public mutating func downstreamEnded(code: Int32, _ turn: inout Turn) {
        hasReceivedEnd = true
        switch state {
        case .awaitingProxyHeader, .handshaking:
            turn.environment.metrics.increment(.handshakesAborted)
            hasFailedHandshake = hasClientHello
            close(.handshakeFailed, reset: false, &turn)
        case .lingering, .closed:
            close(closeReason, reset: false, &turn)
        case .draining where code == 0:
            break
        case .readingHead where code == 0 && isWaitingForRoom:
            // What it sent before its end is read when the client's queue has room again.
            break
        case .readingHead where code == 0 && !downstream.isEmpty:
            // The end of the last response is still on its way.
            closeReason = pending == nil ? .clientClosed : .clientAborted
            startDraining(sendsCloseNotify: true, &turn)
        case .readingHead:
            close(pending == nil ? .clientClosed : .clientAborted, reset: false, &turn)
        case .tunnelling where code == 0:
            endTunnelInput(&turn)
        case .authorizing, .choosingUpstream, .relaying, .draining, .tunnelling:
            // A client may end its side and still read the response (half-close); one that is gone
            // fails the next send. Without the rest of a request there is nothing to wait for.
            let isWaiting =
                (exchange.isRequestFinished || hasUnreadBody) && state != .tunnelling
            guard code != 0 || !isWaiting else { return }
            abandon(.clientAborted, &turn)
        }
    }

    /// The send of `nextDownstreamSend()` is done: `code` is its size, or `-errno`.
    public mutating func downstreamSent(code: Int32, _ turn: inout Turn) {
        downstream.sendCompleted(turn.environment.chunks)
        guard code >= 0 else {
            abandon(.clientAborted, &turn)
            return
        }
        turn.environment.metrics.add(.bytesSent, UInt64(code))
        exchange.progress &+= UInt64(code)
        continueDownstream(&turn)
    }

    /// The chunk that a `.sendDownstream` action announced. Valid until `downstreamSent`.
    public mutating func nextDownstreamSend() -> ByteView { downstream.startSend() }

    // MARK: Pumping

    /// Runs the engine over `input` until it wants more, or the present state takes no more.
    mutating func pump(_ input: inout TLSInput, _ turn: inout Turn) {
        guard !isPumping else { return }
        isPumping = true
        var goesOn = true
        while goesOn {
            switch state {
            case .handshaking: goesOn = stepHandshake(&input, &turn)
            case .readingHead: goesOn = readHead(&input, &turn)
            case .relaying: goesOn = readRequestBody(&input, &turn)
            case .tunnelling: goesOn = readTunnel(&input, &turn)
            case .awaitingProxyHeader, .authorizing, .choosingUpstream, .draining, .lingering,
                .closed:
                goesOn = false
            }
        }
        flushUpstream(&turn)
        flushDownstream(&turn)
        isPumping = false
        endIfNoMoreComes(&turn)
    }

    /// Whether the client has sent bytes that were not looked at yet: of this request, or of others
    /// that it has pipelined.
    var hasUnreadInput: Bool {
        exchange.received > exchange.consumed || pending != nil || engine.hasPending
            || isDownstreamHeld
    }

    /// Ends a connection whose client has ended its side, once every request that came before that
    /// end is answered. What is left unread then is no whole request.
    mutating func endIfNoMoreComes(_ turn: inout Turn) {
        guard hasReceivedEnd, state == .readingHead, !isWaitingForRoom, !isPumping,
            !isDownstreamHeld
        else { return }
        closeReason = pending == nil ? .clientClosed : .clientAborted
        startDraining(sendsCloseNotify: true, &turn)
    }

    /// Runs the engine over what it may hold inside, and asks for what the worker holds.
    mutating func resumeReading(_ turn: inout Turn) {
        if engine.hasPending || pending != nil { pumpNothing(&turn) }
        guard isDownstreamHeld, state != .closed else { return }
        isDownstreamHeld = false
        turn.actions.append(.resumeDownstream)
    }

    /// Runs the engine over what is inside it, and the session over what it has decrypted.
    mutating func pumpNothing(_ turn: inout Turn) {
        var nothing = TLSInput(.empty)
        pump(&nothing, &turn)
    }

    /// Starts a send if there is something to send and none is in flight.
    mutating func flushDownstream(_ turn: inout Turn) {
        guard state != .closed else { return }
        if downstream.announceSend() {
            turn.actions.append(.sendDownstream)
        } else {
            downstream.releaseIfIdle(turn.environment.chunks)
        }
    }

    /// After a send to the client: send what waits, let the source go on, or finish closing.
    private mutating func continueDownstream(_ turn: inout Turn) {
        if downstream.announceSend() { turn.actions.append(.sendDownstream) }
        if isWaitingForRoom, state != .draining, state != .lingering {
            isWaitingForRoom = false
            if state == .handshaking { pumpNothing(&turn) }
            resumeReading(&turn)
            endIfNoMoreComes(&turn)
        }
        if isUpstreamHeld, state == .relaying || state == .tunnelling {
            isUpstreamHeld = false
            turn.actions.append(.resumeUpstream)
        }
        if state == .handshaking || state == .tunnelling || hasShutDownstream {
            finishTunnelIfEnded(&turn)
        }
        if state == .draining, downstream.isEmpty { finishDraining(&turn) }
    }

    private mutating func stepHandshake(_ input: inout TLSInput, _ turn: inout Turn) -> Bool {
        guard downstream.prepare(from: turn.environment.chunks), var output = downstream.filling
        else {
            close(.outOfBuffers, reset: true, &turn)
            return false
        }
        let result = engine.handshake(&input, &output)
        downstream.filling = output
        switch result {
        case .needInput:
            return false
        case .needOutput:
            isWaitingForRoom = true
            return false
        case .complete:
            establish(&turn)
            return state == .readingHead
        case .failed(let error):
            hasFailedHandshake = true
            recordHandshakeFailure(error, &turn)
            closeReason = .handshakeFailed
            startDraining(sendsCloseNotify: false, &turn)
            return false
        }
    }

    /// The handshake is done: fixes virtual host and identity for the connection's life.
    private mutating func establish(_ turn: inout Turn) {
        let duration = turn.now.monotonic.since(acceptedAt)
        turn.environment.metrics.increment(.handshakesCompleted)
        if engine.isResumed { turn.environment.metrics.increment(.handshakesResumed) }
        turn.environment.metrics.recordHandshake(duration: duration)
        guard let chosen = engine.virtualHostIndex else {
            preconditionFailure("a handshake completes only on a virtual host")
        }
        virtualHost = chosen
        let host = table.virtualHosts[chosen]
        do throws(IdentityError) {
            identity = try ClientIdentity(peer: engine.peer, sets: host.identitySets)
        } catch {
            recordRefusedIdentity(error, engine.peer?.leaf, &turn)
            close(.identityRefused, reset: true, &turn)
            return
        }
        judgeIdentity(&turn)
        if turn.environment.accessLog != nil { renderLogIdentity(&turn) }
        state = .readingHead
        setDeadline(turn.now.monotonic + turn.environment.timeouts.idle, &turn)
        // The rules may have changed while the client was proving itself under those of before.
        if let newer = successor, newer.place(for: host, peer: engine.peer) == nil {
            retire(.configurationChanged, &turn)
        }
    }
}
