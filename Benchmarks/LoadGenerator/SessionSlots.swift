import TLS

/// The newest session of each of the connections that are open at the same time, to be resumed by
/// the connection that follows it.
struct SessionSlots {
    /// What a new connection got.
    struct Turn {
        let slot: Int
        /// What it may resume; a TLS 1.3 session is for one connection only, so it is gone here.
        let session: ClientSession?
        /// Whether it is the slot's first, which has nothing to resume.
        let isFirst: Bool
    }

    private var sessions: [ClientSession?]
    private var hasBegun: [Bool]
    private var free: [Int]

    init(count: Int) {
        sessions = Array(repeating: nil, count: count)
        hasBegun = Array(repeating: false, count: count)
        free = Array(0..<count)
    }

    /// Takes a slot for a new connection; nil when all are in use.
    mutating func take() -> Turn? {
        guard let slot = free.popLast() else { return nil }
        defer {
            sessions[slot] = nil
            hasBegun[slot] = true
        }
        return Turn(slot: slot, session: sessions[slot], isFirst: !hasBegun[slot])
    }

    /// Ends the turn of `slot`, which leaves `session` to the next one.
    mutating func give(_ slot: Int, _ session: ClientSession?) {
        sessions[slot] = session
        free.append(slot)
    }
}
