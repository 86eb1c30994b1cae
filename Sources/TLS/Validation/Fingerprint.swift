internal import COpenSSL
public import Core

/// A SHA-256 digest: of a certificate's encoding, it is the certificate's fingerprint.
@frozen
public struct Fingerprint: Hashable, Sendable {
    /// The 32 bytes, eight at a time, each big-endian.
    public let words: (UInt64, UInt64, UInt64, UInt64)

    /// The digest of `bytes`.
    public init(of bytes: ByteView) {
        var digest = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        unsafe withUnsafeMutableBytes(of: &digest) { room in
            let made = unsafe SHA256(
                bytes.raw.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
                room.baseAddress?.assumingMemoryBound(to: UInt8.self))
            // Going on would give everything one digest.
            guard unsafe made != nil else { fatalError("no SHA-256, or out of memory") }
        }
        words = (
            digest.0.bigEndian, digest.1.bigEndian, digest.2.bigEndian, digest.3.bigEndian
        )
    }

    /// The digest of `bytes`.
    public init(of bytes: [UInt8]) {
        self = unsafe bytes.withUnsafeBytes { unsafe Fingerprint(of: ByteView($0)) }
    }

    /// The digest that `hexadecimal` writes, with or without colons between the bytes; nil when it
    /// is none.
    public init?(hexadecimal text: String) {
        guard let bytes = Hex.bytes(Array(text.utf8)) else { return nil }
        self.init(bytes)
    }

    /// The digest that `bytes` are; nil unless there are 32.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        func word(_ index: Int) -> UInt64 {
            bytes[8 * index..<8 * index + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// The 32 bytes. Allocates.
    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    /// Whether both are the same digest.
    @inline(__always)
    public static func == (left: Fingerprint, right: Fingerprint) -> Bool {
        left.words == right.words
    }

    /// A digest is its own hash.
    @inline(__always)
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
