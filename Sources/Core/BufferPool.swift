/// Chunks of one size for one worker: taken when bytes arrive, given back when they have left.
///
/// A reference: copies name the same pool. Not thread-safe, on purpose: a worker's own. Chunks
/// are allocated on first need and kept for reuse, the most recently used first (its lines are
/// still in the cache); `outstanding` returns to 0 when nothing is in flight, which tests check.
@safe
public struct BufferPool {
    @unsafe @usableFromInline
    struct State {
        // Invariant: `free[0 ..< freeCount]` are chunks of `chunkSize` bytes nobody holds.
        var free: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>>
        var freeCapacity: Int
        var freeCount: Int
        var outstanding: Int
        var allocated: Int
    }

    @usableFromInline let state: UnsafeMutablePointer<State>
    /// Size of each chunk in bytes.
    public let chunkSize: Int
    /// The most chunks that may be out at once.
    public let limit: Int

    /// A pool of at most `limit` chunks of `chunkSize` bytes each. Lives until `destroy()`.
    public init(chunkSize: Int, limit: Int) {
        precondition(chunkSize > 0 && limit > 0)
        self.chunkSize = chunkSize
        self.limit = limit
        unsafe state = .allocate(capacity: 1)
        let capacity = min(limit, 64)
        unsafe state.initialize(
            to: State(
                free: .allocate(capacity: capacity), freeCapacity: capacity, freeCount: 0,
                outstanding: 0, allocated: 0))
    }

    /// Chunks handed out and not yet back.
    public var outstanding: Int { unsafe state.pointee.outstanding }

    /// Chunks allocated so far, in use or free.
    public var allocated: Int { unsafe state.pointee.allocated }

    /// An empty chunk, or nil when `limit` chunks are out.
    ///
    /// - Complexity: O(1); allocates only while the pool is still growing.
    @inline(__always)
    public func take() -> Buffer? {
        guard unsafe state.pointee.outstanding < limit else { return nil }
        unsafe state.pointee.outstanding += 1
        if unsafe state.pointee.freeCount > 0 {
            unsafe state.pointee.freeCount -= 1
            let base = unsafe state.pointee.free[state.pointee.freeCount]
            return unsafe Buffer(base: base, capacity: chunkSize)
        }
        unsafe state.pointee.allocated += 1
        return unsafe Buffer(base: .allocate(capacity: chunkSize), capacity: chunkSize)
    }

    /// Takes `buffer` back.
    ///
    /// - Precondition: it came from this pool, and nothing refers to its bytes any more.
    @inline(__always)
    public func give(_ buffer: Buffer) {
        precondition(buffer.capacity == chunkSize)
        precondition(unsafe state.pointee.outstanding > 0)
        unsafe state.pointee.outstanding -= 1
        if unsafe state.pointee.freeCount == state.pointee.freeCapacity { growFreeList() }
        unsafe state.pointee.free[state.pointee.freeCount] = buffer.base
        unsafe state.pointee.freeCount += 1
    }

    /// Takes `buffer` back if there is one, and leaves nil behind.
    @inline(__always)
    public func give(_ buffer: inout Buffer?) {
        guard let held = buffer else { return }
        buffer = nil
        give(held)
    }

    /// Returns free chunks to the system until at most `kept` are allocated and idle.
    public func trim(keeping kept: Int) {
        while unsafe state.pointee.freeCount > kept {
            unsafe state.pointee.freeCount -= 1
            unsafe state.pointee.free[state.pointee.freeCount].deallocate()
            unsafe state.pointee.allocated -= 1
        }
    }

    /// Frees the pool.
    ///
    /// - Precondition: every chunk is back; the pool is not used afterwards.
    public func destroy() {
        precondition(outstanding == 0, "a buffer was not given back")
        trim(keeping: 0)
        unsafe state.pointee.free.deallocate()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    private func growFreeList() {
        let capacity = unsafe state.pointee.freeCapacity * 2
        let larger = UnsafeMutablePointer<UnsafeMutablePointer<UInt8>>
            .allocate(capacity: capacity)
        unsafe larger.moveInitialize(from: state.pointee.free, count: state.pointee.freeCount)
        unsafe state.pointee.free.deallocate()
        unsafe state.pointee.free = larger
        unsafe state.pointee.freeCapacity = capacity
    }
}
