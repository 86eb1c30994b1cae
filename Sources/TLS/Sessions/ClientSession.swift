internal import COpenSSL

/// What a server let us keep of a connection, so that a later one to it needs no full handshake.
///
/// Made by `TLSEngine.takeSession()`. Offer a TLS 1.3 session to one connection only, so that
/// nobody can tell that both are ours (RFC 8446 §C.4). Belongs to the thread of its context.
public final class ClientSession {
    let copy: SessionCopy
    let context: ClientTLSContext
    private let serverName: String?
    /// The server, as the full handshake that all this began with verified it; nil when the
    /// context verifies none.
    let peer: VerifiedPeer?

    init(
        _ copy: SessionCopy, of context: ClientTLSContext, serverName: String?, peer: VerifiedPeer?
    ) {
        self.copy = copy
        self.context = context
        self.serverName = serverName
        self.peer = peer
    }

    /// Whether only one connection should offer it: a session of TLS 1.3 (RFC 8446 §C.4).
    public var isForOneConnection: Bool {
        unsafe SSL_SESSION_get_protocol_version(copy.pointer) >= TLS1_3_VERSION
    }

    /// When the server last proved that it holds its key, seconds since 1970; 0 where no clock was
    /// told, or no server is verified.
    public var authenticatedAt: Int64 { peer?.authenticatedAt ?? 0 }

    /// Whether it may stand for `serverName` under the rules of `context`: both as they were, and
    /// the chain, which nobody verifies again, still valid.
    private func fits(_ context: ClientTLSContext, serverName: String?) -> Bool {
        guard context === self.context, serverName == self.serverName else { return false }
        guard context.trust != nil else { return true }
        guard let peer, let end = unsafe ASN1_TIME_set(nil, time_t(peer.notAfter)) else {
            return false
        }
        defer { unsafe ASN1_TIME_free(end) }
        return unsafe X509_cmp_current_time(end) > 0
    }

    /// Offers it in the ClientHello of `ssl`; false when it does not fit or cannot be offered.
    func offer(by ssl: OpaquePointer, of context: ClientTLSContext, serverName: String?) -> Bool {
        guard fits(context, serverName: serverName), let copy = SessionCopy(of: copy) else {
            return false
        }
        return unsafe SSL_set_session(ssl, copy.pointer) == 1
    }
}

/// A session that no `SSL` shares (S12): libssl spoils a session with the connection it stands in.
@safe
final class SessionCopy {
    // Invariant: the one reference to an `SSL_SESSION`, but for an `SSL` it was offered by.
    let pointer: OpaquePointer

    /// A copy of `session`; nil without memory.
    init?(copying session: OpaquePointer) {
        guard let pointer = unsafe SSL_SESSION_dup(session) else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    convenience init?(of other: SessionCopy) { unsafe self.init(copying: other.pointer) }

    deinit { unsafe SSL_SESSION_free(pointer) }
}

/// What one client connection has to do with sessions. Part of its handshake's record.
struct ClientSessionRecord {
    let context: ClientTLSContext
    let serverName: String?
    /// What its ClientHello offered.
    var offered: ClientSession?
    /// The newest session that the server gave.
    var received: SessionCopy?

    /// The record of a new connection, which offers `session` if that fits.
    init(
        _ ssl: OpaquePointer, _ context: ClientTLSContext, serverName: String?,
        resuming session: ClientSession?
    ) {
        self.context = context
        self.serverName = serverName
        guard let session,
            unsafe session.offer(by: ssl, of: context, serverName: serverName)
        else { return }
        offered = session
    }

    /// Makes `context` hand its sessions to the records of its connections.
    static func keepSessions(of context: SSLContext) {
        unsafe COpenSSL_SSL_CTX_enable_client_sessions(context.pointer)
        unsafe SSL_CTX_sess_set_new_cb(context.pointer) { ssl, session in
            guard let ssl = unsafe ssl, let session = unsafe session,
                let record = unsafe HandshakeRecord.of(ssl)
            else { return 0 }
            unsafe record.pointee.sessions?.received = unsafe SessionCopy(copying: session)
            // Zero: the reference stays libssl's.
            return 0
        }
    }
}

extension TLSEngine {
    /// Whether the handshake is complete and continued an earlier session.
    public var isResumed: Bool { unsafe isEstablished && SSL_session_reused(ssl) == 1 }

    /// Whether `takeSession` has one.
    public var hasNewSession: Bool {
        guard let record = unsafe HandshakeRecord.of(ssl) else { return false }
        return unsafe record.pointee.sessions?.received != nil
    }

    /// The newest session that the server gave this client, once; nil when there is none.
    ///
    /// TLS 1.3 servers send it after the handshake: it is there once `read` has gone past it.
    /// Only with `ClientTLSOptions.keepsSessions`.
    public mutating func takeSession() -> ClientSession? {
        guard isEstablished, let record = unsafe HandshakeRecord.of(ssl),
            let sessions = unsafe record.pointee.sessions, let received = sessions.received
        else { return nil }
        unsafe record.pointee.sessions?.received = nil
        return ClientSession(
            received, of: sessions.context, serverName: sessions.serverName, peer: peer)
    }
}
