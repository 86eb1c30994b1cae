internal import Synchronization

/// Messages from other threads to one worker: bounded, in order.
///
/// A reference: copies name the same mailbox. Not for the data path; a lock is taken per call.
public struct Mailbox<Message: Sendable>: Sendable {
    private let storage: MailboxStorage<Message>

    /// An empty mailbox of at most `capacity` messages whose reader `wake` wakes.
    public init(capacity: Int, wake: WakeHandle) {
        precondition(capacity > 0)
        storage = MailboxStorage(capacity: capacity, wake: wake)
    }

    /// Adds `message` and wakes the reader; false when the mailbox is full or closed.
    public func post(_ message: consuming Message) -> Bool {
        guard storage.append(message) else { return false }
        storage.wake.wake()
        return true
    }

    /// Takes all messages, oldest first.
    public func drain() -> [Message] { storage.takeAll() }

    /// Refuses messages from now on. What was posted before can still be drained.
    public func close() { storage.close() }
}

private final class MailboxStorage<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    let wake: WakeHandle
    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int, wake: WakeHandle) {
        self.capacity = capacity
        self.wake = wake
    }

    func append(_ message: Message) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.messages.count < capacity else { return false }
            state.messages.append(message)
            return true
        }
    }

    func takeAll() -> [Message] {
        state.withLock { state in
            guard !state.messages.isEmpty else { return [] }
            let messages = state.messages
            state.messages = []
            return messages
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
    }
}
