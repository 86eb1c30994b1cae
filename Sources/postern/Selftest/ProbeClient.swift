import Core
import EventLoop
import Glibc
import Selftest
import TLS

/// Holds one conversation after the other with the gateway, each on a connection of its own.
struct ProbeClient: ~Copyable {
    /// Why the gateway cannot be reached.
    struct Unreachable: Error, CustomStringConvertible {
        let description: String
    }

    private static let chunkSize = 32_768
    private static let answerLimit = 1 << 20

    private let addresses: [ProbeTarget.Address]
    private let serverName: String
    private let context: ClientTLSContext
    private let timeout: Nanoseconds
    private let pool = BufferPool(chunkSize: ProbeClient.chunkSize, limit: 2)

    init(
        _ addresses: [ProbeTarget.Address], serverName: String, context: ClientTLSContext,
        timeout: Nanoseconds
    ) {
        self.addresses = addresses
        self.serverName = serverName
        self.context = context
        self.timeout = timeout
    }

    deinit { pool.destroy() }

    /// Sends `probe` and takes what comes back.
    func converse(_ probe: Probe) throws(Unreachable) -> Conversation {
        let descriptor = try connected()
        defer { close(descriptor) }
        context.setTime(Clock.now())
        guard let output = pool.take(), let plain = pool.take() else {
            preconditionFailure("each conversation gives its chunks back")
        }
        defer {
            pool.give(output)
            pool.give(plain)
        }
        var wire = ProbeWire(
            descriptor, TLSEngine(client: context, serverName: serverName), output, plain,
            deadline: Clock.monotonic() + timeout)
        if let end = wire.shakeHands() { return Conversation([], end) }
        if let end = wire.send(probe.bytes) { return Conversation([], end) }
        var received: [UInt8] = []
        while received.count < Self.answerLimit {
            if let end = wire.receive(into: &received) { return Conversation(received, end) }
            if Conversation.isComplete(received, probe.requests) {
                return Conversation(received, .answered)
            }
        }
        return Conversation(received, .timeout)
    }

    /// A connected socket, to the first address that answers.
    private func connected() throws(Unreachable) -> Int32 {
        var reason = "its name has no address"
        for address in addresses {
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            let descriptor = socket(address.family, kind, 0)
            guard descriptor >= 0 else { continue }
            var limit = timeval(
                tv_sec: Int(timeout.count / 1_000_000_000),
                tv_usec: Int(timeout.count % 1_000_000_000 / 1_000))
            var on: Int32 = 1
            // On Linux the limit for sending is one for connecting too.
            let isReady =
                unsafe setsockopt(
                    descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit,
                    socklen_t(MemoryLayout<timeval>.size)) == 0
                && setsockopt(
                    descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on,
                    socklen_t(MemoryLayout<Int32>.size)) == 0
            let isConnected = unsafe address.bytes.withUnsafeBytes { bytes in
                guard isReady, let base = bytes.baseAddress else { return false }
                return unsafe connect(
                    descriptor, base.assumingMemoryBound(to: sockaddr.self),
                    socklen_t(bytes.count)) == 0
            }
            if isConnected { return descriptor }
            reason = unsafe String(cString: strerror(errno))
            close(descriptor)
        }
        throw Unreachable(description: reason)
    }
}

/// A TLS connection on a blocking socket, until a deadline.
private struct ProbeWire: ~Copyable {
    private let descriptor: Int32
    private var engine: TLSEngine
    private var output: Buffer
    private var plain: Buffer
    private let deadline: Instant
    /// Ciphertext that the engine has not taken yet.
    private var input: [UInt8] = []

    init(
        _ descriptor: Int32, _ engine: consuming TLSEngine, _ output: Buffer, _ plain: Buffer,
        deadline: Instant
    ) {
        self.descriptor = descriptor
        self.engine = engine
        self.output = output
        self.plain = plain
        self.deadline = deadline
    }

    /// Completes the handshake; how the conversation ended when that is impossible.
    mutating func shakeHands() -> Conversation.End? {
        while true {
            var step = HandshakeResult.needInput
            withInput { (engine: inout TLSEngine, input: inout TLSInput, output: inout Buffer) in
                step = engine.handshake(&input, &output)
            }
            let hasSent = flush()
            switch step {
            case .complete: return hasSent ? nil : .noConnection(reason: "the connection broke")
            case .needOutput where hasSent: break
            case .needInput where hasSent:
                if let end = fill() {
                    guard case .closed(let reason) = end else { return end }
                    return .noConnection(reason: reason)
                }
            case .failed(let error): return .noConnection(reason: error.reason)
            case .needOutput, .needInput: return .noConnection(reason: "the connection broke")
            }
        }
    }

    /// Sends `bytes` encrypted. A connection that breaks meanwhile may have an answer to read.
    mutating func send(_ bytes: [UInt8]) -> Conversation.End? {
        var sent = 0
        while sent < bytes.count {
            let result = unsafe bytes.withUnsafeBytes {
                unsafe engine.write(ByteView($0).dropFirst(sent), &output)
            }
            switch result {
            case .accepted(let count): sent += count
            case .failed(let error): return .closed(reason: error.reason)
            }
            guard flush() else { return nil }
        }
        return nil
    }

    /// Appends plaintext to `received`; nil while more may come.
    mutating func receive(into received: inout [UInt8]) -> Conversation.End? {
        while true {
            plain.removeAll()
            var step = ReadResult.needInput
            var target = plain
            withInput { (engine: inout TLSEngine, input: inout TLSInput, output: inout Buffer) in
                step = engine.read(into: &target, &input, &output)
            }
            _ = flush()
            switch step {
            case .bytes:
                received += target.filled.array
                return nil
            case .needInput: if let end = fill() { return end }
            case .needOutput: break
            case .closeNotify: return .closed(reason: "connection closed")
            case .failed(let error): return .closed(reason: error.reason)
            }
        }
    }

    private mutating func withInput(
        _ body: (inout TLSEngine, inout TLSInput, inout Buffer) -> Void
    ) {
        var consumed = 0
        unsafe input.withUnsafeBytes {
            var bytes = unsafe TLSInput(ByteView($0))
            body(&engine, &bytes, &output)
            consumed = bytes.consumed
        }
        input.removeFirst(consumed)
    }

    /// Sends what the engine has written; false when the connection is broken.
    private mutating func flush() -> Bool {
        defer { output.removeAll() }
        let bytes = output.filled
        var sent = 0
        while sent < bytes.count {
            let rest = unsafe bytes.dropFirst(sent).raw
            let count = unsafe Glibc.send(
                descriptor, rest.baseAddress, rest.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Waits for ciphertext; nil when some came.
    private mutating func fill() -> Conversation.End? {
        let now = Clock.monotonic()
        guard now < deadline else { return .timeout }
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let wait = Int32(clamping: deadline.since(now).count / 1_000_000 + 1)
        guard unsafe poll(&event, 1, wait) > 0 else { return .timeout }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        if count == 0 { return .closed(reason: "connection closed") }
        guard count > 0 else {
            return .closed(reason: unsafe String(cString: strerror(errno)))
        }
        input += bytes.prefix(count)
        return nil
    }
}
