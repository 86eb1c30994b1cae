internal import COpenSSL

/// The TLS library in use.
public enum TLSLibrary {
    /// Name and version of the library that is loaded, not the one that was compiled against.
    public static var version: String {
        guard let text = unsafe OpenSSL_version(0) else { return "unknown" }
        return unsafe String(cString: text)
    }
}
