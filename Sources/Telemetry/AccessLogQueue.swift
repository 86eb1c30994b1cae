public import Core
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// Log lines on their way from one worker to the writer's thread.
///
/// Bounded, and never blocking: a line that does not fit is dropped and counted. One thread
/// appends, one drains.
@safe
public final class AccessLogQueue: @unchecked Sendable {
    // Invariant: `head` and `tail` count bytes for ever; `tail - head` ≤ `capacity`; bytes
    // [head, tail) modulo `capacity` are filled with whole lines. The producer alone moves
    // `tail`, the consumer alone `head`.
    private let storage: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let droppedLines = Atomic<UInt64>(0)

    /// A queue of at most `capacity` bytes.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// Lines that did not fit, or that could not be written.
    public var dropped: UInt64 { droppedLines.load(ordering: .relaxed) }

    /// Appends a whole line; false when it was dropped.
    public func append(_ line: ByteView) -> Bool {
        let end = tail.load(ordering: .relaxed)
        let used = end - head.load(ordering: .acquiring)
        guard line.count <= capacity - used, let base = unsafe line.raw.baseAddress else {
            droppedLines.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        let offset = end % capacity
        let first = min(line.count, capacity - offset)
        unsafe memcpy(storage + offset, base, first)
        unsafe memcpy(storage, base + first, line.count - first)
        tail.store(end + line.count, ordering: .releasing)
        return true
    }

    /// Counts the lines that end in `bytes`, which were drained but cannot be written.
    public func countLost(in bytes: ByteView) {
        var lines: UInt64 = 0
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "\n") { lines += 1 }
        droppedLines.wrappingAdd(lines, ordering: .relaxed)
    }

    /// Hands everything queued to `body`, in at most two pieces. They are valid only inside it.
    public func drain(_ body: (ByteView) -> Void) {
        let start = head.load(ordering: .relaxed)
        let count = tail.load(ordering: .acquiring) - start
        guard count > 0 else { return }
        let offset = start % capacity
        let first = min(count, capacity - offset)
        unsafe body(ByteView(base: storage + offset, count: first))
        if count > first { unsafe body(ByteView(base: storage, count: count - first)) }
        head.store(start + count, ordering: .releasing)
    }
}
