public import Core

/// Ciphertext that has arrived, and how much of it the engine has taken.
///
/// Valid only for as long as `bytes` is.
public struct TLSInput {
    /// All the ciphertext.
    public let bytes: ByteView
    /// How many bytes the engine has taken from its front.
    public internal(set) var consumed = 0

    /// Input of `bytes`, none of them taken.
    @inline(__always)
    public init(_ bytes: ByteView) { self.bytes = bytes }

    /// What the engine has not taken yet.
    @inline(__always)
    public var remaining: ByteView { bytes.dropFirst(consumed) }

    /// No input.
    public static var empty: TLSInput { TLSInput(.empty) }
}

/// What a step of the handshake came to.
public enum HandshakeResult {
    /// Everything was read: call again with more.
    case needInput
    /// `output` is full: send it, call again.
    case needOutput
    /// Done. `output` may hold bytes for the peer; `input` may hold application data.
    case complete
    /// Failed. `output` may hold an alert for the peer.
    case failed(TLSError)
}

/// What a read came to.
public enum ReadResult {
    /// That many bytes, at least one, were appended.
    case bytes(Int)
    /// Everything was read: call again with more.
    case needInput
    /// `output` is too full to answer the peer: send it, call again.
    case needOutput
    /// The peer has said that it sends no more.
    case closeNotify
    /// Failed. `output` may hold an alert for the peer.
    case failed(TLSError)
}

/// What a write came to.
public enum WriteResult {
    /// That many bytes were encrypted; 0 when `output` has no room. Offer the rest again later,
    /// beginning with the first byte that was not accepted.
    case accepted(Int)
    /// Failed.
    case failed(TLSError)
}
