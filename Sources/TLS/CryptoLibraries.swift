internal import COpenSSL

/// Whether certificates are parsed by libraries of our own that know fewer algorithms.
public enum FastCertificatePath: String, Sendable, CaseIterable {
    /// Where the self-test succeeds.
    case auto
    /// OpenSSL's default library serves.
    case off
}

/// The OpenSSL libraries that one worker uses for TLS.
///
/// OpenSSL 3.0 builds a graph of every decoder its library knows whenever it parses a certificate,
/// under locks that all threads share. So a worker has two libraries of its own: connections parse
/// what peers present without any decoder, and what is new is parsed again with those for public
/// keys only. Both live as long as the process, as certificates and keys may.
@safe
public final class CryptoLibraries: @unchecked Sendable {
    // Invariant: `OSSL_LIB_CTX`s that are never freed; nil means OpenSSL's default library.
    /// For connections.
    let connections: OpaquePointer?
    /// For certificates that have to be verified.
    let certificates: OpaquePointer?

    /// OpenSSL's default library.
    public static var stock: CryptoLibraries { unsafe CryptoLibraries(nil, nil) }

    private init(_ connections: OpaquePointer?, _ certificates: OpaquePointer?) {
        unsafe self.connections = unsafe connections
        unsafe self.certificates = unsafe certificates
    }

    /// Libraries of our own; nil where OpenSSL is set up in a way that they would go round.
    ///
    /// That is: a FIPS or other foreign provider is active, or the library is 3.2 or newer, which
    /// keeps its decoders.
    public static func restricted() -> CryptoLibraries? {
        guard COpenSSL_hasForeignProvider() == 0, OpenSSL_version_num() < 0x3020_0000,
            let connections = unsafe COpenSSL_newLibrary(0),
            let certificates = unsafe COpenSSL_newLibrary(1)
        else { return nil }
        return unsafe CryptoLibraries(connections, certificates)
    }

    /// Whether these are libraries of our own.
    public var isRestricted: Bool { unsafe connections != nil }
}
