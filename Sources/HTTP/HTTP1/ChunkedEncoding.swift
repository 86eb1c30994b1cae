public import Core

/// Writes the framing of the chunked transfer coding (RFC 9112 §7.1).
///
/// A chunk is `header`, the data, and `terminator`; the body ends with `end`.
public enum ChunkedEncoding {
    /// Octets that `header` takes at most: 16 digits and CRLF.
    public static var headerLimit: Int { 18 }

    /// The CRLF after the data of a chunk. The bytes live as long as the process.
    public static var terminator: ByteView { ByteView("\r\n") }

    /// The last chunk and the empty trailer section. The bytes live as long as the process.
    public static var end: ByteView { ByteView("0\r\n\r\n") }

    /// The last chunk; a trailer section, empty or not, follows. The bytes live as long as the
    /// process.
    public static var lastChunk: ByteView { ByteView("0\r\n") }

    /// Appends the size line of a chunk of `count` octets; false when there is no room.
    ///
    /// - Precondition: `count` is positive: a chunk of size 0 would end the body.
    public static func appendHeader(_ count: Int, to buffer: inout Buffer) -> Bool {
        precondition(count > 0)
        let digits = (Int.bitWidth - count.leadingZeroBitCount + 3) / 4
        guard buffer.available >= digits + 2 else { return false }
        var shift = (digits - 1) * 4
        while shift >= 0 {
            buffer.append(UInt8(truncatingIfNeeded: count >> shift & 0xf).hexDigit)
            shift -= 4
        }
        buffer.append(terminator)
        return true
    }

    /// Octets that a chunk takes beside its data, at most.
    public static var overhead: Int { headerLimit + 2 + 5 }

    /// Appends `data` as one chunk.
    ///
    /// - Precondition: there is room for the data and `overhead`, and data is not empty.
    @inline(__always)
    public static func append(_ data: ByteView, to buffer: inout Buffer) {
        let fits = appendHeader(data.count, to: &buffer)
        precondition(fits && buffer.available >= data.count + 2)
        buffer.append(data)
        buffer.append(terminator)
    }
}

extension UInt8 {
    /// The lower-case hexadecimal digit of a value below 16.
    @inline(__always)
    var hexDigit: UInt8 { self < 10 ? 0x30 &+ self : 0x57 &+ self }
}
