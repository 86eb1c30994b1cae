import Authorization
import Core
import Crypto
import EventLoop
import Proxy
import TLS
import Telemetry
import Upstream

/// What the control plane tells a worker.
enum ControlMessage: Sendable {
    /// Stop accepting, end idle connections, finish the busy ones; stop at the deadline.
    case drain(within: Nanoseconds)
    /// Stop now.
    case stop
    /// New addresses for an upstream, from its names.
    case members(upstream: Int, [ResolvedMember])
    /// Serve by this from now on.
    case reload(Snapshot)
    /// This is revoked from now on; all else stays.
    case revocation(RevocationSet, Snapshot.Receipt)
    /// Ask external authorizers again about the certificate of this fingerprint; nil for all.
    case purge(Fingerprint?)
    /// Requests to AWS are signed by these from now on.
    case credentials(SignatureV4.Credentials)
}

/// One thread's share of the gateway: its loop, listeners, connections, pools and timers.
///
/// A worker shares nothing with another. It moves bytes and performs actions; every decision is
/// the `Session`'s or the `UpstreamPool`'s. Events are handled to completion, one after another.
struct Worker<Loop: Backend & ~Copyable>: ~Copyable {
    var loop: Loop
    var timers: TimerWheel
    var clients: Slab<Client>
    var connections: Slab<UpstreamConnection>
    var questions: Slab<Question>
    var pools: Slab<UpstreamPool>
    /// How each pool's upstream is spoken to by TLS; nil for plain text.
    var security: [UpstreamSecurity?]
    var turn: Turn
    var handshakes: HandshakeLimiter
    var failures: FailedHandshakes
    /// One refusal a second is logged, with how many there were since the last.
    var refusalEvents = EventLimiter(perSecond: 1, burst: 1)
    /// Failures of TLS to upstreams that are logged.
    var upstreamEvents = EventLimiter(perSecond: 5, burst: 20)
    let notices: WorkerNotices
    /// What questions to AWS are signed by.
    let signing: RequestSigning
    let credentials: AWSCredentialProvider
    var steps: HandshakeQueue
    var listeners: [SocketHandle] = []
    /// One per listener.
    var served: [Served]
    /// Contexts of earlier generations that connections may still use.
    var retired: [ServerTLSContext] = []
    var sweep: Sweep?
    /// When a revocation list goes stale next, seconds since 1970.
    var listsGoStale = Int64.max
    /// The next client to hear that the gateway is going to stop.
    var drainSlot: Int?
    var stopwatch = SweepStopwatch()
    /// What validation caches have done that are no more.
    var forgotten = ValidationCacheStatistics()
    let mailbox: Mailbox<ControlMessage>
    let options: WorkerOptions
    var stopAt = Instant.distantFuture
    var isStopping = false
    var acceptPausedUntil: Instant?
    var nextTick = Instant(nanoseconds: 0)
    var nextGauges = Instant(nanoseconds: 0)

    init(
        loop: consuming Loop, options: WorkerOptions, served: [Served],
        environment: SessionEnvironment, upstreams: [Snapshot.Upstream],
        mailbox: Mailbox<ControlMessage>, notices: WorkerNotices,
        credentials: AWSCredentialProvider
    ) {
        let now = loop.now
        self.credentials = credentials
        signing = RequestSigning(credentials.current(at: now.wallSeconds))
        self.loop = loop
        self.options = options
        self.served = served
        self.mailbox = mailbox
        self.notices = notices
        timers = TimerWheel(
            start: now.monotonic, capacity: options.clientLimit + Self.questionLimit)
        questions = Slab(capacity: Self.questionLimit)
        clients = Slab(capacity: options.clientLimit)
        connections = Slab(
            capacity: upstreams.reduce(0) { $0 + $1.options.maxConnections } * 2
                + WorkerOptions.spareConnections)
        pools = Slab(capacity: upstreams.count + UpstreamSlots.spare)
        for upstream in upstreams { _ = pools.insert(UpstreamPool(upstream.options)) }
        security = upstreams.map(\.security)
        turn = Turn(now: now, environment: environment)
        handshakes = HandshakeLimiter(limit: options.handshakeLimit)
        failures = FailedHandshakes(perMinute: options.handshakeFailuresPerSource)
        steps = HandshakeQueue(limit: options.handshakeLimit)
        if let revocation = served.first?.context.revocation {
            listsGoStale = revocation.nextStale(after: now.wallSeconds)
        }
        for listener in served { listener.table.sign(by: signing) }
    }

