/// A range of bytes inside one contiguous buffer, in octets from the buffer's start.
///
/// Parsed heads are made of these: eight bytes, no pointer, valid for as long as the buffer's
/// bytes stay where they are.
public struct ByteRange: Equatable, Hashable, Sendable {
    /// Offset of the first byte.
    public var start: UInt32
    /// Number of bytes.
    public var count: UInt32

    /// The empty range at offset 0.
    public static let empty = ByteRange(start: 0, count: 0)

    /// A range of `count` bytes that begins at `start`.
    @inline(__always)
    public init(start: Int, count: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.count = UInt32(truncatingIfNeeded: count)
    }

    /// The range from `start` up to, not including, `end`.
    @inline(__always)
    public init(from start: Int, to end: Int) {
        self.init(start: start, count: end - start)
    }

    /// Offset of the first byte after the range.
    @inline(__always)
    public var end: Int { Int(start) + Int(count) }

    /// Whether the range holds no byte.
    @inline(__always)
    public var isEmpty: Bool { count == 0 }

    /// The same offsets as a Swift range.
    @inline(__always)
    public var indices: Range<Int> { Int(start)..<end }
}
