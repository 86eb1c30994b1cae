internal import CLinux
internal import Core
internal import Glibc

/// The sockets of one backend and what both backends do alike: handles, the queue of sockets with
/// something to report, held bytes, blocks for gathered sends.
@safe
struct SocketTable: ~Copyable {
    // Invariant: `blocks[0 ..< blockCount]` are gather blocks no socket owns.
    var sockets: Slab<Socket>
    var held: HeldPool
    var statistics = LoopStatistics()
    /// Sockets to report in this turn, and those put off to the next.
    private var ready: FixedQueue<SlabHandle>
    private var deferred: FixedQueue<SlabHandle>
    /// How many more sockets may become ready within the turn.
    private var readyBudget = 0
    private var blocks: UnsafeMutablePointer<OpaquePointer>
    private var blockCount = 0

    private static var blockLimit: Int { 1_024 }
    private static var lateReadyLimit: Int { 512 }

    init(options: LoopOptions, chunkSize: Int) {
        sockets = Slab(capacity: options.socketLimit)
        held = HeldPool(chunkSize: chunkSize)
        // A slot may be reused while a stale entry of it still waits, hence twice the capacity.
        ready = FixedQueue(capacity: 2 * options.socketLimit)
        deferred = FixedQueue(capacity: 2 * options.socketLimit)
        unsafe blocks = .allocate(capacity: Self.blockLimit)
    }

    deinit {
        var index = 0
        while index < blockCount {
            unsafe CLinux_gather_destroy(blocks[index])
            index += 1
        }
        unsafe blocks.deallocate()
    }

    // MARK: Sockets

    mutating func insert(_ socket: Socket) -> SlabHandle? {
        guard !sockets.isFull else { return nil }
        statistics.openSockets += 1
        return sockets.insert(socket)
    }

    /// Whether `handle` names a socket that is not being closed.
    @inline(__always)
    func isOpen(_ handle: SlabHandle) -> Bool {
        sockets.contains(handle) && !sockets[handle].has(.isClosing)
    }

    /// Forgets a socket and makes its last completion.
    mutating func remove(_ handle: SlabHandle) -> Completion {
        discardInput(handle)
        releaseGather(handle)
        statistics.openSockets -= 1
        let socket = sockets.remove(handle)
        return Completion(.close, owner: socket.owner, result: 0)
    }

    // MARK: Queue

    var hasReady: Bool { !ready.isEmpty || !deferred.isEmpty }

    /// Begins a turn: what was put off is ready now.
    mutating func beginTurn() {
        while let handle = deferred.popFirst() { ready.append(handle) }
        readyBudget = Self.lateReadyLimit
    }

    /// Queues a socket that has something to report, in this turn as long as the budget lasts.
    mutating func enqueue(_ handle: SlabHandle) {
        guard !sockets[handle].has(.isQueued) else { return }
        sockets[handle].flags.insert(.isQueued)
        if readyBudget > 0 && !ready.isFull {
            readyBudget -= 1
            ready.append(handle)
        } else {
            deferred.append(handle)
        }
    }

    /// Queues a socket for the next turn.
    mutating func enqueueDeferred(_ handle: SlabHandle) {
        guard !sockets[handle].has(.isQueued) else { return }
        sockets[handle].flags.insert(.isQueued)
        deferred.append(handle)
    }

    /// The next socket of this turn that may have something to report.
    @inline(__always)
    mutating func dequeue() -> SlabHandle? {
        while let handle = ready.popFirst() {
            guard sockets.contains(handle) else { continue }
            sockets[handle].flags.remove(.isQueued)
            return handle
        }
        return nil
    }

    // MARK: Input

    /// Held bytes, or the end behind them, if they may be delivered now.
    mutating func takeHeldInput(_ handle: SlabHandle) -> Completion? {
        guard sockets[handle].has(.wantsInput) else { return nil }
        let owner = sockets[handle].owner
        if !sockets[handle].held.isEmpty {
            let bytes = held.lend(from: &sockets[handle].held)
            if !sockets[handle].held.isEmpty || sockets[handle].has(.hasEnd) { enqueue(handle) }
            return Completion(
                .receive, owner: owner, result: Int32(truncatingIfNeeded: bytes.count),
                bytes: bytes)
        }
        guard sockets[handle].has(.hasEnd) else { return nil }
        return deliverEnd(handle)
    }

    /// Makes the one completion that ends the stream.
    mutating func deliverEnd(_ handle: SlabHandle) -> Completion {
        sockets[handle].flags.remove([.hasEnd, .wantsInput])
        sockets[handle].flags.insert(.endDelivered)
        return Completion(.receive, owner: sockets[handle].owner, result: sockets[handle].end)
    }

    mutating func discardInput(_ handle: SlabHandle) {
        held.discard(&sockets[handle].held)
        sockets[handle].flags.remove([.hasEnd, .wantsInput])
    }

    // MARK: Sends

    /// Notes a contiguous send.
    mutating func beginSend(_ handle: SlabHandle, _ bytes: ByteView) {
        precondition(!sockets[handle].has(.isSending), "a send is in flight")
        precondition(!bytes.isEmpty && bytes.count <= Int(Int32.max))
        sockets[handle].flags.insert(.isSending)
        sockets[handle].sendTotal = bytes.count
        sockets[handle].sendRemaining = bytes.count
        unsafe sockets[handle].sendBase =
            bytes.raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
    }

    /// Notes a gathered send: the addresses, not the bytes, are copied.
    mutating func beginSend(_ handle: SlabHandle, _ segments: borrowing SegmentList) {
        precondition(!sockets[handle].has(.isSending), "a send is in flight")
        let total = segments.totalBytes
        precondition(total > 0 && total <= Int(Int32.max))
        let gather = unsafe takeGather()
        unsafe CLinux_gather_reset(gather)
        var index = 0
        while index < segments.count {
            let bytes = segments[index]
            unsafe CLinux_gather_append(gather, bytes.raw.baseAddress, bytes.count)
            index += 1
        }
        sockets[handle].flags.insert(.isSending)
        sockets[handle].sendTotal = total
        sockets[handle].sendRemaining = total
        unsafe sockets[handle].gather = gather
    }

    /// Ends the send and makes its completion.
    mutating func finishSend(_ handle: SlabHandle, result: Int32) -> Completion {
        releaseGather(handle)
        unsafe sockets[handle].sendBase = nil
        sockets[handle].flags.remove([.isSending, .sendDone, .isSendParked])
        return Completion(.send, owner: sockets[handle].owner, result: result)
    }

    // MARK: Gather blocks

    @unsafe
    mutating func takeGather() -> OpaquePointer {
        if blockCount > 0 {
            blockCount -= 1
            return unsafe blocks[blockCount]
        }
        guard let block = unsafe CLinux_gather_create() else {
            preconditionFailure("out of memory")
        }
        return unsafe block
    }

    @unsafe
    mutating func giveGather(_ block: OpaquePointer) {
        guard blockCount < Self.blockLimit else {
            unsafe CLinux_gather_destroy(block)
            return
        }
        unsafe blocks[blockCount] = block
        blockCount += 1
    }

    mutating func releaseGather(_ handle: SlabHandle) {
        guard let block = unsafe sockets[handle].gather else { return }
        unsafe sockets[handle].gather = nil
        unsafe giveGather(block)
    }
}
