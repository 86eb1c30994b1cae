internal import COpenSSL
internal import Core

/// What libssl asks of the session store while a handshake runs. All of it only proposes: the
/// engine decides when the handshake is complete (S05).
enum SessionCallbacks {
    /// Most look-ups for one ClientHello (S14).
    static let mostLookups = 2

    /// Installs the callbacks on a server's context.
    static func install(on context: SSLContext, _ options: SessionOptions) {
        unsafe COpenSSL_SSL_CTX_use_external_sessions(
            context.pointer, Int(min(options.lifetime, SessionOptions.longestLifetime)))
        unsafe SSL_CTX_sess_set_new_cb(context.pointer, noteSession)
        unsafe SSL_CTX_sess_set_get_cb(context.pointer, findSession)
    }

    /// A copy of the session `id`, when the connection may resume it.
    static func find(_ ssl: OpaquePointer, _ id: SessionID) -> OpaquePointer? {
        guard let record = unsafe HandshakeRecord.of(ssl),
            let server = unsafe record.pointee.server, let store = server.sessions,
            let host = unsafe record.pointee.virtualHost
        else { return nil }
        unsafe record.pointee.sessionLookups += 1
        guard unsafe record.pointee.sessionLookups <= mostLookups else { return nil }
        let now = unsafe record.pointee.wallSeconds
        guard now > 0, let stored = store.find(id, binding: server.hosts[host].binding, at: now)
        else { return nil }
        unsafe record.pointee.revocationGeneration = server.revocation.generation
        if let chain = stored.identity.chain {
            switch server.revocation.judge(chain.members, wallSeconds: now) {
            case .good: break
            // A full handshake says what is wrong, or finds another path.
            case .stale: return nil
            case .revoked:
                store.remove(stored)
                return nil
            }
        }
        unsafe record.pointee.offeredSession = id
        return unsafe SSL_SESSION_dup(stored.session.pointer)
    }

    /// Notes a copy of the `session` that the client is being told of. The engine keeps it once it
    /// knows who the client is.
    static func note(_ ssl: OpaquePointer, _ session: OpaquePointer) {
        guard let record = unsafe HandshakeRecord.of(ssl),
            unsafe record.pointee.server?.sessions != nil, unsafe record.pointee.wallSeconds > 0,
            let copy = unsafe SessionCopy(copying: session)
        else { return }
        unsafe record.pointee.minted.append(copy)
    }
}

extension SessionIdentity {
    /// Each `SSL_SESSION` holds a reference to its identity; copies share it (S16).
    private static let index = unsafe COpenSSL_SSL_SESSION_new_index(
        { unsafe retainIdentity($0) }, { unsafe releaseIdentity($0) })

    /// The identity that `session` carries.
    static func of(_ session: OpaquePointer) -> SessionIdentity? {
        guard let pointer = unsafe SSL_SESSION_get_ex_data(session, index) else { return nil }
        return unsafe Unmanaged<SessionIdentity>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Lets `session`, which has none, carry this identity.
    func attach(to session: OpaquePointer) -> Bool {
        let reference = unsafe Unmanaged.passRetained(self)
        if unsafe SSL_SESSION_set_ex_data(session, Self.index, reference.toOpaque()) == 1 {
            return true
        }
        unsafe reference.release()
        return false
    }
}

private func retainIdentity(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer = unsafe pointer else { return }
    _ = unsafe Unmanaged<SessionIdentity>.fromOpaque(pointer).retain()
}

private func releaseIdentity(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer = unsafe pointer else { return }
    unsafe Unmanaged<SessionIdentity>.fromOpaque(pointer).release()
}

private let noteSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = {
    ssl, session in
    if let ssl = unsafe ssl, let session = unsafe session {
        unsafe SessionCallbacks.note(ssl, session)
    }
    // We keep a copy, not the reference that is offered.
    return 0
}

private let findSession:
    @convention(c) (
        OpaquePointer?, UnsafePointer<UInt8>?, Int32, UnsafeMutablePointer<Int32>?
    ) -> OpaquePointer? = { ssl, bytes, count, keepsReference in
        // The copy that we return becomes libssl's.
        unsafe keepsReference?.pointee = 0
        guard let ssl = unsafe ssl, let bytes = unsafe bytes,
            let id = unsafe SessionID(ByteView(base: bytes, count: Int(count)))
        else { return nil }
        return unsafe SessionCallbacks.find(ssl, id)
    }
