import Synchronization

/// Warnings of the workers on their way to the log of the gateway, which may be slow to write:
/// another thread does that. What finds no room is counted.
///
/// A lock, but for failures alone, and those at a bounded rate.
final class WorkerNotices: Sendable {
    static let limit = 256

    private struct Waiting {
        var texts: [String] = []
        var lost: UInt64 = 0
    }

    private let waiting = Mutex(Waiting())

    /// Adds `text`.
    func post(_ text: String) {
        waiting.withLock { waiting in
            if waiting.texts.count < Self.limit {
                waiting.texts.append(text)
            } else {
                waiting.lost += 1
            }
        }
    }

    /// Takes everything that waits, oldest first.
    func take() -> [String] {
        waiting.withLock { waiting in
            defer { waiting = Waiting() }
            guard waiting.lost > 0 else { return waiting.texts }
            return waiting.texts + ["\(waiting.lost) warnings found no room"]
        }
    }
}
