public import Core

/// Bytes on their way out of one socket: one chunk in the kernel's hands, one being filled.
///
///     append ──▶ filling ──startSend──▶ in flight ──sendCompleted──▶ back to the pool
///
/// Two chunks bound the memory of a direction whatever the speed of either side: when the filling
/// chunk has no room, the source is held until a send completes.
public struct OutboundQueue {
    /// The chunk that takes new bytes.
    public var filling: Buffer?
    private var inFlight: Buffer?
    private var isAnnounced = false

    /// A queue that holds no chunk.
    public init() {}

    /// Whether a send is in progress.
    @inline(__always)
    public var isSending: Bool { inFlight != nil }

    /// Whether bytes wait for the next send.
    @inline(__always)
    public var hasWaiting: Bool { (filling?.count ?? 0) > 0 }

    /// Whether nothing is waiting or in flight.
    @inline(__always)
    public var isEmpty: Bool { !isSending && !hasWaiting }

    /// Whether a send can and should start now, and was not announced yet; announces it.
    @inline(__always)
    public mutating func announceSend() -> Bool {
        guard !isSending, !isAnnounced, hasWaiting else { return false }
        isAnnounced = true
        return true
    }

    /// Bytes buffered, waiting and in flight.
    public var bufferedBytes: Int { (filling?.count ?? 0) + (inFlight?.count ?? 0) }

    /// Makes sure there is a chunk to fill.
    ///
    /// - Returns: false when the pool is exhausted.
    @inline(__always)
    public mutating func prepare(from pool: BufferPool) -> Bool {
        if filling == nil { filling = pool.take() }
        return filling != nil
    }

    /// Moves the filled chunk into flight.
    ///
    /// - Returns: its bytes, which stay valid until `sendCompleted`.
    /// - Precondition: the send was announced.
    @inline(__always)
    public mutating func startSend() -> ByteView {
        guard isAnnounced, inFlight == nil, let chunk = filling else {
            preconditionFailure("a send is in flight, or there is nothing to send")
        }
        isAnnounced = false
        inFlight = chunk
        filling = nil
        return chunk.filled
    }

    /// The kernel is done with the chunk in flight.
    @inline(__always)
    public mutating func sendCompleted(_ pool: BufferPool) { pool.give(&inFlight) }

    /// Hands over the chunk in flight to whoever outlives this queue.
    public mutating func takeInFlight() -> Buffer? {
        defer { inFlight = nil }
        return inFlight
    }

    /// Gives back a filling chunk that holds nothing.
    @inline(__always)
    public mutating func releaseIfIdle(_ pool: BufferPool) {
        if let chunk = filling, chunk.count == 0 { pool.give(&filling) }
    }

    /// Gives back everything.
    ///
    /// - Precondition: the kernel holds nothing of it any more.
    public mutating func releaseAll(_ pool: BufferPool) {
        pool.give(&filling)
        pool.give(&inFlight)
    }
}
