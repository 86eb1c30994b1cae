/// The members that a request has tried to connect to, in vain.
///
/// Remembers the first 64 members by position. Others are only counted: at worst one of them is
/// tried a second time.
public struct TriedMembers: Equatable, Sendable {
    private var mask: UInt64 = 0
    /// Attempts so far.
    public private(set) var count = 0

    /// None yet.
    public init() {}

    /// Takes note of an attempt on the member at `index`.
    public mutating func insert(_ index: Int) {
        count += 1
        if (0..<64).contains(index) { mask |= 1 << UInt64(index) }
    }

    /// Whether the member at `index` is known to have been tried.
    @inline(__always)
    public func contains(_ index: Int) -> Bool {
        index < 64 && mask >> UInt64(index) & 1 == 1
    }
}
