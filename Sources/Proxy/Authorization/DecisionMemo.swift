import Authorization
import Core

/// An external authorizer's decision on the last request of a connection.
///
/// A request that is the same byte by byte is the same question (S27), so that a client that
/// repeats itself costs a comparison.
final class DecisionMemo {
    /// Longer heads are not remembered.
    private static let headLimit = 4_096

    let decision: ExternalDecision
    private let head: [UInt8]
    /// The last second of the client's chain, since 1970.
    private let deadline: Int64
    /// How often the authorizer had been purged when it was asked.
    private let purges: UInt64

    /// A memo of `decision` on the request whose head is `head`; nil for what does not hold, or is
    /// not worth it, and then nothing is allocated.
    static func of(
        _ decision: ExternalDecision, on head: ByteView, deadline: Int64, purges: UInt64, now: Now
    ) -> DecisionMemo? {
        guard case .allow = decision.verdict, head.count <= headLimit,
            now.monotonic < decision.until
        else { return nil }
        return DecisionMemo(decision, head, deadline: deadline, purges: purges)
    }

    private init(
        _ decision: ExternalDecision, _ head: ByteView, deadline: Int64, purges: UInt64
    ) {
        self.decision = decision
        self.head = head.array
        self.deadline = deadline
        self.purges = purges
    }

    /// Whether it is about the request whose head is `other`, and holds: its authorizer has been
    /// purged `purges` times (S29).
    func holds(for other: ByteView, purges: UInt64, now: Now) -> Bool {
        guard purges == self.purges, now.monotonic < decision.until, now.wallSeconds <= deadline
        else { return false }
        return unsafe head.withUnsafeBytes { unsafe ByteView($0).equals(other) }
    }
}
