/// Percent-encoding (RFC 3986 §2.1), in the variants that products use.
enum PercentEncoding {
    /// Leaves letters, digits and `-._~`.
    static func unreserved(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes) { isUnreserved($0) }
    }

    /// Leaves `+`, `/` and `=` as well: Amazon's load balancers.
    static func keepingBase64(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes) { isUnreserved($0) || "+/=".utf8.contains($0) }
    }

    /// A blank is `+`: Go's `url.QueryEscape`.
    static func query(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes) { isUnreserved($0) || $0 == 0x20 }.map { $0 == 0x20 ? 0x2b : $0 }
    }

    /// Encodes control characters, DEL and everything outside ASCII only.
    static func controls(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes) { (0x20...0x7e).contains($0) }
    }

    /// Encodes what `keeps` does not keep.
    static func encode(_ bytes: [UInt8], _ keeps: (UInt8) -> Bool) -> [UInt8] {
        bytes.flatMap { keeps($0) ? [$0] : [UInt8(ascii: "%")] + Hex.upper([$0]) }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
