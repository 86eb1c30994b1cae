internal import CLinux
internal import Core

/// What a backend knows about one socket.
@safe
struct Socket {
    // Invariant: `gather` is a block of the table's pool, owned by this socket while not nil;
    // `sendBase` is valid for `sendRemaining` bytes while a contiguous send is in flight.
    struct Flags: OptionSet {
        let rawValue: UInt32

        static let isListener = Flags(rawValue: 1 << 0)
        /// Receives (or accepts) are to be delivered.
        static let wantsInput = Flags(rawValue: 1 << 1)
        /// The stream has ended; `end` says how. Not yet delivered.
        static let hasEnd = Flags(rawValue: 1 << 2)
        /// The end was delivered: nothing is received any more.
        static let endDelivered = Flags(rawValue: 1 << 3)
        /// `close` was called: only `.close` is reported.
        static let isClosing = Flags(rawValue: 1 << 4)
        /// A send is in flight or its completion was not handed out yet.
        static let isSending = Flags(rawValue: 1 << 5)
        /// In the ready or the deferred queue.
        static let isQueued = Flags(rawValue: 1 << 6)
        /// `sendResult` is to be handed out.
        static let sendDone = Flags(rawValue: 1 << 7)
        /// `connectResult` is to be handed out.
        static let connectDone = Flags(rawValue: 1 << 8)
        /// The descriptor is closed; the completion is to be handed out.
        static let closeDone = Flags(rawValue: 1 << 9)

        // io_uring
        /// An accept or a receive is in flight.
        static let isArmed = Flags(rawValue: 1 << 10)
        /// Its cancellation was asked for.
        static let isCancelling = Flags(rawValue: 1 << 11)
        /// The last receive filled its buffer: more is likely under way.
        static let lastWasFull = Flags(rawValue: 1 << 12)

        // epoll
        /// Bytes, a connection or the end may be waiting.
        static let isReadable = Flags(rawValue: 1 << 13)
        /// The peer shut down or the connection failed: reads go on until they say so.
        static let readsEnd = Flags(rawValue: 1 << 14)
        /// A send waits for room.
        static let isSendParked = Flags(rawValue: 1 << 15)
        /// Registered for input.
        static let isRegistered = Flags(rawValue: 1 << 16)
        /// Registered for output too.
        static let isRegisteredForOutput = Flags(rawValue: 1 << 17)
        /// A connect waits for its outcome.
        static let isConnecting = Flags(rawValue: 1 << 18)
    }

    let owner: UInt64
    var descriptor: Int32
    var flags: Flags
    /// 0 or -errno, once `hasEnd`.
    var end: Int32 = 0
    var connectResult: Int32 = 0
    var sendResult: Int32 = 0
    /// Operations the kernel has not completed (io_uring).
    var inFlight: UInt32 = 0
    /// Connections accepted in the turn `acceptTurn` (epoll).
    var acceptCount: Int = 0
    var acceptTurn: UInt64 = 0
    var held = HeldBytes()
    var sendTotal = 0
    var sendRemaining = 0
    var sendBase: UnsafePointer<UInt8>?
    var gather: OpaquePointer?

    init(owner: UInt64, descriptor: Int32, flags: Flags) {
        self.owner = owner
        self.descriptor = descriptor
        self.flags = flags
        unsafe sendBase = nil
        unsafe gather = nil
    }

    @inline(__always)
    func has(_ flag: Flags) -> Bool { flags.rawValue & flag.rawValue != 0 }

    /// Records that `sent` bytes of the send in flight have left.
    mutating func advanceSend(by sent: Int) {
        sendRemaining -= sent
        if let gather = unsafe gather {
            unsafe CLinux_gather_advance(gather, sent)
        } else if let base = unsafe sendBase {
            unsafe sendBase = base + sent
        }
    }
}
