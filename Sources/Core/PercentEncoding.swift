/// Percent-encoding (RFC 3986 §2.1). Allocates.
public enum PercentEncoding {
    /// Leaves letters, digits and `-._~`, and the characters of `also`.
    public static func unreserved(_ bytes: [UInt8], also: StaticString = "") -> [UInt8] {
        let kept = ByteView(also)
        return encode(bytes) { byte in
            isUnreserved(byte) || (0..<kept.count).contains { kept[$0] == byte }
        }
    }

    /// The same of a text.
    public static func unreserved(_ text: String, also: StaticString = "") -> String {
        String(decoding: unreserved(Array(text.utf8), also: also), as: UTF8.self)
    }

    /// Encodes what `keeps` does not keep.
    public static func encode(_ bytes: [UInt8], _ keeps: (UInt8) -> Bool) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count)
        for byte in bytes {
            if keeps(byte) {
                encoded.append(byte)
            } else {
                encoded.append(UInt8(ascii: "%"))
                encoded += Hex.upper([byte])
            }
        }
        return encoded
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
