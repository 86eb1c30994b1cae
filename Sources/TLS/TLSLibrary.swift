internal import COpenSSL

/// The TLS library in use.
public enum TLSLibrary {
    /// Name and version of the library that is loaded, not the one that was compiled against.
    public static var version: String {
        guard let text = unsafe OpenSSL_version(0) else { return "unknown" }
        return unsafe String(cString: text)
    }

    /// Lets OpenSSL take its memory from an allocator of ours: the first thing a process does with
    /// OpenSSL, or it has no effect. Returns whether it has.
    @discardableResult
    public static func useOwnAllocator() -> Bool { COpenSSL_useOwnAllocator() == 1 }

    /// From now on, memory that OpenSSL frees on this thread is kept for its next request, at most
    /// 1 MiB of it; a handshake frees over a thousand blocks.
    public static func keepFreedMemory() { _ = COpenSSL_keepFreedMemory() }

    /// Ends `keepFreedMemory()`, and gives back what was kept.
    public static func releaseKeptMemory() { COpenSSL_releaseKeptMemory() }
}
