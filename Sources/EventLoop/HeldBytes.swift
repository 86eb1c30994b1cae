internal import Core
internal import Glibc

/// One piece of a socket's kept bytes; the bytes follow in the same allocation.
@unsafe
struct HeldChunk {
    // Invariant: bytes [start, end) of the `HeldBytes.chunkSize` after the header are filled.
    var next: UnsafeMutablePointer<HeldChunk>?
    var start: Int
    var end: Int
}

/// The kept bytes of one socket, oldest first: a list of chunks of a `HeldPool`.
@safe
struct HeldBytes {
    // Invariant: `last` is the final chunk of the list at `first`; both are nil when it is empty.
    fileprivate var first: UnsafeMutablePointer<HeldChunk>?
    fileprivate var last: UnsafeMutablePointer<HeldChunk>?

    init() { unsafe (first, last) = (nil, nil) }

    @inline(__always)
    var isEmpty: Bool { unsafe first == nil }
}

/// Chunks for held bytes, kept for reuse. Bytes are held only while a consumer is paused, so the
/// pool starts empty and grows with need.
@safe
struct HeldPool: ~Copyable {
    // Invariant: `free` lists chunks nobody holds; `lent` is the chunk whose bytes were handed out.
    private var free: UnsafeMutablePointer<HeldChunk>?
    private var freeCount = 0
    private var lent: UnsafeMutablePointer<HeldChunk>?
    private let chunkSize: Int
    /// Bytes held by all sockets.
    private(set) var heldBytes = 0

    /// Chunks beyond this many are given back to the system.
    private static var freeLimit: Int { 256 }

    init(chunkSize: Int) {
        self.chunkSize = chunkSize
        unsafe (free, lent) = (nil, nil)
    }

    deinit {
        var next = unsafe free
        while let chunk = unsafe next {
            unsafe next = chunk.pointee.next
            unsafe UnsafeMutableRawPointer(chunk).deallocate()
        }
        if let chunk = unsafe lent { unsafe UnsafeMutableRawPointer(chunk).deallocate() }
    }

    /// Adds a copy of `bytes` behind what `held` has.
    mutating func append(_ bytes: ByteView, to held: inout HeldBytes) {
        var rest = bytes
        heldBytes += bytes.count
        while !rest.isEmpty {
            if let last = unsafe held.last, unsafe last.pointee.end < chunkSize {
                let count = unsafe min(rest.count, chunkSize - last.pointee.end)
                unsafe Self.copy(rest.prefix(count), to: last)
                rest = rest.dropFirst(count)
                continue
            }
            let chunk = unsafe take()
            if let last = unsafe held.last {
                unsafe last.pointee.next = chunk
            } else {
                unsafe held.first = chunk
            }
            unsafe held.last = chunk
        }
    }

    /// Adds a copy of `bytes` before what `held` has.
    mutating func prepend(_ bytes: ByteView, to held: inout HeldBytes) {
        guard !bytes.isEmpty else { return }
        var front = HeldBytes()
        append(bytes, to: &front)
        if let last = unsafe front.last { unsafe last.pointee.next = held.first }
        unsafe held.first = front.first
        if unsafe held.last == nil { unsafe held.last = front.last }
    }

    /// Takes the oldest bytes, those of one chunk; they stay valid until `reclaim`.
    mutating func lend(from held: inout HeldBytes) -> ByteView {
        precondition(unsafe lent == nil, "lent bytes were not reclaimed")
        guard let chunk = unsafe held.first else { return .empty }
        let start = unsafe chunk.pointee.start
        let count = unsafe chunk.pointee.end - start
        heldBytes -= count
        let bytes = unsafe ByteView(base: Self.bytes(of: chunk) + start, count: count)
        Self.removeFirst(of: &held)
        unsafe lent = chunk
        return bytes
    }

    /// Moves the oldest bytes into `target`, across chunks, and leaves alone what is lent; false
    /// when there are not that many.
    @unsafe
    mutating func move(to target: UnsafeMutableRawBufferPointer, from held: inout HeldBytes)
        -> Bool
    {
        var filled = 0
        while filled < target.count {
            guard let chunk = unsafe held.first else { return false }
            let start = unsafe chunk.pointee.start
            let count = unsafe min(target.count - filled, chunk.pointee.end - start)
            let source = unsafe UnsafeRawBufferPointer(
                start: Self.bytes(of: chunk) + start, count: count)
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(
                from: source)
            filled += count
            heldBytes -= count
            unsafe chunk.pointee.start += count
            if unsafe chunk.pointee.start == chunk.pointee.end {
                Self.removeFirst(of: &held)
                unsafe give(chunk)
            }
        }
        return true
    }

    private static func removeFirst(of held: inout HeldBytes) {
        unsafe held.first = held.first?.pointee.next
        if unsafe held.first == nil { unsafe held.last = nil }
    }

    /// Ends the loan.
    @inline(__always)
    mutating func reclaim() {
        guard let chunk = unsafe lent else { return }
        unsafe lent = nil
        unsafe give(chunk)
    }

    /// Forgets all of `held`.
    mutating func discard(_ held: inout HeldBytes) {
        while let chunk = unsafe held.first {
            unsafe held.first = chunk.pointee.next
            heldBytes -= unsafe chunk.pointee.end - chunk.pointee.start
            unsafe give(chunk)
        }
        unsafe held.last = nil
    }

    @unsafe
    private mutating func take() -> UnsafeMutablePointer<HeldChunk> {
        if let chunk = unsafe free {
            unsafe free = chunk.pointee.next
            freeCount -= 1
            unsafe chunk.initialize(to: HeldChunk(next: nil, start: 0, end: 0))
            return unsafe chunk
        }
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: unsafe MemoryLayout<HeldChunk>.stride + chunkSize,
            alignment: unsafe MemoryLayout<HeldChunk>.alignment)
        let chunk = unsafe memory.bindMemory(to: HeldChunk.self, capacity: 1)
        unsafe chunk.initialize(to: HeldChunk(next: nil, start: 0, end: 0))
        return unsafe chunk
    }

    @unsafe
    private mutating func give(_ chunk: UnsafeMutablePointer<HeldChunk>) {
        guard freeCount < Self.freeLimit else {
            unsafe UnsafeMutableRawPointer(chunk).deallocate()
            return
        }
        unsafe chunk.pointee.next = free
        unsafe free = chunk
        freeCount += 1
    }

    @unsafe
    private static func bytes(
        of chunk: UnsafeMutablePointer<HeldChunk>
    ) -> UnsafeMutablePointer<UInt8> {
        unsafe (UnsafeMutableRawPointer(chunk) + MemoryLayout<HeldChunk>.stride)
            .assumingMemoryBound(to: UInt8.self)
    }

    @unsafe
    private static func copy(_ bytes: ByteView, to chunk: UnsafeMutablePointer<HeldChunk>) {
        let target = unsafe self.bytes(of: chunk) + chunk.pointee.end
        if let source = unsafe bytes.raw.baseAddress {
            unsafe memcpy(target, source, bytes.count)
        }
        unsafe chunk.pointee.end += bytes.count
    }
}