    /// Runs until told to stop. `descriptors` are this worker's listening sockets.
    mutating func run(listeners descriptors: [Int32]) {
        precondition(descriptors.count == served.count, "a descriptor for each listener")
        for (index, descriptor) in descriptors.enumerated() {
            listeners.append(loop.listen(descriptor, owner: Owner(listener: index).rawValue))
        }
        while !isStopping {
            loop.wait(until: nextDeadline)
            turn.now = loop.now
            for listener in served { listener.context.setTime(turn.now) }
            for context in retired { context.setTime(turn.now) }
            handleCompletions()
            stepHandshake()
            expireTimers()
            if sweep != nil { continueSweep() }
            if drainSlot != nil { continueDraining() }
            if stopwatch.isRunning { measureTurn() }
            if turn.now.monotonic >= nextTick { tick() }
        }
        shutdown()
    }

    /// Until when the worker may sleep: not at all while handshakes wait for their turn, or
    /// connections to hear of a reload or of the end.
    private var nextDeadline: Instant {
        steps.isEmpty && sweep == nil && drainSlot == nil
            ? min(min(timers.nextDeadline, nextTick), stopAt) : turn.now.monotonic
    }

    mutating func handleCompletions() {
        while let completion = loop.nextCompletion() { handle(completion) }
    }

    private mutating func handle(_ completion: Completion) {
        let owner = Owner(rawValue: completion.owner)
        switch owner.kind {
        case .wake: receiveMessages()
        case .listener: accepted(completion, listener: Int(owner.handle.slot))
        case .client: clientCompleted(owner.handle, completion)
        case .upstream: upstreamCompleted(owner.handle, completion)
        case .question, nil: preconditionFailure("a completion for nobody")
        }
    }

    private mutating func expireTimers() {
        while let owner = timers.nextExpired(upTo: turn.now.monotonic) {
            let handle = Owner(rawValue: owner).handle
            guard Owner(rawValue: owner).kind == .client else {
                questionExpired(handle)
                continue
            }
            guard clients.contains(handle), !clients[handle].isClosing else { continue }
            clients[handle].timer = nil
            clients[handle].session.timerFired(&turn)
            perform(for: handle)
        }
    }

    /// Periodic work: pools, drain, accept pause, gauges.
    private mutating func tick() {
        let now = turn.now.monotonic
        var isWaiting = false
        for index in 0..<pools.count {
            expire(pool: index)
            isWaiting = isWaiting || pools[poolHandle(index)].waiting > 0
        }
        if let until = acceptPausedUntil, now >= until {
            acceptPausedUntil = nil
            if !steps.holdsBackAccepting {
                for listener in listeners { loop.resumeAccepting(listener) }
            }
        }
        if now >= nextGauges {
            nextGauges = now + .seconds(1)
            publishGauges()
            dropRetiredContexts()
            judgeWhenStale()
            endFarewells()
        }
        if turn.isDraining, clients.count == 0 || now >= stopAt { isStopping = true }
        let period: Nanoseconds =
            isWaiting || turn.isDraining || acceptPausedUntil != nil
            ? .milliseconds(20) : .seconds(1)
        nextTick = now + period
    }

