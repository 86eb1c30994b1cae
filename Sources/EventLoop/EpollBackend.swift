internal import CLinux
public import Core
internal import Glibc

/// Completions emulated over edge-triggered epoll: try the system call, wait for readiness on
/// EAGAIN, go on.
///
/// A receive shorter than its buffer has drained the socket, and a send that was cut short has
/// filled it, so neither is repeated just to see EAGAIN; the end of a stream announces itself as
/// EPOLLRDHUP. Made on, and used by, one thread.
@safe
public struct EpollBackend: ~Copyable, Backend {
    // Invariant: `epoll` is open until `isShutDown`; `readBuffer` has `readSize` bytes, lent to at
    // most one completion at a time.
    let epoll: Int32
    var table: SocketTable
    private let events: UnsafeMutablePointer<CLinux_event>
    let readBuffer: UnsafeMutablePointer<UInt8>
    let readSize: Int
    let acceptBudget: Int
    private var wake: WakeSignal?
    private var isWakePending = false
    private var isShutDown = false
    /// Both clocks, as read at the end of the last `wait`.
    public private(set) var now: Now

    private static var eventLimit: Int { 256 }
    /// Names the wake counter in an event: no socket has generation 0.
    private static var wakeToken: UInt64 { 0 }

    /// A backend for the calling thread; fails when no descriptor is left.
    public init(options: LoopOptions = LoopOptions()) throws(SystemError) {
        precondition(options.epollReadSize > 0 && options.acceptBudget > 0)
        epoll = try SystemError.check(CLinux_epoll_create(), "epoll_create1")
        table = SocketTable(options: options, chunkSize: options.epollReadSize)
        readSize = options.epollReadSize
        acceptBudget = options.acceptBudget
        unsafe events = .allocate(capacity: Self.eventLimit)
        unsafe readBuffer = .allocate(capacity: readSize)
        now = Clock.now()
    }

    deinit {
        precondition(isShutDown, "shut the backend down first")
        unsafe events.deallocate()
        unsafe readBuffer.deallocate()
    }

    /// What the backend did so far.
    public var statistics: LoopStatistics {
        var statistics = table.statistics
        statistics.heldBytes = UInt64(table.held.heldBytes)
        return statistics
    }

    // MARK: Turns

    /// One turn: waits for readiness or the deadline, reads both clocks.
    public mutating func wait(until deadline: Instant) {
        table.held.reclaim()
        table.statistics.turns += 1
        table.statistics.systemCalls += 1
        let isBusy = table.hasReady || isWakePending
        var count = -EINTR
        while count == -EINTR {
            // A ring of this process that is torn down interrupts waits of other threads.
            let timeout = isBusy ? 0 : Clock.remaining(until: deadline)
            count = unsafe CLinux_epoll_wait(epoll, events, Int32(Self.eventLimit), timeout)
        }
        now = Clock.now()
        table.beginTurn()
        var index = 0
        while index < Int(count) {
            let event = unsafe events[index]
            index += 1
            if event.user_data == Self.wakeToken {
                isWakePending = true
            } else {
                note(event)
            }
        }
    }

    /// Nothing to do: operations are tried when they are started.
    public mutating func submit() {}

    /// The next completion of this turn, or nil when there is none left.
    public mutating func nextCompletion() -> Completion? {
        table.held.reclaim()
        if isWakePending {
            isWakePending = false
            wake?.lower()
            table.statistics.completions += 1
            return Completion(.wake, owner: 0, result: 0)
        }
        while let handle = table.dequeue() {
            guard let completion = report(handle) else { continue }
            table.statistics.completions += 1
            return completion
        }
        return nil
    }

    // MARK: Waking

    /// A handle by which any thread ends `wait` with a `.wake` completion.
    public mutating func wakeHandle() -> WakeHandle {
        if let wake { return WakeHandle(signal: wake) }
        guard let signal = try? WakeSignal() else {
            preconditionFailure("no descriptor left for the wake counter")
        }
        // Edge-triggered, so the counter need never be read.
        let input = UInt32(CLinux_epoll_in)
        let result = CLinux_epoll_add(epoll, signal.descriptor, input, Self.wakeToken)
        precondition(result >= 0, "epoll refused the wake counter")
        wake = signal
        return WakeHandle(signal: signal)
    }

    // MARK: Shutdown

    /// Closes every socket, listeners first, and the backend itself.
    public mutating func shutdown() {
        guard !isShutDown else { return }
        isShutDown = true
        closeAll(listeners: true)
        closeAll(listeners: false)
        table.beginTurn()
        while table.hasReady {
            while let completion = nextCompletion() {
                if completion.operation == .accept && completion.result >= 0 {
                    Sockets.close(completion.result)
                }
            }
            table.beginTurn()
        }
        if let wake { _ = CLinux_epoll_remove(epoll, wake.descriptor) }
        wake = nil
        _ = CLinux_close(epoll)
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
}
