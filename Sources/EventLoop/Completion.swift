public import Core

/// Names a socket of one backend. Stale handles are detected and ignored.
public struct SocketHandle: Equatable, Hashable, Sendable {
    /// Slot in the backend's table.
    public let index: UInt32
    /// Generation of the slot, 24 bits, odd.
    public let generation: UInt32

    /// The handle with the given parts.
    @inline(__always)
    public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    @inline(__always)
    init(_ handle: SlabHandle) {
        self.init(index: handle.slot, generation: handle.generation)
    }

    @inline(__always)
    var slab: SlabHandle { SlabHandle(slot: index, generation: generation) }
}

/// What a completion reports.
public enum Operation: UInt8, Sendable {
    /// A new connection; the result is its descriptor or -errno.
    case accept
    /// An outgoing connection is up (0) or failed (-errno).
    case connect
    /// Bytes arrived (> 0), the peer is done (0) or the connection failed (-errno).
    case receive
    /// Everything was handed to the kernel (total bytes) or the connection failed (-errno).
    case send
    /// The socket is gone; nothing refers to the caller's memory any more.
    case close
    /// Another thread called `WakeHandle.wake()`.
    case wake
}

/// The outcome of one operation.
public struct Completion {
    /// What was done.
    public let operation: Operation
    /// The owner given when the socket was listened on, adopted or connected; 0 for a wake.
    public let owner: UInt64
    /// At least 0, or -errno.
    public let result: Int32
    /// The received bytes; empty for other operations. Valid until the next call of
    /// `nextCompletion` or `wait`.
    public let bytes: ByteView

    @inline(__always)
    init(_ operation: Operation, owner: UInt64, result: Int32, bytes: ByteView = .empty) {
        self.operation = operation
        self.owner = owner
        self.result = result
        self.bytes = bytes
    }
}
