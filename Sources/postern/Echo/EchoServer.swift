import Core
import EventLoop
import Glibc
import HTTP

/// A one-thread HTTP/1.1 backend on the event loop.
struct EchoServer<Loop: Backend & ~Copyable>: ~Copyable {
    var loop: Loop
    var connections = Slab<EchoConnection>(capacity: 20_000)
    var timers: TimerWheel
    var fields = HeadStorage(capacity: 200)
    /// Head and body of the answer in load mode.
    let prepared: Buffer?
    /// Load mode: how many of them were begun.
    var answers: UInt64 = 0

    init(loop: consuming Loop, bodyBytes: Int?) {
        timers = TimerWheel(start: loop.now.monotonic, capacity: 20_000)
        self.loop = loop
        prepared = bodyBytes.map { count in
            let head = Array(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(count)\r\n\r\n"
                    .utf8)
            guard
                var buffer = BufferPool(chunkSize: head.count + count + 1, limit: 1).take()
            else { preconditionFailure("a new pool has a chunk") }
            unsafe head.withUnsafeBytes { _ = unsafe buffer.append(ByteView($0)) }
            while buffer.count < head.count + count { buffer.append(UInt8(ascii: "x")) }
            return buffer
        }
    }

    mutating func run(_ descriptor: Int32) {
        _ = loop.listen(descriptor, owner: 1)
        while true {
            loop.wait(until: timers.nextDeadline)
            while let completion = loop.nextCompletion() { handle(completion) }
            while let owner = timers.nextExpired(upTo: loop.now.monotonic) {
                let handle = Self.handle(owner)
                guard connections.contains(handle) else { continue }
                flush(handle)
            }
        }
    }

    private static func owner(_ handle: SlabHandle) -> UInt64 {
        2 << 56 | UInt64(handle.generation) << 32 | UInt64(handle.slot)
    }

    private static func handle(_ owner: UInt64) -> SlabHandle {
        SlabHandle(
            slot: UInt32(truncatingIfNeeded: owner),
            generation: UInt32(truncatingIfNeeded: owner >> 32) & 0x00ff_ffff)
    }

    private mutating func handle(_ completion: Completion) {
        if completion.operation == .wake { return }
        if completion.operation == .accept {
            guard completion.result >= 0 else { return }
            guard let handle = connections.nextHandle,
                let socket = loop.adopt(completion.result, owner: Self.owner(handle))
            else { return }
            _ = connections.insert(EchoConnection(socket: socket))
            loop.startReceiving(socket)
            return
        }
        let handle = Self.handle(completion.owner)
        guard connections.contains(handle) else { return }
        switch completion.operation {
        case .receive where completion.result > 0:
            received(handle, completion.bytes)
        case .receive:
            close(handle, reset: false)
        case .send:
            connections[handle].isSending = false
            guard completion.result >= 0 else {
                close(handle, reset: false)
                return
            }
            sent(handle)
        case .close:
            _ = connections.remove(handle)
        case .accept, .connect, .wake:
            break
        }
    }

    private mutating func close(_ handle: SlabHandle, reset: Bool) {
        guard !connections[handle].isClosing else { return }
        connections[handle].isClosing = true
        loop.close(connections[handle].socket, reset: reset)
    }

    private mutating func received(_ handle: SlabHandle, _ bytes: ByteView) {
        if let prepared {
            let answers = connections[handle].countRequests(bytes, &fields)
            guard answers >= 0 else {
                close(handle, reset: true)
                return
            }
            connections[handle].owed += answers
            sendPrepared(handle, prepared)
            return
        }
        connections[handle].receive(bytes, &fields)
        flush(handle)
    }

    private mutating func sendPrepared(_ handle: SlabHandle, _ answer: Buffer) {
        guard !connections[handle].isSending, !connections[handle].isClosing else { return }
        guard connections[handle].owed > 0 else {
            if connections[handle].isAskedForCount { sendCount(handle) }
            return
        }
        connections[handle].owed -= 1
        connections[handle].isSending = true
        answers += 1
        loop.send(connections[handle].socket, answer.filled)
    }

    /// Tells a benchmark how many requests arrived, itself not counted.
    private mutating func sendCount(_ handle: SlabHandle) {
        connections[handle].isAskedForCount = false
        connections[handle].isSending = true
        let body = String(answers)
        connections[handle].inFlight = Array(
            "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
        let bytes = unsafe connections[handle].inFlight.withUnsafeBufferPointer {
            unsafe ByteView(UnsafeRawBufferPointer($0))
        }
        loop.send(connections[handle].socket, bytes)
    }

    private mutating func sent(_ handle: SlabHandle) {
        if let prepared {
            sendPrepared(handle, prepared)
            return
        }
        connections[handle].inFlight = []
        flush(handle)
    }

    /// Sends what is due, then does what the script says comes after.
    private mutating func flush(_ handle: SlabHandle) {
        guard !connections[handle].isSending, !connections[handle].isClosing,
            let step = connections[handle].nextStep(now: loop.now.monotonic)
        else { return }
        switch step {
        case .send:
            connections[handle].isSending = true
            let bytes = unsafe connections[handle].inFlight.withUnsafeBufferPointer {
                unsafe ByteView(UnsafeRawBufferPointer($0))
            }
            loop.send(connections[handle].socket, bytes)
        case .wait(let until):
            _ = timers.schedule(owner: Self.owner(handle), at: until)
        case .close: close(handle, reset: false)
        case .reset: close(handle, reset: true)
        }
    }
}
