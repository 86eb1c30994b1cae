import TLS

extension IdentityFormat {
    /// Base64 (RFC 4648 §4) of the sample's text in UTF-8.
    static let subjectBase64 = IdentityFormat(name: "subjectBase64") {
        (chain) throws(IdentityError) in
        guard let text = try SubjectText.render(chain.leaf.subject, .raw) else { return nil }
        return base64(text)
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let isPadding = position > group.count
                let digit = Int(bits >> UInt32(18 - 6 * position) & 63)
                text.append(isPadding ? UInt8(ascii: "=") : alphabet[digit])
            }
        }
        return text
    }
}
