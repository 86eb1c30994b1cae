internal import COpenSSL
public import Core

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
    /// Bytes in a digest.
    public static let byteCount = 32

    /// The digest of `bytes`, 32 bytes.
    public static func hash(_ bytes: ByteView) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: byteCount)
        unsafe COpenSSL.SHA256(
            bytes.raw.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &digest)
        return digest
    }

    /// The digest of `bytes`, 32 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe hash(ByteView($0)) }
    }
}

/// SHA-1 (FIPS 180-4), for protocols that prescribe it where no security rests on it: the
/// WebSocket handshake.
public enum SHA1 {
    /// The digest of `bytes`, 20 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 20)
        unsafe COpenSSL.SHA1(bytes, bytes.count, &digest)
        return digest
    }
}

/// HMAC with SHA-256 (RFC 2104).
public enum HMACSHA256 {
    /// The authentication code of `bytes` under `key`, 32 bytes.
    public static func authenticate(_ bytes: ByteView, key: ByteView) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: SHA256.byteCount)
        var count: UInt32 = 0
        let result = unsafe HMAC(
            EVP_sha256(), key.raw.baseAddress, Int32(key.count),
            bytes.raw.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &code, &count)
        precondition(unsafe result != nil && count == 32, "HMAC-SHA-256 is not available")
        return code
    }

    /// The authentication code of `bytes` under `key`, 32 bytes.
    public static func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe key.withUnsafeBytes { key in
                unsafe authenticate(ByteView(bytes), key: ByteView(key))
            }
        }
    }
}

/// Random bytes that cannot be predicted.
public enum SecureRandom {
    /// Fills `bytes`. Stops the process when the system has no randomness: nothing is safe then.
    public static func fill(_ bytes: inout [UInt8]) {
        let count = Int32(bytes.count)
        precondition(unsafe RAND_bytes(&bytes, count) == 1, "no randomness")
    }

    /// `count` random bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        fill(&bytes)
        return bytes
    }
}
