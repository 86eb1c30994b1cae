/// A certificate's serial number (RFC 5280 §4.1.2.2) as a plain value: comparing and hashing it
/// allocates nothing.
///
/// RFC 5280 allows 20 bytes. Up to 24 are held as they are; of longer ones, which some software
/// accepts, the first 24 bytes of their SHA-256.
public struct SerialNumber: Hashable, Sendable {
    private static let capacity = 24
    private static let isDigest: UInt8 = 255

    // Significant bytes, or `isDigest`; the words are big-endian, zeros behind the last byte.
    private let count: UInt8
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64

    /// The number with that big-endian magnitude; leading zeros do not matter.
    public init(_ magnitude: some Collection<UInt8>) {
        let significant = Array(magnitude.drop { $0 == 0 })
        let isLong = significant.count > Self.capacity
        count = isLong ? Self.isDigest : UInt8(significant.count)
        var bytes = isLong ? Fingerprint(of: significant).bytes : significant
        bytes += [UInt8](repeating: 0, count: max(0, Self.capacity - bytes.count))
        first = Self.word(bytes[0..<8])
        second = Self.word(bytes[8..<16])
        third = Self.word(bytes[16..<24])
    }

    /// Leaves the length out: numbers that differ in it alone are few.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(first)
        hasher.combine(second)
        hasher.combine(third)
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
