import Core
import EventLoop
import TLS

/// What a flood came to. Being refused is no error: it is what a gateway may do.
struct FloodFigures {
    /// ClientHellos that were sent, each on a connection of its own.
    var hellos = 0
    /// Connections on which the server answered.
    var answered = 0
    /// Connections that the server closed or reset without an answer.
    var refused = 0
    /// Connections on which nothing came in time.
    var timedOut = 0
    /// Connections that could not be opened.
    var unopened = 0
    var seconds = 0.0

    var json: String {
        "{\"hellos\":\(hellos),\"answered\":\(answered),\"refused\":\(refused),"
            + "\"timedOut\":\(timedOut),\"unopened\":\(unopened),\"seconds\":\(seconds)}"
    }

    var text: String {
        "\(hellos) ClientHellos in \(seconds) s: \(answered) answered, \(refused) refused, "
            + "\(timedOut) timed out, \(unopened) not opened"
    }
}

/// A connection that has said its ClientHello, or is about to.
struct FloodConnection {
    let socket: SocketHandle
    let deadline: Instant
    var isClosing = false
}

/// Sends one recorded ClientHello on one new connection after the other and goes no further with
/// any: each costs the server a key exchange and a signature, and this side next to nothing.
struct FloodDriver<Loop: Backend & ~Copyable>: ~Copyable {
    /// How long a connection waits for the server's first bytes.
    private static var patience: Nanoseconds { .milliseconds(500) }
    /// How often that is looked at.
    private static var tick: Nanoseconds { .milliseconds(10) }

    private var loop: Loop
    private let address: SocketAddress
    private let hello: Buffer
    private let most: Int
    private let duration: Nanoseconds
    private var open: Slab<FloodConnection>
    /// When deadlines are looked at next.
    private var expiresAt = Instant(nanoseconds: 0)
    private var made = 0
    var figures = FloodFigures()

    /// Floods `plan.address` with at most `most` copies of what an engine of `context` says first.
    init(loop: consuming Loop, plan: LoadPlan, context: ClientTLSContext, most: Int) {
        self.loop = loop
        self.most = most
        address = plan.address
        duration = plan.duration
        hello = Self.record(context, plan.serverName)
        open = Slab(capacity: plan.connections)
    }

    /// The bytes of one ClientHello.
    private static func record(_ context: ClientTLSContext, _ serverName: String) -> Buffer {
        guard var hello = BufferPool(chunkSize: Limits.relayChunk, limit: 1).take() else {
            preconditionFailure("a new pool has a chunk")
        }
        var engine = TLSEngine(client: context, serverName: serverName)
        var input = TLSInput.empty
        _ = engine.handshake(&input, &hello)
        return hello
    }

    mutating func run() {
        loop.wait(until: loop.now.monotonic)
        let start = loop.now.monotonic
        let end = start + duration
        while loop.now.monotonic < end, made < most || open.count > 0 {
            expire()
            openMore()
            loop.wait(until: min(end, loop.now.monotonic + Self.tick))
            while let completion = loop.nextCompletion() { handle(completion) }
        }
        figures.seconds = Double(loop.now.monotonic.since(start).count) / 1e9
        loop.shutdown()
    }

    private mutating func openMore() {
        while made < most, let handle = open.nextHandle {
            let owner = 1 << 56 | UInt64(handle.generation) << 32 | UInt64(handle.slot)
            guard case .success(let socket) = loop.connect(to: address, owner: owner) else {
                figures.unopened += 1
                return
            }
            made += 1
            let deadline = loop.now.monotonic + Self.patience
            _ = open.insert(FloodConnection(socket: socket, deadline: deadline))
        }
    }

    /// Gives up those that waited long enough.
    private mutating func expire() {
        guard expiresAt <= loop.now.monotonic else { return }
        expiresAt = loop.now.monotonic + Self.tick
        for slot in 0..<open.slotsInUse {
            guard let handle = open.handle(inSlot: slot), !open[handle].isClosing,
                open[handle].deadline <= loop.now.monotonic
            else { continue }
            figures.timedOut += 1
            close(handle)
        }
    }

    private mutating func handle(_ completion: Completion) {
        let handle = SlabHandle(
            slot: UInt32(truncatingIfNeeded: completion.owner),
            generation: UInt32(truncatingIfNeeded: completion.owner >> 32) & 0x00ff_ffff)
        guard completion.operation != .wake, open.contains(handle) else { return }
        if completion.operation == .close {
            _ = open.remove(handle)
            return
        }
        guard !open[handle].isClosing else { return }
        switch completion.operation {
        case .connect where completion.result >= 0:
            figures.hellos += 1
            loop.startReceiving(open[handle].socket)
            loop.send(open[handle].socket, hello.filled)
        case .connect:
            figures.unopened += 1
            close(handle)
        case .receive where completion.result > 0:
            figures.answered += 1
            close(handle)
        case .receive:
            figures.refused += 1
            close(handle)
        case .send where completion.result < 0:
            figures.refused += 1
            close(handle)
        case .send, .accept, .close, .wake: break
        }
    }

    /// A reset leaves no port in TIME_WAIT, of which there are too few for a flood.
    private mutating func close(_ handle: SlabHandle) {
        open[handle].isClosing = true
        loop.close(open[handle].socket, reset: true)
    }
}
