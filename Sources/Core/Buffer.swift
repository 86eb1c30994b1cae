#if canImport(Glibc)
import Glibc
#endif

/// A chunk of memory from a `BufferPool`, filled from the front.
///
/// A handle, not an owner: whoever took it from the pool gives it back to the pool exactly once,
/// and only when no kernel operation still refers to it.
///
///     0 ≤ count ≤ capacity        bytes [0, count) are filled, [count, capacity) are room
@safe
public struct Buffer {
    // Invariant: `base` points at `capacity` bytes that the pool handed out and has not got back.
    @usableFromInline let base: UnsafeMutablePointer<UInt8>
    /// Size of the chunk in bytes.
    public let capacity: Int
    /// Number of filled bytes.
    public private(set) var count: Int

    @unsafe
    init(base: UnsafeMutablePointer<UInt8>, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
        count = 0
    }

    /// Room left, in bytes.
    @inline(__always)
    public var available: Int { capacity - count }

    /// The filled bytes. Valid until the buffer is changed or given back.
    @inline(__always)
    public var filled: ByteView { unsafe ByteView(base: base, count: count) }

    /// Appends as much of `bytes` as there is room for; returns how many bytes that was.
    @inline(__always)
    @discardableResult
    public mutating func append(_ bytes: ByteView) -> Int {
        let copied = min(bytes.count, available)
        guard copied > 0 else { return 0 }
        unsafe memcpy(base + count, bytes.base, copied)
        count += copied
        return copied
    }

    /// Appends one byte.
    ///
    /// - Precondition: there is room.
    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        precondition(count < capacity)
        unsafe base[count] = byte
        count += 1
    }

    /// Lets `body` write into the room; it returns how many bytes it filled.
    @inline(__always)
    public mutating func withRoom(_ body: (UnsafeMutableRawBufferPointer) -> Int) {
        let room = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: available)
        let filled = unsafe body(room)
        precondition(filled >= 0 && filled <= available)
        count += filled
    }

    /// A second handle on the first `limit` bytes of the room, empty. What is appended to it
    /// becomes part of this buffer through `advance(by:)`.
    @inline(__always)
    public func room(upTo limit: Int) -> Buffer {
        unsafe Buffer(base: base + count, capacity: min(limit, available))
    }

    /// Counts the next `filled` bytes of the room as filled.
    @inline(__always)
    public mutating func advance(by filled: Int) {
        precondition(filled >= 0 && filled <= available)
        count += filled
    }

    /// Forgets all bytes.
    @inline(__always)
    public mutating func removeAll() { count = 0 }

    /// Drops the first `dropped` bytes and moves the rest to the front.
    public mutating func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count)
        guard dropped > 0 else { return }
        unsafe memmove(base, base + dropped, count - dropped)
        count -= dropped
    }

    /// Keeps the first `kept` bytes only.
    @inline(__always)
    public mutating func truncate(to kept: Int) {
        precondition(kept >= 0 && kept <= count)
        count = kept
    }
}
