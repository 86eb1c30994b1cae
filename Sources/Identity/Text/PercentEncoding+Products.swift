internal import Core

// The variants that products use.
extension PercentEncoding {
    /// Leaves `+`, `/` and `=` as well: Amazon's load balancers.
    static func keepingBase64(_ bytes: [UInt8]) -> [UInt8] { unreserved(bytes, also: "+/=") }

    /// A blank is `+`: Go's `url.QueryEscape`.
    static func query(_ bytes: [UInt8]) -> [UInt8] {
        unreserved(bytes, also: " ").map { $0 == 0x20 ? 0x2b : $0 }
    }

    /// Encodes control characters, DEL and everything outside ASCII only.
    static func controls(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes) { (0x20...0x7e).contains($0) }
    }
}
