internal import CLinux
public import Core
internal import Glibc

/// Completions from io_uring: multishot receives, provided buffers, one system call
/// per turn.
///
/// Made on, and used by, one thread. A pause is lazy: the kernel's receive is cancelled when more
/// data is to be expected (the last receive filled its buffer) or has come; short pauses between
/// two messages cost nothing.
@safe
public struct UringBackend: ~Copyable, Backend {
    // Invariant: operations in the kernel refer only to the provided buffers, to `wakeCounter`, to
    // gather blocks owned by a socket whose `inFlight` is not 0, and to bytes lent to `send`.
    var ring: Ring
    var table: SocketTable
    /// The completion queue's entries of this turn, copied out.
    let batch: UnsafeMutablePointer<CLinux_completion>
    var batchCount = 0
    var batchNext = 0
    /// The provided buffer whose bytes were handed out, or -1.
    var lentBuffer: Int32 = -1
    var wake: WakeSignal?
    let wakeCounter: UnsafeMutablePointer<UInt64>
    var isWakeArmed = false
    var isShutDown = false
    let bufferSize: Int
    /// Both clocks, as read at the end of the last `wait`.
    public internal(set) var now: Now

    static var batchLimit: Int { 256 }

    /// A backend for the calling thread; fails with the system's error where io_uring is missing,
    /// forbidden, too old, or short of lockable memory.
    public init(options: LoopOptions = LoopOptions()) throws(SystemError) {
        let ring = try Ring(options: options)
        self.ring = ring
        bufferSize = Int(options.receiveBufferSize)
        table = SocketTable(options: options, chunkSize: Int(options.receiveBufferSize))
        unsafe batch = .allocate(capacity: Self.batchLimit)
        unsafe wakeCounter = .allocate(capacity: 1)
        unsafe wakeCounter.initialize(to: 0)
        now = Clock.now()
    }

    deinit {
        precondition(isShutDown, "shut the backend down first")
        unsafe batch.deallocate()
        unsafe wakeCounter.deallocate()
    }

    /// What the backend did so far.
    public var statistics: LoopStatistics {
        var statistics = table.statistics
        statistics.heldBytes = UInt64(table.held.heldBytes)
        statistics.systemCalls += ring.systemCalls
        statistics.submissionOverflows = ring.fullCount
        return statistics
    }

    // MARK: Turns

    /// One turn: submits, waits for a completion or the deadline, reads both clocks.
    public mutating func wait(until deadline: Instant) {
        reclaimLent()
        table.statistics.turns += 1
        let isBusy = table.hasReady || batchNext < batchCount
        ring.wait(isBusy ? 0 : Clock.remaining(until: deadline))
        now = Clock.now()
        if ring.hasOverflowed { table.statistics.completionOverflows += 1 }
        table.beginTurn()
    }

    /// Gives the kernel what is queued, with one system call when there is any.
    public mutating func submit() { ring.submit() }

    /// The next completion of this turn, or nil when there is none left.
    public mutating func nextCompletion() -> Completion? {
        reclaimLent()
        while true {
            if let handle = table.dequeue() {
                guard let completion = report(handle) else { continue }
                table.statistics.completions += 1
                return completion
            }
            if batchNext == batchCount {
                batchNext = 0
                batchCount = ring.isShutDown ? 0 : unsafe ring.reap(batch, Self.batchLimit)
                if batchCount == 0 { return nil }
            }
            let entry = unsafe batch[batchNext]
            batchNext += 1
            guard let completion = handle(entry) else { continue }
            table.statistics.completions += 1
            return completion
        }
    }

    /// Ends the loan of the bytes handed out last.
    @inline(__always)
    private mutating func reclaimLent() {
        if lentBuffer >= 0 {
            ring.recycle(lentBuffer)
            lentBuffer = -1
        }
        table.held.reclaim()
    }

    // MARK: Waking

    /// A handle by which any thread ends `wait` with a `.wake` completion.
    public mutating func wakeHandle() -> WakeHandle {
        if let wake { return WakeHandle(signal: wake) }
        guard let signal = try? WakeSignal() else {
            preconditionFailure("no descriptor left for the wake counter")
        }
        wake = signal
        armWake()
        return WakeHandle(signal: signal)
    }

    mutating func armWake() {
        guard let wake else { return }
        isWakeArmed = true
        unsafe ring.read(wake.descriptor, wakeCounter, 8, Token(.wake, .none))
    }

    // MARK: Shutdown

    /// Closes every socket, listeners first, and the backend itself.
    public mutating func shutdown() {
        guard !isShutDown else { return }
        isShutDown = true
        closeAll(listeners: true)
        closeAll(listeners: false)
        if isWakeArmed { ring.cancel(Token(.wake, .none), Token(.cancelWake, .none)) }
        // Cancelled operations end in the next turn or two; the bound is for a broken kernel.
        let deadline = Clock.monotonic() + .seconds(5)
        while table.sockets.count > 0 || isWakeArmed {
            wait(until: Clock.monotonic() + .milliseconds(100))
            while let completion = nextCompletion() { discard(completion) }
            if Clock.monotonic() > deadline { break }
        }
        reclaimLent()
        table.statistics.systemCalls += ring.systemCalls
        ring.shutdown()
        wake = nil
    }

    private mutating func closeAll(listeners: Bool) {
        var slot = 0
        while slot < table.sockets.slotsInUse {
            if let handle = table.sockets.handle(inSlot: slot),
                table.sockets[handle].has(.isListener) == listeners
            {
                close(SocketHandle(handle), reset: false)
            }
            slot += 1
        }
    }

    private func discard(_ completion: Completion) {
        if completion.operation == .accept && completion.result >= 0 {
            Sockets.close(completion.result)
        }
    }
}
