import Core
import EventLoop
import TLS

/// Drives the connections of a plan on one event loop.
///
/// Connections that are kept open first, and each has one request answered, before the clock of the
/// measurement starts: a client is done with a TLS 1.3 handshake before the server is.
struct LoadDriver<Loop: Backend & ~Copyable>: ~Copyable {
    private enum Phase {
        case opening
        case measuring
        /// The duration is over: nothing starts but what was due before.
        case draining
    }

    private var loop: Loop
    private let plan: LoadPlan
    /// One for each client certificate, used in turn.
    private let contexts: ClientContexts
    private var connectionsMade = 0
    private var sessions: SessionSlots
    private let pool: BufferPool
    private var plain: Buffer
    private var connections: Slab<LoadConnection>
    /// Connections that wait for a request (open loop).
    private var idle: FixedQueue<SlabHandle>
    private var phase = Phase.opening
    private var nextDue = Instant(nanoseconds: 0)
    private var endsAt = Instant(nanoseconds: 0)
    /// Connections that are not warm yet, and those still to be opened.
    private var opening = 0
    private var toOpen = 0
    /// Requests that were due and have no answer yet.
    private var unanswered = 0
    var figures = LoadFigures()

    init(loop: consuming Loop, plan: LoadPlan, contexts: ClientContexts) {
        self.loop = loop
        self.plan = plan
        self.contexts = contexts
        // Those that are closing hold theirs no longer.
        sessions = SessionSlots(count: plan.connections)
        pool = BufferPool(chunkSize: Limits.relayChunk, limit: 4 * plan.connections + 16)
        guard let plain = pool.take() else { preconditionFailure("a new pool has a chunk") }
        self.plain = plain
        connections = Slab(capacity: 2 * plan.connections + 1_024)
        // Room for the handles of connections that failed while they waited.
        idle = FixedQueue(capacity: 2 * plan.connections + 1_024)
    }

    mutating func run() {
        loop.wait(until: loop.now.monotonic)
        let began = loop.now.monotonic
        toOpen = plan.connections
        if plan.isNewPerRequest || open() {
            if plan.holdsIdle { hold(until: began + plan.duration) } else { measure() }
        }
        figures.held = connections.count
        loop.shutdown()
    }

    // MARK: Phases

    /// Opens and warms all connections; false when that does not succeed in time.
    private mutating func open() -> Bool {
        let giveUp = loop.now.monotonic + LoadPlan.openingTime
        while opening + toOpen > 0 {
            guard loop.now.monotonic < giveUp, figures.errorCount <= UInt64(plan.connections) else {
                figures.fail("not ready")
                return false
            }
            openMore()
            turn(until: giveUp)
        }
        return true
    }

    private mutating func hold(until end: Instant) {
        let start = loop.now.monotonic
        while loop.now.monotonic < end { turn(until: end) }
        figures.seconds = seconds(since: start)
    }

    private mutating func measure() {
        let settled = loop.now.monotonic + plan.settling
        while loop.now.monotonic < settled { turn(until: settled) }
        phase = .measuring
        figures.bytesIn = 0
        figures.bytesOut = 0
        let start = loop.now.monotonic
        endsAt = start + plan.duration
        nextDue = start
        if plan.interval == nil {
            while let handle = idle.popFirst() { self.start(handle, dueAt: start) }
        }
        while loop.now.monotonic < endsAt, !isComplete {
            sendDue()
            openMore()
            turn(until: min(endsAt, nextWake))
            resumeReaders()
        }
        if plan.readRate == nil { drain() }
        figures.seconds = seconds(since: start)
    }

    /// Whether as many requests were answered as there should be, or failed.
    private var isComplete: Bool { connectionsMade >= plan.requestLimit && unanswered == 0 }

    private var nextWake: Instant {
        if plan.readRate != nil { return loop.now.monotonic + LoadPlan.readingTick }
        return idle.isEmpty ? endsAt : nextDue
    }

