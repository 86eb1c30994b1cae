import Crypto

/// Certificates as PEM (RFC 7468): 64 columns, a line end after every line.
public enum PEMText {
    /// The PEM of `der`.
    public static func encode(_ der: [UInt8]) -> [UInt8] {
        var text = Array("-----BEGIN CERTIFICATE-----\n".utf8)
        let encoded = Base64.encode(der)
        for start in stride(from: 0, to: encoded.count, by: 64) {
            text += encoded[start..<min(start + 64, encoded.count)] + [0x0a]
        }
        return text + Array("-----END CERTIFICATE-----\n".utf8)
    }

    /// One after the other.
    static func encode(_ chain: [[UInt8]]) -> [UInt8] { chain.flatMap { encode($0) } }
}
