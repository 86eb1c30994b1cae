public import Core

/// The only I/O model of Postern: operations are started, completions report how they ended.
///
/// A backend belongs to the thread that made it. One turn of a worker is
///
///     backend.wait(until: timers.nextDeadline)
///     while let completion = backend.nextCompletion() { … }
///
/// Backends report the same events for the same script; only how received bytes are cut into
/// completions differs. Operations on a stale or closing handle do nothing.
public protocol Backend: ~Copyable {
    /// Both clocks, as read at the end of the last `wait`.
    var now: Now { get }

    /// What the backend did so far.
    var statistics: LoopStatistics { get }

    /// Takes ownership of a listening descriptor and accepts until paused or closed.
    ///
    /// Each `.accept` completion carries a non-blocking, close-on-exec descriptor, or -errno. After
    /// an error (EMFILE, ENFILE, ENOBUFS, ENOMEM, …) the listener is paused: see `resumeAccepting`.
    ///
    /// - Precondition: the table has room.
    mutating func listen(_ descriptor: Int32, owner: UInt64) -> SocketHandle

    /// Stops `.accept` completions; connections wait in the kernel's backlog.
    mutating func pauseAccepting(_ listener: SocketHandle)

    /// Accepts again.
    mutating func resumeAccepting(_ listener: SocketHandle)

    /// Takes ownership of a connected, non-blocking stream descriptor; when the table is full
    /// closes it and returns nil.
    mutating func adopt(_ descriptor: Int32, owner: UInt64) -> SocketHandle?

    /// Makes a socket and starts to connect it; a `.connect` completion follows.
    mutating func connect(
        to address: SocketAddress, owner: UInt64
    ) -> Result<SocketHandle, SystemError>

    /// Delivers received bytes until paused; the end of the stream (result 0) or an error
    /// (-errno) is delivered once, as the last receive completion.
    mutating func startReceiving(_ socket: SocketHandle)

    /// No receive completion from here on; what arrives nonetheless is kept in order.
    mutating func pauseReceiving(_ socket: SocketHandle)

    /// Delivers kept bytes first, then new ones, then the end or the error.
    mutating func resumeReceiving(_ socket: SocketHandle)

    /// Keeps (copies) the unconsumed rest of the receive completion being handled, and pauses.
    /// After `resumeReceiving` the rest is delivered first.
    mutating func hold(_ remainder: ByteView, for socket: SocketHandle)

    /// Sends all of `bytes`, which stay valid until the `.send` completion (or `.close`).
    ///
    /// - Precondition: no send of this socket is in flight; `bytes` is not empty.
    mutating func send(_ socket: SocketHandle, _ bytes: ByteView)

    /// Sends all segments in order, under the same conditions as one.
    mutating func send(_ socket: SocketHandle, _ segments: borrowing SegmentList)

    /// Tells the peer that no further bytes follow.
    ///
    /// - Precondition: no send of this socket is in flight.
    mutating func shutdownWrite(_ socket: SocketHandle)

    /// Cancels what is in flight and closes; with `reset` unsent bytes are discarded and the peer
    /// sees a reset. Exactly one `.close` completion follows, and no other one.
    mutating func close(_ socket: SocketHandle, reset: Bool)

    /// One turn: submits, waits for a completion or the deadline, reads both clocks.
    mutating func wait(until deadline: Instant)

    /// Lets operations that were started go ahead before the next `wait`: for whoever is going to
    /// compute for longer than a system call takes.
    mutating func submit()

    /// The next completion of this turn, or nil when there is none left.
    mutating func nextCompletion() -> Completion?

    /// A handle by which any thread ends `wait` with a `.wake` completion.
    mutating func wakeHandle() -> WakeHandle

    /// Closes every socket, listeners first, and the backend itself. Completions not yet taken are
    /// lost. Nothing but `statistics` may be used afterwards; a second call does nothing.
    mutating func shutdown()
}
