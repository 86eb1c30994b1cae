public import Core

/// Bytes at one address for as long as anybody holds them: what a send refers to.
@safe
public final class PinnedBytes: Sendable {
    // Invariant: `storage` points at `count` initialised bytes until deinit, and nothing writes
    // them.
    nonisolated(unsafe) private let storage: UnsafeMutablePointer<UInt8>
    private let count: Int

    /// A copy of `bytes`.
    public init(_ bytes: [UInt8]) {
        unsafe storage = .allocate(capacity: max(bytes.count, 1))
        unsafe storage.initialize(from: bytes, count: bytes.count)
        count = bytes.count
    }

    deinit { unsafe storage.deallocate() }

    /// The bytes. Valid for as long as this object.
    public var view: ByteView { unsafe ByteView(base: storage, count: count) }
}

/// Where the bytes of a question are.
public enum QuestionBytes {
    /// In a chunk of the pool for questions, which goes back to it.
    case pooled(Buffer)
    /// On their own: for questions that are made of texts, whose size nobody knows before.
    case own(PinnedBytes)
    /// With the connection that it was sent on.
    case gone

    /// The bytes.
    public var view: ByteView {
        switch self {
        case .pooled(let buffer): buffer.filled
        case .own(let bytes): bytes.view
        case .gone: .empty
        }
    }
}
