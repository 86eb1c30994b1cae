/// What a backend did since it was made. Plain counters of one thread.
public struct LoopStatistics: Sendable, Equatable {
    /// Calls of `wait`.
    public var turns: UInt64 = 0
    /// System calls made for I/O.
    public var systemCalls: UInt64 = 0
    /// Completions handed out.
    public var completions: UInt64 = 0
    /// Connections accepted.
    public var accepted: UInt64 = 0
    /// Bytes received.
    public var receivedBytes: UInt64 = 0
    /// Bytes sent.
    public var sentBytes: UInt64 = 0
    /// Receives that found no provided buffer (io_uring) and were started again.
    public var bufferExhaustions: UInt64 = 0
    /// Turns in which the kernel held completions back because the queue was full (io_uring).
    public var completionOverflows: UInt64 = 0
    /// Submissions made early because the submission queue was full (io_uring).
    public var submissionOverflows: UInt64 = 0
    /// Sends the kernel took only in part, and that were continued.
    public var shortSends: UInt64 = 0
    /// Multishot operations started again after the kernel ended them (io_uring).
    public var rearms: UInt64 = 0
    /// Events of sockets that were gone by then.
    public var staleEvents: UInt64 = 0
    /// Bytes kept right now for sockets that are paused.
    public var heldBytes: UInt64 = 0
    /// Sockets open right now, listeners included.
    public var openSockets: UInt64 = 0

    /// All zero.
    public init() {}
}