    private mutating func publishGauges() {
        let metrics = turn.environment.metrics
        let statistics = loop.statistics
        metrics.set(.loopTurns, statistics.turns)
        metrics.set(.loopSystemCalls, statistics.systemCalls)
        metrics.set(.loopBufferExhaustions, statistics.bufferExhaustions)
        metrics.set(.loopCompletionOverflows, statistics.completionOverflows)
        if let log = turn.environment.accessLog { metrics.set(.accessLogDropped, log.dropped) }
        var queued = 0
        var idle = 0
        var ejections: UInt64 = 0
        for index in 0..<pools.count {
            let pool = poolHandle(index)
            queued += pools[pool].waiting
            idle += pools[pool].idle
            ejections += pools[pool].ejections
            let open = pools[pool].busy + pools[pool].idle
            metrics.set(.connectionsOpen, upstream: index, UInt64(open))
            metrics.set(.connectionsIdle, upstream: index, UInt64(pools[pool].idle))
            metrics.set(.queued, upstream: index, UInt64(pools[pool].waiting))
        }
        metrics.set(.upstreamQueued, UInt64(queued))
        metrics.set(.upstreamIdle, UInt64(idle))
        metrics.set(.upstreamEjections, ejections)
        publishBufferedBytes()
        publishValidation()
        metrics.set(.connectionsActive, UInt64(clients.count))
        metrics.set(.handshakesInFlight, UInt64(handshakes.count))
        metrics.set(.handshakesWaiting, UInt64(steps.count))
        metrics.set(.upstreamConnectionsActive, UInt64(connections.count))
        metrics.set(
            .buffersOutstanding,
            UInt64(
                turn.environment.heads.outstanding + turn.environment.chunks.outstanding
                    + turn.environment.questions.outstanding))
    }

    private func publishValidation() {
        let metrics = turn.environment.metrics
        let total = served.reduce(forgotten) {
            $0 + $1.context.validationStatistics
        }
        metrics.set(.validationHits, total.hits)
        metrics.set(.validationMisses, total.misses)
        metrics.set(.validationEvictions, total.evictions)
        metrics.set(.validationExpired, total.expired)
        metrics.set(.validationRevoked, total.revokedOnHit)
    }

    private mutating func publishBufferedBytes() {
        var total = 0
        var largest = 0
        for slot in 0..<clients.slotsInUse {
            guard let handle = clients.handle(inSlot: slot) else { continue }
            let bytes = clients[handle].session.bufferedBytes
            total += bytes
            largest = max(largest, bytes)
        }
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot) else { continue }
            total += connections[handle].tls?.bufferedBytes ?? 0
        }
        turn.environment.metrics.set(
            .bufferedBytes, UInt64(total) + loop.statistics.heldBytes)
        turn.environment.metrics.set(.bufferedBytesLargest, UInt64(largest))
    }

    // MARK: Control

    private mutating func receiveMessages() {
        for message in mailbox.drain() {
            switch message {
            case .drain(let deadline): beginDraining(deadline)
            case .stop: isStopping = true
            case .members(let upstream, _) where isStopping || upstream >= pools.count:
                break
            case .members(let upstream, let members):
                pools[poolHandle(upstream)].update(members: members.addresses)
                security[upstream]?.hosts = members.hosts
                expire(pool: upstream)
            case .reload(let snapshot): apply(snapshot)
            case .revocation(let set, let receipt): apply(set, receipt)
            case .purge(let identity):
                for listener in served {
                    for authorizer in listener.table.authorizers { authorizer?.purge(identity) }
                }
            case .credentials(let credentials): signing.replace(by: credentials)
            }
        }
    }

    private mutating func beginDraining(_ deadline: Nanoseconds) {
        guard !turn.isDraining else { return }
        turn.isDraining = true
        stopAt = turn.now.monotonic + deadline
        nextTick = turn.now.monotonic
        for listener in listeners { loop.close(listener, reset: false) }
        listeners.removeAll()
        stopwatch.start()
        drainSlot = 0
    }

    /// Ends every connection, and waits until no operation refers to our memory.
    private mutating func shutdown() {
        for listener in listeners { loop.close(listener, reset: false) }
        for slot in 0..<clients.slotsInUse {
            guard let handle = clients.handle(inSlot: slot), !clients[handle].isClosing else {
                continue
            }
            clients[handle].session.stop(&turn)
            perform(for: handle)
        }
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot) else { continue }
            closeUpstream(handle)
        }
        var rounds = 0
        while clients.count + connections.count > 0, rounds < 200 {
            loop.wait(until: turn.now.monotonic + .milliseconds(10))
            turn.now = loop.now
            handleCompletions()
            rounds += 1
        }
        publishGauges()
        loop.shutdown()
        turn.release()
    }

    func poolHandle(_ index: Int) -> SlabHandle {
        SlabHandle(slot: UInt32(index), generation: 1)
    }
}
