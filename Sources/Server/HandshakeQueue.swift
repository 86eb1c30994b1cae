import Core

/// Handshakes whose bytes have come and wait for their turn, first come, first served.
///
/// A step of a handshake is a few hundred microseconds of arithmetic, as long as twenty requests.
/// So a turn of the loop serves established connections first and then a few steps, and whoever
/// has an established connection waits for no more than those.
struct HandshakeQueue: ~Copyable {
    /// Steps in one turn. More of them save little: a turn costs a system call or two.
    static let stepsPerTurn = 2

    private var waiting: FixedQueue<SlabHandle>
    private var stepsLeft = 0
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

    /// A turn of the loop begins.
    mutating func beginTurn() { stepsLeft = Self.stepsPerTurn }

    /// The handshake whose turn it is; nil when none waits, or this turn has had its steps.
    mutating func next() -> SlabHandle? {
        guard stepsLeft > 0, let handle = waiting.popFirst() else { return nil }
        stepsLeft -= 1
        return handle
    }

    /// The handshake that `next` gave was closed while it waited: that was no step.
    mutating func nextWasClosed() { stepsLeft += 1 }

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
