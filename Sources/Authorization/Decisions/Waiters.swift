/// Who waits for an answer, in the order in which they asked: mostly one, who takes no memory
/// besides.
public struct Waiters: Equatable, Sendable, ExpressibleByArrayLiteral {
    // Invariant: nobody is in `others` while `first` is nil.
    private var first: UInt64?
    private var others: [UInt64] = []

    /// `waiters` wait.
    public init(arrayLiteral waiters: UInt64...) {
        for waiter in waiters { append(waiter) }
    }

    /// `waiter` waits.
    init(_ waiter: UInt64) { first = waiter }

    /// How many they are.
    public var count: Int { (first == nil ? 0 : 1) + others.count }

    /// Whether nobody waits.
    public var isEmpty: Bool { first == nil }

    /// The one at `index`.
    ///
    /// - Precondition: 0 ≤ index < count.
    public subscript(index: Int) -> UInt64 {
        guard index == 0, let first else { return others[index - 1] }
        return first
    }

    mutating func append(_ waiter: UInt64) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    mutating func remove(_ waiter: UInt64) {
        others.removeAll { $0 == waiter }
        guard first == waiter else { return }
        first = others.isEmpty ? nil : others.removeFirst()
    }
}
