internal import COpenSSL

/// What the callbacks of one connection's handshake learned. One per engine, on the heap, found
/// through the `SSL`'s application data.
struct HandshakeRecord {
    /// The rules that govern the peer's certificate; nil when none is asked for.
    var trust: TrustContext?
    /// The verification of the peer's chain, once it ran.
    var verification: ChainVerifier.Outcome?
    /// The virtual host that the first ClientHello chose; `SSL_get_servername` decides nothing.
    var virtualHost: Int?
    /// The server name of the first ClientHello, lowercase, without a trailing dot.
    var serverName: [UInt8]?
    /// How many ClientHellos were complete: two after a HelloRetryRequest.
    var clientHellos = 0
    /// Why a ClientHello was refused.
    var refusal: TLSError?

    /// The record of `ssl`, or nil when it has none.
    static func of(_ ssl: OpaquePointer) -> UnsafeMutablePointer<HandshakeRecord>? {
        unsafe COpenSSL_SSL_get_app_data(ssl)?.assumingMemoryBound(to: HandshakeRecord.self)
    }
}
