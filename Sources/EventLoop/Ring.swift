internal import CLinux
internal import Core

/// What a completion queue entry refers to: operation, generation and slot in 64 bits.
struct Token {
    enum Kind: UInt8 {
        case accept, connect, receive, send, cancel, close, wake, cancelWake
    }

    let rawValue: UInt64

    @inline(__always)
    init(rawValue: UInt64) { self.rawValue = rawValue }

    @inline(__always)
    init(_ kind: Kind, _ handle: SlabHandle) {
        rawValue =
            UInt64(kind.rawValue) << 56 | UInt64(handle.generation) << 32 | UInt64(handle.slot)
    }

    @inline(__always)
    var kind: Kind? { Kind(rawValue: UInt8(truncatingIfNeeded: rawValue >> 56)) }

    @inline(__always)
    var handle: SlabHandle {
        SlabHandle(
            slot: UInt32(truncatingIfNeeded: rawValue),
            generation: UInt32(truncatingIfNeeded: rawValue >> 32) & 0x00ff_ffff)
    }
}

extension SlabHandle {
    /// Names no socket: no generation is ever 0 while live.
    static let none = SlabHandle(slot: 0, generation: 0)
}

/// An io_uring with its provided buffers.
@safe
struct Ring: ~Copyable {
    // Invariant: `raw` is a live ring until `shutdown`; after that only the counters are read.
    private var raw: OpaquePointer?
    private let buffers: UnsafePointer<UInt8>
    private let bufferSize: Int
    /// How the kernel was asked to run completions: the best way it knows.
    let mode: String
    private var finalSystemCalls: UInt64 = 0
    private var finalFullCount: UInt64 = 0

    /// Tries the ring's modes from best to plainest.
    init(options: LoopOptions) throws(SystemError) {
        var raw: OpaquePointer?
        var result: Int32 = -1
        let modes = [
            (CLinux_ring_mode_defer, "deferred task work"),
            (CLinux_ring_mode_cooperative, "cooperative task work"),
            (CLinux_ring_mode_plain, "plain"),
        ]
        var name = ""
        for (mode, text) in modes {
            result = unsafe CLinux_ring_create(
                &raw, options.submissionEntries, options.completionEntries,
                Int32(mode))
            name = text
            if result >= 0 { break }
        }
        guard let ring = unsafe raw, result >= 0 else {
            throw SystemError(errno: -result, operation: "io_uring_setup")
        }
        result = unsafe CLinux_ring_check(ring)
        var operation = "io_uring_probe"
        if result >= 0 {
            operation = "io_uring_register_buf_ring"
            result = unsafe CLinux_ring_provide_buffers(
                ring, options.receiveBufferCount, options.receiveBufferSize)
        }
        guard result >= 0, let buffers = unsafe CLinux_ring_buffers(ring) else {
            unsafe CLinux_ring_destroy(ring)
            throw SystemError(errno: -result, operation: operation)
        }
        unsafe self.raw = ring
        unsafe self.buffers = UnsafePointer(buffers)
        bufferSize = Int(options.receiveBufferSize)
        mode = name
    }

    deinit {
        if let raw = unsafe raw { unsafe CLinux_ring_destroy(raw) }
    }

    var isShutDown: Bool { unsafe raw == nil }

    var systemCalls: UInt64 {
        if let raw = unsafe raw { unsafe CLinux_ring_system_calls(raw) } else { finalSystemCalls }
    }

    var fullCount: UInt64 {
        if let raw = unsafe raw { unsafe CLinux_ring_full_count(raw) } else { finalFullCount }
    }

    var hasOverflowed: Bool { unsafe CLinux_ring_overflowed(raw) != 0 }

    /// Destroys the ring; nothing may be in flight.
    mutating func shutdown() {
        guard let ring = unsafe raw else { return }
        finalFullCount = fullCount
        unsafe CLinux_ring_destroy(ring)
        unsafe raw = nil
    }

    // MARK: Turns

    func wait(_ timeout: Int64) { _ = unsafe CLinux_ring_wait(raw, timeout) }

    func submit() { unsafe CLinux_ring_submit(raw) }

    @unsafe
    func reap(_ batch: UnsafeMutablePointer<CLinux_completion>, _ limit: Int) -> Int {
        unsafe Int(CLinux_ring_reap(raw, batch, UInt32(limit)))
    }

    // MARK: Buffers

    @inline(__always)
    func bytes(ofBuffer index: Int32, count: Int32) -> ByteView {
        precondition(index >= 0 && count >= 0 && Int(count) <= bufferSize)
        return unsafe ByteView(base: buffers + Int(index) * bufferSize, count: Int(count))
    }

    @inline(__always)
    func recycle(_ index: Int32) { unsafe CLinux_ring_recycle(raw, UInt32(index)) }

    // MARK: Operations

    func accept(_ descriptor: Int32, _ token: Token) {
        unsafe CLinux_ring_accept(raw, descriptor, token.rawValue)
    }

    func receive(_ descriptor: Int32, _ token: Token) {
        unsafe CLinux_ring_receive(raw, descriptor, token.rawValue)
    }

    @unsafe
    func send(_ descriptor: Int32, _ base: UnsafePointer<UInt8>?, _ count: Int, _ token: Token) {
        unsafe CLinux_ring_send(raw, descriptor, base, count, token.rawValue)
    }

    @unsafe
    func send(_ descriptor: Int32, _ gather: OpaquePointer, _ token: Token) {
        unsafe CLinux_ring_send_gather(raw, descriptor, gather, token.rawValue)
    }

    @unsafe
    func connect(_ descriptor: Int32, _ gather: OpaquePointer, _ token: Token) {
        unsafe CLinux_ring_connect(raw, descriptor, gather, token.rawValue)
    }

    @unsafe
    func read(
        _ descriptor: Int32, _ target: UnsafeMutablePointer<UInt64>, _ count: UInt32,
        _ token: Token
    ) {
        unsafe CLinux_ring_read(raw, descriptor, target, count, token.rawValue)
    }

    func cancel(_ target: Token, _ token: Token) {
        unsafe CLinux_ring_cancel(raw, target.rawValue, token.rawValue)
    }

    func cancelAll(_ descriptor: Int32, _ token: Token) {
        unsafe CLinux_ring_cancel_all(raw, descriptor, token.rawValue)
    }

    func close(_ descriptor: Int32, _ token: Token) {
        unsafe CLinux_ring_close(raw, descriptor, token.rawValue)
    }
}
