#if canImport(Glibc)
import Glibc
#endif

/// Borrowed bytes that somebody else keeps alive and unchanged.
///
/// Unsafe inside, checked outside: every access is bounds-checked. The one rule the compiler
/// cannot see is the lifetime, so each function that returns or takes a view says how long its
/// bytes stay valid ("until the next completion", "until the send has completed").
@safe
public struct ByteView {
    // Invariant: `base` points at `count` readable bytes, or `count` is 0.
    @usableFromInline let base: UnsafePointer<UInt8>
    /// Number of bytes.
    public let count: Int

    /// Views `count` bytes at `base`.
    ///
    /// - Precondition: they stay readable and unchanged for as long as the view is used.
    @inline(__always)
    public init(base: UnsafePointer<UInt8>, count: Int) {
        precondition(count >= 0)
        unsafe self.base = base
        self.count = count
    }

    /// Views the bytes of `buffer`; the empty view when it has none.
    @inline(__always)
    public init(_ buffer: UnsafeRawBufferPointer) {
        guard let address = buffer.baseAddress, buffer.count > 0 else {
            self = .empty
            return
        }
        unsafe self.init(base: address.assumingMemoryBound(to: UInt8.self), count: buffer.count)
    }

    /// Views a literal, whose bytes live as long as the process.
    @inline(__always)
    public init(_ literal: StaticString) {
        unsafe self.init(base: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// No bytes at all.
    public static var empty: ByteView { ByteView("") }

    /// Whether there is no byte.
    @inline(__always)
    public var isEmpty: Bool { count == 0 }

    /// The byte at `index`.
    @inline(__always)
    public subscript(index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        return unsafe base[index]
    }

    /// The part of the view that `range` names.
    @inline(__always)
    public subscript(range: ByteRange) -> ByteView {
        precondition(range.end <= count)
        return unsafe ByteView(base: base + Int(range.start), count: Int(range.count))
    }

    /// The view without its first `count` bytes.
    @inline(__always)
    public func dropFirst(_ count: Int) -> ByteView {
        precondition(count >= 0 && count <= self.count)
        return unsafe ByteView(base: base + count, count: self.count - count)
    }

    /// The first `count` bytes of the view.
    @inline(__always)
    public func prefix(_ count: Int) -> ByteView {
        precondition(count >= 0 && count <= self.count)
        return unsafe ByteView(base: base, count: count)
    }

    /// The bytes as a span that lives no longer than this value.
    @inline(__always)
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: base, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The address and length, for a system call or a C function.
    @inline(__always)
    @unsafe
    public var raw: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    /// A copy of the bytes. Allocates: not for the data path.
    public var array: [UInt8] { unsafe [UInt8](raw) }

    /// The bytes decoded as UTF-8, invalid sequences repaired. Allocates: not for the data path.
    public var string: String { unsafe String(decoding: raw, as: UTF8.self) }

    /// Whether the bytes are exactly those of `literal`.
    @inline(__always)
    public func equals(_ literal: StaticString) -> Bool { equals(ByteView(literal)) }

    /// Whether both views hold the same bytes.
    @inline(__always)
    public func equals(_ other: ByteView) -> Bool {
        unsafe count == other.count && memcmp(base, other.base, count) == 0
    }
}
