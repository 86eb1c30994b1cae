import Core

/// Who a completion or a timer is for, packed into the 64 bits that travel through the loop.
///
///     63     56 55        32 31         0
///     [ kind  ][ generation ][   slot    ]
struct Owner {
    /// What kind of thing the slot holds.
    enum Kind: UInt8 {
        /// The loop's own wake-up.
        case wake = 0
        /// A listener; the slot is its index.
        case listener = 1
        /// A client's connection.
        case client = 2
        /// A connection to an upstream.
        case upstream = 3
        /// A question to an external authorizer.
        case question = 4
    }

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(_ kind: Kind, _ handle: SlabHandle) {
        rawValue =
            UInt64(kind.rawValue) << 56 | UInt64(handle.generation) << 32 | UInt64(handle.slot)
    }

    init(listener index: Int) {
        self.init(.listener, SlabHandle(slot: UInt32(index), generation: 0))
    }

    var kind: Kind? { Kind(rawValue: UInt8(truncatingIfNeeded: rawValue >> 56)) }

    var handle: SlabHandle {
        SlabHandle(
            slot: UInt32(truncatingIfNeeded: rawValue),
            generation: UInt32(truncatingIfNeeded: rawValue >> 32) & 0x00ff_ffff)
    }
}
