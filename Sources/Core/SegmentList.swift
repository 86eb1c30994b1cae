/// Up to sixteen borrowed pieces of one message, sent by a single gathering system call.
public struct SegmentList {
    /// The most segments a list can hold.
    public static let capacity = 16

    private var segments: InlineArray<16, ByteView>
    /// Number of segments.
    public private(set) var count: Int
    /// Sum of the segments' lengths, in bytes.
    public private(set) var totalBytes: Int

    /// An empty list.
    @inline(__always)
    public init() {
        segments = InlineArray(repeating: .empty)
        count = 0
        totalBytes = 0
    }

    /// Whether no further segment fits.
    @inline(__always)
    public var isFull: Bool { count == Self.capacity }

    /// Adds `segment` at the end; an empty one is left out.
    ///
    /// - Precondition: the list is not full.
    @inline(__always)
    public mutating func append(_ segment: ByteView) {
        guard !segment.isEmpty else { return }
        precondition(count < Self.capacity, "too many segments")
        segments[count] = segment
        count += 1
        totalBytes += segment.count
    }

    /// The segment at `index`.
    @inline(__always)
    public subscript(index: Int) -> ByteView {
        precondition(index < count)
        return segments[index]
    }

    /// Forgets all segments.
    @inline(__always)
    public mutating func removeAll() {
        count = 0
        totalBytes = 0
    }
}
