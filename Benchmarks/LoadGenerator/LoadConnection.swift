import Core
import EventLoop
import TLS

/// One connection of the load generator, sans-I/O but for its buffers.
struct LoadConnection: ~Copyable {
    enum Progress {
        case none
        /// The handshake is done: the connection is ready for a request.
        case ready
        /// A response is complete.
        case answered
        case failed(String)
    }

    let socket: SocketHandle
    /// Where its session goes; nil where sessions are not kept.
    let turn: SessionSlots.Turn?
    var engine: TLSEngine
    var output: Buffer?
    var inFlight: Buffer?
    var isOpen = false
    var isClosing = false
    /// Whether both ends are known to be done with the handshake; until then what is sent and
    /// answered is not measured.
    var isWarm: Bool
    /// When the current request was due; nil while there is none.
    var dueAt: Instant?
    /// Bytes of the current request not yet encrypted.
    var unsent = 0
    /// When a slow reader reads on; nil while it reads.
    var readsAgainAt: Instant?
    private var response = LoadResponse()

    init(
        socket: SocketHandle, engine: consuming TLSEngine, isWarm: Bool,
        turn: SessionSlots.Turn? = nil
    ) {
        self.socket = socket
        self.turn = turn
        self.isWarm = isWarm
        self.engine = engine
    }

    /// Takes ciphertext. `plain` is scratch space.
    mutating func receive(_ bytes: ByteView, plain: inout Buffer, _ pool: BufferPool) -> Progress {
        var input = TLSInput(bytes)
        guard prepare(pool), var output else { return .failed("buffers") }
        defer { self.output = output }
        if !isOpen {
            switch engine.handshake(&input, &output) {
            case .needInput, .needOutput: return .none
            case .failed: return .failed("handshake")
            case .complete:
                isOpen = true
                return .ready
            }
        }
        while true {
            plain.removeAll()
            switch engine.read(into: &plain, &input, &output) {
            case .bytes:
                switch response.consume(plain.filled) {
                case .needMore: break
                case .complete: return .answered
                case .bad(let reason): return .failed(reason)
                }
            case .needInput, .needOutput: return .none
            case .closeNotify: return .failed("closed")
            case .failed: return .failed("tls")
            }
        }
    }

    /// Starts the handshake.
    mutating func start(_ pool: BufferPool) {
        guard prepare(pool), var output else { return }
        var input = TLSInput.empty
        _ = engine.handshake(&input, &output)
        self.output = output
    }

    /// Encrypts as much of the request as fits.
    mutating func write(_ request: ByteView, _ pool: BufferPool) -> Bool {
        guard unsent > 0, prepare(pool), var output else { return true }
        defer { self.output = output }
        switch engine.write(request.dropFirst(request.count - unsent), &output) {
        case .accepted(let count):
            unsent -= count
            return true
        case .failed:
            return false
        }
    }

    private mutating func prepare(_ pool: BufferPool) -> Bool {
        if output == nil { output = pool.take() }
        return output != nil
    }
}