    /// Waits for the answers to what was due before the end, and counts those that do not come.
    private mutating func drain() {
        phase = .draining
        let giveUp = endsAt + LoadPlan.drainingTime
        while unanswered > 0 || isBehind, loop.now.monotonic < giveUp {
            sendDue()
            turn(until: giveUp)
        }
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot),
                let due = connections[handle].dueAt
            else { continue }
            figures.recordUnanswered(loop.now.monotonic.since(due))
        }
        while isBehind, let interval = plan.interval {
            figures.recordUnanswered(loop.now.monotonic.since(nextDue))
            nextDue = nextDue + interval
        }
    }

    private mutating func turn(until deadline: Instant) {
        loop.wait(until: deadline)
        while let completion = loop.nextCompletion() { handle(completion) }
    }

    private func seconds(since start: Instant) -> Double {
        Double(loop.now.monotonic.since(start).count) / 1e9
    }

    // MARK: Requests

    /// Whether a request of the open loop is due and not sent yet.
    private var isBehind: Bool {
        plan.interval != nil && nextDue < endsAt && nextDue <= loop.now.monotonic
    }

    /// Open loop: starts the requests whose time has come, latency counted from then.
    private mutating func sendDue() {
        guard let interval = plan.interval else { return }
        while isBehind, let handle = idle.popFirst() {
            guard start(handle, dueAt: nextDue) else { continue }
            nextDue = nextDue + interval
        }
    }

    /// Starts a measured request; false when the connection is gone.
    @discardableResult
    private mutating func start(_ handle: SlabHandle, dueAt: Instant) -> Bool {
        guard connections.contains(handle), !connections[handle].isClosing else { return false }
        setDue(handle, dueAt)
        send(handle)
        return true
    }

    private mutating func setDue(_ handle: SlabHandle, _ due: Instant) {
        connections[handle].dueAt = due
        unanswered += 1
    }

    private mutating func takeDue(_ handle: SlabHandle) -> Instant? {
        guard let due = connections[handle].dueAt else { return nil }
        connections[handle].dueAt = nil
        unanswered -= 1
        return due
    }

    private func request(_ handle: SlabHandle) -> Buffer {
        connections[handle].isWarm ? plan.request : plan.warmUp
    }

    private mutating func send(_ handle: SlabHandle) {
        let count = request(handle).count
        connections[handle].unsent = count
        figures.bytesOut += UInt64(count)
        flush(handle)
    }

    private mutating func flush(_ handle: SlabHandle) {
        guard !connections[handle].isClosing, connections[handle].inFlight == nil else { return }
        guard connections[handle].write(request(handle).filled, pool) else {
            fail(handle, "write")
            return
        }
        guard let output = connections[handle].output else { return }
        connections[handle].output = nil
        guard output.count > 0 else {
            pool.give(output)
            return
        }
        connections[handle].inFlight = output
        loop.send(connections[handle].socket, output.filled)
    }

    /// The handshake is done, as far as the client can tell.
    private mutating func opened(_ handle: SlabHandle) {
        figures.handshakes += 1
        if connections[handle].engine.isResumed { figures.resumed += 1 }
        if connections[handle].turn?.isFirst == true { figures.firstHandshakes += 1 }
        flush(handle)
        guard !connections[handle].isClosing else { return }
        // A whole answer would take a slow reader longer than the run.
        if plan.readRate != nil {
            warm(handle)
            ready(handle)
            return
        }
        if plan.holdsIdle { setDue(handle, loop.now.monotonic) }
        send(handle)
    }

    private mutating func warm(_ handle: SlabHandle) {
        guard !connections[handle].isWarm else { return }
        connections[handle].isWarm = true
        opening -= 1
    }

    private mutating func ready(_ handle: SlabHandle) {
        if phase == .measuring, plan.interval == nil {
            start(handle, dueAt: loop.now.monotonic)
        } else if !plan.holdsIdle, !idle.isFull {
            idle.append(handle)
        }
    }

    private mutating func answered(_ handle: SlabHandle) {
        if let due = takeDue(handle) {
            figures.record(loop.now.monotonic.since(due))
        } else {
            figures.warmUps += 1
        }
        warm(handle)
        if plan.isNewPerRequest {
            close(handle)
            toOpen += 1
        } else {
            ready(handle)
        }
    }

    // MARK: Slow readers

    /// Pauses a slow reader for as long as `count` bytes take at its rate.
    private mutating func slowDown(_ handle: SlabHandle, after count: Int32) {
        guard let rate = plan.readRate, !connections[handle].isClosing else { return }
        let pause = Nanoseconds(UInt64(count) * 1_000_000_000 / rate)
        connections[handle].readsAgainAt = loop.now.monotonic + pause
        loop.pauseReceiving(connections[handle].socket)
    }

    private mutating func resumeReaders() {
        guard plan.readRate != nil else { return }
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot),
                let until = connections[handle].readsAgainAt, until <= loop.now.monotonic
            else { continue }
            connections[handle].readsAgainAt = nil
            loop.resumeReceiving(connections[handle].socket)
        }
    }

    // MARK: Connections

    private mutating func openMore() {
        while toOpen > 0, opening < LoadPlan.openingLimit, connectionsMade < plan.requestLimit,
            let handle = connections.nextHandle
        {
            toOpen -= 1
            switch loop.connect(to: plan.address, owner: Self.owner(handle)) {
            case .success(let socket):
                insert(socket)
                // Where the handshake is measured, a request is due before it.
                if plan.isNewPerRequest {
                    setDue(handle, loop.now.monotonic)
                } else {
                    opening += 1
                }
            case .failure:
                figures.fail("connect")
                return
            }
        }
    }

    private mutating func insert(_ socket: SocketHandle) {
        let turn = plan.resumes ? sessions.take() : nil
        // A series of sessions is one client's.
        guard let context = contexts.context(turn?.slot ?? connectionsMade) else {
            preconditionFailure("a certificate that was listed cannot be loaded")
        }
        connectionsMade += 1
        let engine = TLSEngine(
            client: context, serverName: plan.serverName, resuming: turn?.session)
        _ = connections.insert(
            LoadConnection(
                socket: socket, engine: engine, isWarm: plan.isNewPerRequest, turn: turn))
    }

    private static func owner(_ handle: SlabHandle) -> UInt64 {
        1 << 56 | UInt64(handle.generation) << 32 | UInt64(handle.slot)
    }

    private mutating func handle(_ completion: Completion) {
        let handle = SlabHandle(
            slot: UInt32(truncatingIfNeeded: completion.owner),
            generation: UInt32(truncatingIfNeeded: completion.owner >> 32) & 0x00ff_ffff)
        guard completion.operation != .wake, connections.contains(handle) else { return }
        switch completion.operation {
        case .connect:
            guard completion.result >= 0 else {
                fail(handle, "connect")
                return
            }
            loop.startReceiving(connections[handle].socket)
            connections[handle].start(pool)
            flush(handle)
        case .receive where completion.result > 0:
            figures.bytesIn += UInt64(completion.result)
            received(handle, completion.bytes)
            if phase == .measuring { slowDown(handle, after: completion.result) }
        case .receive:
            fail(handle, completion.result == 0 ? "closed" : "receive")
        case .send:
            pool.give(&connections[handle].inFlight)
            guard completion.result >= 0 else {
                fail(handle, "send")
                return
            }
            flush(handle)
        case .close:
            var connection = connections.remove(handle)
            pool.give(&connection.inFlight)
            pool.give(&connection.output)
        case .accept, .wake:
            break
        }
    }

    private mutating func received(_ handle: SlabHandle, _ bytes: ByteView) {
        switch connections[handle].receive(bytes, plain: &plain, pool) {
        case .none: flush(handle)
        case .ready: opened(handle)
        case .answered:
            answered(handle)
            if connections.contains(handle) { flush(handle) }
        case .failed(let reason): fail(handle, reason)
        }
    }

    private mutating func fail(_ handle: SlabHandle, _ reason: String) {
        guard !connections[handle].isClosing else { return }
        figures.fail(reason)
        _ = takeDue(handle)
        if !connections[handle].isWarm { opening -= 1 }
        close(handle)
        if !plan.holdsIdle { toOpen += 1 }
    }

    private mutating func close(_ handle: SlabHandle) {
        guard !connections[handle].isClosing else { return }
        connections[handle].isClosing = true
        if let turn = connections[handle].turn {
            sessions.give(turn.slot, connections[handle].engine.takeSession())
        }
        loop.close(connections[handle].socket, reset: false)
    }
}
