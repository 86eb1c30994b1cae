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
    var engine: TLSEngine
    var output: Buffer?
    var inFlight: Buffer?
    var isOpen = false
    var isClosing = false
    /// When the current request was due; nil while there is none.
    var dueAt: Instant?
    /// Bytes of the current request not yet encrypted.
    var unsent = 0
    private var head: [UInt8] = []
    private var remaining: Int?

    init(socket: SocketHandle, engine: consuming TLSEngine) {
        self.socket = socket
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
                if consume(plain.filled) { return .answered }
                if remaining == nil, head.count > 65_536 { return .failed("response") }
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

    /// Takes plaintext; true when a response is complete.
    private mutating func consume(_ bytes: ByteView) -> Bool {
        var rest = bytes
        if remaining == nil {
            head += rest.array
            guard let end = Self.endOfHead(head) else { return false }
            let length = Self.contentLength(head[..<end])
            let body = head.count - end
            head.removeAll(keepingCapacity: true)
            rest = bytes.dropFirst(bytes.count - min(body, bytes.count))
            remaining = length
        }
        let left = (remaining ?? 0) - rest.count
        remaining = left > 0 ? left : nil
        return left <= 0
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var index = 3
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10 {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    /// The value of Content-Length; 0 when there is none.
    private static func contentLength(_ head: ArraySlice<UInt8>) -> Int {
        let name = Array("\ncontent-length:".utf8)
        var index = head.startIndex
        while index + name.count < head.endIndex {
            var offset = 0
            while offset < name.count {
                let byte = head[index + offset]
                let lower = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
                guard lower == name[offset] else { break }
                offset += 1
            }
            if offset == name.count {
                var value = 0
                for byte in head[(index + offset)...] {
                    if (48...57).contains(byte) { value = value * 10 + Int(byte - 48) }
                    if byte == 13 { return value }
                }
            }
            index += 1
        }
        return 0
    }
}
