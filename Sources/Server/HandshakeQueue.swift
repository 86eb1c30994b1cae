import Core

/// Handshakes whose bytes have come and wait for their turn, first come, first served.
///
/// A step of a handshake is a few hundred microseconds of arithmetic, as long as twenty requests.
/// So a turn of the loop serves established connections first, then one step, and whoever has an
/// established connection waits for no more than that.
struct HandshakeQueue: ~Copyable {
    private var waiting: FixedQueue<SlabHandle>
    private let longest: Int
    private var isAccepting = true

    /// - Parameter limit: handshakes in flight, at most. While half of them, or 128, wait here, new
    ///   connections are left in the kernel's backlog, for they could only wait as well.
    init(limit: Int) {
        precondition(limit > 0)
        // Handshakes that were closed while they waited stand here until their turn.
        waiting = FixedQueue(capacity: 2 * limit)
        longest = max(min(limit / 2, 128), 1)
    }

    var count: Int { waiting.count }
    var isEmpty: Bool { waiting.isEmpty }
    /// Whether the next handshake has to be served at once.
    var isFull: Bool { waiting.isFull }

    /// Adds a handshake at the end.
    ///
    /// - Precondition: the queue is not full.
    mutating func append(_ handle: SlabHandle) { waiting.append(handle) }

    /// The handshake whose turn it is, if one waits. It may have been closed meanwhile.
    mutating func popFirst() -> SlabHandle? { waiting.popFirst() }

    /// Whether connections are to be accepted from now on; nil when it is as before.
    mutating func acceptingChange() -> Bool? {
        let accepts = isAccepting ? count < longest : count <= longest / 2
        guard accepts != isAccepting else { return nil }
        isAccepting = accepts
        return accepts
    }

    /// Whether new connections are left in the backlog.
    var holdsBackAccepting: Bool { !isAccepting }
}
