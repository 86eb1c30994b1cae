import Core
import EventLoop
import TLS

/// Drives the connections of a plan on one event loop.
struct LoadDriver<Loop: Backend & ~Copyable>: ~Copyable {
    private var loop: Loop
    private let plan: LoadPlan
    private let context: ClientTLSContext
    private let pool: BufferPool
    private var plain: Buffer
    private var connections: Slab<LoadConnection>
    /// Connections that wait for a request (open loop).
    private var idle: FixedQueue<SlabHandle>
    private var nextDue = Instant(nanoseconds: 0)
    private var endsAt = Instant(nanoseconds: 0)
    private var opening = 0
    private var toOpen = 0
    var figures = LoadFigures()

    init(loop: consuming Loop, plan: LoadPlan, context: ClientTLSContext) {
        self.loop = loop
        self.plan = plan
        self.context = context
        pool = BufferPool(chunkSize: Limits.relayChunk, limit: 4 * plan.connections + 16)
        guard let plain = pool.take() else { preconditionFailure("a new pool has a chunk") }
        self.plain = plain
        connections = Slab(capacity: 2 * plan.connections + 1_024)
        idle = FixedQueue(capacity: plan.connections + 1)
    }

    mutating func run() {
        loop.wait(until: loop.now.monotonic)
        let start = loop.now.monotonic
        endsAt = start + plan.duration
        nextDue = start
        toOpen = plan.connections
        openMore()
        while loop.now.monotonic < endsAt || (plan.holdsIdle && opening + toOpen > 0) {
            guard loop.now.monotonic < endsAt + .seconds(60) else { break }
            sendDue()
            loop.wait(until: plan.interval == nil || idle.isEmpty ? endsAt : min(endsAt, nextDue))
            while let completion = loop.nextCompletion() { handle(completion) }
            openMore()
        }
        figures.seconds = Double(loop.now.monotonic.since(start).count) / 1e9
        figures.held = connections.count
        loop.shutdown()
    }

    // MARK: Requests

    /// Open loop: starts the requests whose time has come, latency counted from then.
    private mutating func sendDue() {
        guard let interval = plan.interval else { return }
        while loop.now.monotonic >= nextDue, let handle = idle.popFirst() {
            guard connections.contains(handle), !connections[handle].isClosing else { continue }
            send(handle, dueAt: nextDue)
            nextDue = nextDue + interval
        }
    }

    private mutating func send(_ handle: SlabHandle, dueAt: Instant) {
        connections[handle].dueAt = dueAt
        connections[handle].unsent = plan.request.count
        figures.bytesOut += UInt64(plan.request.count)
        flush(handle)
    }

    private mutating func flush(_ handle: SlabHandle) {
        guard !connections[handle].isClosing, connections[handle].inFlight == nil else { return }
        guard connections[handle].write(plan.request.filled, pool) else {
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

    private mutating func ready(_ handle: SlabHandle) {
        if plan.interval != nil {
            if !idle.isFull { idle.append(handle) }
        } else {
            send(handle, dueAt: loop.now.monotonic)
        }
    }

    private mutating func answered(_ handle: SlabHandle) {
        if let due = connections[handle].dueAt {
            figures.record(loop.now.monotonic.since(due))
            connections[handle].dueAt = nil
        }
        if plan.isNewPerRequest {
            close(handle)
            toOpen += 1
        } else if plan.holdsIdle {
            opening -= 1
        } else {
            ready(handle)
        }
    }

    // MARK: Connections

    private mutating func openMore() {
        // A gentle start: a whole backlog at once would measure the kernel's queue.
        let atOnce = plan.holdsIdle ? 64 : plan.connections
        while toOpen > 0, !plan.holdsIdle || opening < atOnce,
            let handle = connections.nextHandle
        {
            toOpen -= 1
            switch loop.connect(to: plan.address, owner: Self.owner(handle)) {
            case .success(let socket):
                let engine = TLSEngine(client: context, serverName: plan.serverName)
                _ = connections.insert(LoadConnection(socket: socket, engine: engine))
                if plan.holdsIdle { opening += 1 }
                if plan.isNewPerRequest { connections[handle].dueAt = loop.now.monotonic }
            case .failure:
                figures.fail("connect")
                return
            }
        }
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
        case .ready:
            figures.handshakes += 1
            let due = connections[handle].dueAt
            flush(handle)
            if let due { send(handle, dueAt: due) } else { ready(handle) }
        case .answered:
            answered(handle)
            if connections.contains(handle) { flush(handle) }
        case .failed(let reason): fail(handle, reason)
        }
    }

    private mutating func fail(_ handle: SlabHandle, _ reason: String) {
        guard !connections[handle].isClosing else { return }
        figures.fail(reason)
        if plan.holdsIdle, connections[handle].dueAt != nil || !connections[handle].isOpen {
            opening -= 1
        }
        close(handle)
        if !plan.holdsIdle { toOpen += 1 }
    }

    private mutating func close(_ handle: SlabHandle) {
        guard !connections[handle].isClosing else { return }
        connections[handle].isClosing = true
        loop.close(connections[handle].socket, reset: false)
    }
}
