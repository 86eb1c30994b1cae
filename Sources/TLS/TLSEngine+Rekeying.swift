internal import COpenSSL

extension TLSEngine {
    /// Asks for new keys with the next write (RFC 8446 §4.6.3); false before TLS 1.3.
    mutating func requestKeyUpdate() -> Bool {
        defer { ErrorQueue.clear() }
        return unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1
    }

    /// Asks for a renegotiation with the next write, which our own servers refuse (TLS 1.2);
    /// false where it cannot even be asked for. Postern never does so: it is for tests.
    mutating func requestRenegotiation() -> Bool {
        defer { ErrorQueue.clear() }
        unsafe SSL_clear_options(ssl, COpenSSL_clientOptions())
        return unsafe SSL_renegotiate(ssl) == 1
    }
}
