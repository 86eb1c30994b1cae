/// Sizes that several targets must agree on.
public enum Limits {
    /// Plaintext of one TLS record: 2^14 bytes (RFC 8446 §5.1).
    public static let tlsPlaintextRecord = 16_384
    /// Ciphertext that one record may add to its plaintext (RFC 8446 §5.2), header included.
    public static let tlsRecordOverhead = 256 + 5
    /// A relay chunk holds two full TLS records, so that one 32 KiB read leaves in one write.
    public static let relayChunk = 2 * (tlsPlaintextRecord + tlsRecordOverhead) + 3_574
    /// Questions of one worker to external authorizers that are under way at once.
    public static let questions = 4_096
    /// Bytes of a question that are not the request's own: who the client is, and where it asks.
    public static let questionRoom = 65_536
}
