internal import COpenSSL

/// What the callbacks of one connection's handshake learned. One per engine, on the heap, found
/// through the `SSL`'s application data.
@safe
struct HandshakeRecord {
    // Invariant: the memory of the context that the engine keeps alive.
    private let transfer: UnsafePointer<COpenSSL_Transfer>
    /// The listener; nil on the client side.
    let server: ServerTLSContext?
    /// The rules that govern the peer's certificate; nil when none is asked for.
    var trust: TrustContext?
    /// The verification of the peer's chain, once it ran.
    var verification: ChainVerifier.Outcome?
    /// The leaf that was verified, an `X509`. Only to be compared: it may be gone.
    var verifiedLeaf: OpaquePointer?
    /// What was known to be revoked when the peer was judged.
    var revocationGeneration: UInt64 = 0
    /// The virtual host that the first ClientHello chose; `SSL_get_servername` decides nothing.
    var virtualHost: Int?
    /// The server name of the first ClientHello, lowercase, without a trailing dot.
    var serverName: [UInt8]?
    /// How many ClientHellos were complete: two after a HelloRetryRequest.
    var clientHellos = 0
    /// Why a ClientHello was refused.
    var refusal: TLSError?
    /// How often libssl has asked for a session.
    var sessionLookups = 0
    /// The session that libssl was given last: the one that is resumed, if any is.
    var offeredSession: SessionID?
    /// Copies of the sessions that a server told its client of.
    var minted: [SessionCopy] = []
    /// A client's sessions; nil when it keeps none.
    var sessions: ClientSessionRecord?

    init(transfer: UnsafePointer<COpenSSL_Transfer>, server: ServerTLSContext?) {
        unsafe self.transfer = unsafe transfer
        self.server = server
    }

    /// The time of this turn, seconds since 1970; 0 where nobody told it.
    var wallSeconds: Int64 { unsafe transfer.pointee.wallSeconds }

    /// The record of `ssl`, or nil when it has none.
    static func of(_ ssl: OpaquePointer) -> UnsafeMutablePointer<HandshakeRecord>? {
        unsafe COpenSSL_SSL_get_app_data(ssl)?.assumingMemoryBound(to: HandshakeRecord.self)
    }
}
