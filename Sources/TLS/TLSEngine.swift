internal import COpenSSL
public import Core

/// One TLS connection, either role, without I/O: ciphertext in, ciphertext out.
///
///     handshake … handshake → complete → read / write … → closeNotify
///
/// Every call may append to `output`, failed ones too (alerts): send it after each. A failure is
/// final; later calls repeat it. Belongs to the thread of its context.
@safe
public struct TLSEngine: ~Copyable {
    /// Room that `handshake` and `read` need in `output`: an alert and a KeyUpdate always fit.
    public static let minimumOutputRoom = 64
    /// Most KeyUpdates a peer may send in a minute.
    public static let keyUpdateLimit = 32
    // A record's header, IV, tag or MAC, and padding, for every cipher suite libssl has.
    private static let recordOverhead = 128

    // Invariant: `ssl`, `observer` and `record` are this engine's own, freed by `deinit` in that
    // order; `transfer` belongs to the context, which `server` or `client` keeps alive.
    let ssl: OpaquePointer
    private let transfer: UnsafeMutablePointer<COpenSSL_Transfer>
    private let observer: UnsafeMutablePointer<COpenSSL_Observer>
    private let record: UnsafeMutablePointer<HandshakeRecord>
    private let server: ServerTLSContext?
    private let client: ClientTLSContext?
    private var failure: Failure?
    // A record that libssl has begun and must be offered again with the same length.
    private var unfinishedWrite = 0
    // Whether the client is to be told of a session with the next bytes that it is sent anyway: a
    // send of its own would cost as much as a tenth of the handshake.
    private var owesSession = false
    private static let sessionTicketRoom = 1_024

    /// Whether the handshake is complete.
    public private(set) var isEstablished = false
    /// Whether the peer's close_notify arrived: an end of input without it is a truncation.
    public private(set) var receivedCloseNotify = false
    /// Whether `closeNotify` has put ours into the output.
    public private(set) var sentCloseNotify = false
    /// The peer, when it showed a certificate, it is valid, and the handshake is complete.
    public private(set) var peer: VerifiedPeer?

    // A class, so that the engine stays small and its hot path never copies strings.
    private final class Failure {
        let error: TLSError
        init(_ error: TLSError) { self.error = error }
    }

    /// The server side of a new connection.
    public init(server: ServerTLSContext) {
        unsafe self.init(context: server.listener, unsafe server.transfer.pointer, server, nil)
        unsafe SSL_set_accept_state(ssl)
    }

    /// The client side of a new connection to a server called `serverName`.
    ///
    /// A name that can neither be sent nor verified fails the handshake. A `session` of another
    /// context, for another name or of a chain that is no longer valid is not offered.
    public init(
        client: ClientTLSContext, serverName: String?, resuming session: ClientSession? = nil
    ) {
        unsafe self.init(context: client.context, unsafe client.transfer.pointer, nil, client)
        unsafe SSL_set_connect_state(ssl)
        unsafe record.pointee.trust = client.trust
        if unsafe !client.prepare(ssl, serverName: serverName) {
            failure = Failure(TLSError(.serverName, "no name to verify the server by"))
        } else if client.options.keepsSessions {
            unsafe record.pointee.sessions = unsafe ClientSessionRecord(
                ssl, client, serverName: serverName, resuming: session)
        }
    }

    private init(
        context: SSLContext, _ transfer: UnsafeMutablePointer<COpenSSL_Transfer>,
        _ server: ServerTLSContext?, _ client: ClientTLSContext?
    ) {
        ErrorQueue.clear()
        guard let ssl = unsafe SSL_new(context.pointer),
            unsafe COpenSSL_attachTransfer(ssl, transfer) == 1
        else { fatalError("out of memory") }
        unsafe self.ssl = unsafe ssl
        unsafe self.transfer = transfer
        unsafe observer = .allocate(capacity: 1)
        unsafe observer.initialize(
            to: COpenSSL_Observer(
                transfer: transfer, keyUpdateWindow: transfer.pointee.seconds, keyUpdates: 0,
                alertSent: -1, alertReceived: -1))
        unsafe record = .allocate(capacity: 1)
        unsafe record.initialize(to: HandshakeRecord(transfer: transfer, server: server))
        self.server = server
        self.client = client
        unsafe COpenSSL_observe(ssl, observer)
        unsafe COpenSSL_SSL_set_app_data(ssl, record)
    }

    deinit {
        // libssl would call the session of a connection that was not closed a bad one (S13).
        unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        unsafe SSL_free(ssl)
        unsafe observer.deallocate()
        unsafe record.deinitialize(count: 1)
        unsafe record.deallocate()
        ErrorQueue.clear()
    }

    // MARK: Events

    /// Takes the handshake as far as `input` and `output` allow.
    public mutating func handshake(
        _ input: inout TLSInput, _ output: inout Buffer
    ) -> HandshakeResult {
        if let failure { return .failed(failure.error) }
        if isEstablished { return .complete }
        guard output.available >= Self.minimumOutputRoom else { return .needOutput }
        ErrorQueue.clear()
        let ssl = unsafe ssl
        let status = exchange(&input, &output) { unsafe SSL_do_handshake(ssl) }
        if status == 1 {
            if let error = establish() { return .failed(fail(error)) }
            releaseBuffers()
            return .complete
        }
        switch unsafe SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ: return .needInput
        case SSL_ERROR_WANT_WRITE: return .needOutput
        case SSL_ERROR_ZERO_RETURN:
            receivedCloseNotify = true
            return .failed(fail(TLSError(.peerAlert, "closed during the handshake")))
        default: return .failed(fail(currentError()))
        }
    }

    /// Decrypts into `buffer` until it is full or `input` is used up.
    ///
    /// - Precondition: `buffer` has room.
    public mutating func read(
        into buffer: inout Buffer, _ input: inout TLSInput, _ output: inout Buffer
    ) -> ReadResult {
        if let failure { return .failed(failure.error) }
        guard isEstablished else { return .failed(TLSError(.internal, "read before handshake")) }
        precondition(buffer.available > 0)
        guard output.available >= Self.minimumOutputRoom else { return .needOutput }
        ErrorQueue.clear()
        let ssl = unsafe ssl
        let transfer = unsafe transfer
        var total = 0
        var status: Int32 = 1
        exchange(&input, &output) {
            unsafe buffer.withRoom { room in
                while total < room.count {
                    var count = 0
                    status = unsafe SSL_read_ex(
                        ssl, room.baseAddress.map { unsafe $0 + total }, room.count - total, &count)
                    if status != 1 { break }
                    total += count
                    // Saves a call that would only find nothing to read.
                    if unsafe transfer.pointee.inputOffset == transfer.pointee.inputCount,
                        unsafe SSL_has_pending(ssl) == 0
                    {
                        break
                    }
                }
                return total
            }
        }
        if unsafe observer.pointee.keyUpdates > Self.keyUpdateLimit {
            return .failed(fail(TLSError(.keyUpdateFlood, "too many KeyUpdate messages")))
        }
        if status == 1 { return .bytes(total) }
        return unfinishedRead(status, after: total)
    }

    /// Encrypts as much of `bytes` as surely fits into `output`, in records of up to 16 KiB.
    public mutating func write(_ bytes: ByteView, _ output: inout Buffer) -> WriteResult {
        if let failure { return .failed(failure.error) }
        guard isEstablished, !sentCloseNotify else {
            return .failed(TLSError(.internal, "write outside the open connection"))
        }
        ErrorQueue.clear()
        let ssl = unsafe ssl
        var total = 0
        var input = TLSInput.empty
        if owesSession, unfinishedWrite == 0,
            output.available >= min(bytes.count, Limits.tlsPlaintextRecord) + Self.sessionTicketRoom
        {
            owesSession = false
            _ = unsafe SSL_new_session_ticket(ssl)
        }
        while total < bytes.count {
            let room = output.available - Self.recordOverhead - Self.minimumOutputRoom
            var size = min(bytes.count - total, Limits.tlsPlaintextRecord)
            if unfinishedWrite > 0 {
                guard output.available >= Self.minimumOutputRoom else { break }
                size = min(unfinishedWrite, bytes.count - total)
            } else if size > room {
                // A short record only where the buffer offers no better: not as a left-over.
                guard room > 0, room >= 1_024 || output.count == 0 else { break }
                size = room
            }
            let start = unsafe bytes.dropFirst(total).raw.baseAddress
            var written = 0
            let status = exchange(&input, &output) {
                unsafe SSL_write_ex(ssl, start, size, &written)
            }
            guard status == 1 else {
                switch unsafe SSL_get_error(ssl, status) {
                case SSL_ERROR_WANT_WRITE: unfinishedWrite = size
                case SSL_ERROR_WANT_READ: break  // a handshake message must be read first
                default: return .failed(fail(currentError()))
                }
                return .accepted(total)
            }
            unfinishedWrite = 0
            total += written
            if unsafe !record.pointee.minted.isEmpty {
                storeSessions()
                releaseBuffers()
            }
        }
        return .accepted(total)
    }

    /// Tells the peer that we send no more, if the handshake is complete and `output` has room.
    public mutating func closeNotify(_ output: inout Buffer) {
        guard isEstablished, failure == nil, !sentCloseNotify,
            output.available >= Self.minimumOutputRoom
        else { return }
        ErrorQueue.clear()
        let ssl = unsafe ssl
        var input = TLSInput.empty
        _ = exchange(&input, &output) { unsafe SSL_shutdown(ssl) }
        sentCloseNotify = unsafe SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN != 0
        ErrorQueue.clear()
    }

    // MARK: Queries

    /// Whether a read could yield something without further input.
    public var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

    /// Whether a whole ClientHello has arrived (S26).
    public var clientHelloSeen: Bool { unsafe record.pointee.clientHellos > 0 }

    /// Index of the virtual host that the ClientHello chose.
    public var virtualHostIndex: Int? { unsafe record.pointee.virtualHost }

    /// The server name that the client asked for: lowercase, no trailing dot. Allocates.
    public var serverName: String? {
        unsafe record.pointee.serverName.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The negotiated version, `TLSv1.3` or `TLSv1.2`; empty before it is known.
    public var protocolName: StaticString {
        switch unsafe SSL_version(ssl) {
        case TLSVersion.tls13.rawValue: "TLSv1.3"
        case TLSVersion.tls12.rawValue: "TLSv1.2"
        default: ""
        }
    }

    /// Whether the connection has failed, which every later call repeats.
    public var hasFailed: Bool { failure != nil }

    /// OpenSSL's name of the cipher suite; empty before it is known. Allocates.
    public var cipherName: String {
        guard let cipher = unsafe SSL_get_current_cipher(ssl),
            let name = unsafe SSL_CIPHER_get_name(cipher)
        else { return "" }
        return unsafe String(cString: name)
    }

    /// Whether ALPN chose http/1.1; false when the client offered no protocols.
    public var negotiatedHTTP11: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &count)
        guard let name = unsafe name else { return false }
        return unsafe ByteView(base: name, count: Int(count)).equals("http/1.1")
    }

    // MARK: Private

    /// Runs one SSL call over `input` and `output`.
    @inline(__always)
    private func exchange<Result>(
        _ input: inout TLSInput, _ output: inout Buffer, _ body: () -> Result
    ) -> Result {
        let transfer = unsafe transfer
        let bytes = input.remaining
        var result: Result?
        unsafe output.withRoom { room in
            unsafe transfer.pointee.input = bytes.raw.baseAddress?
                .assumingMemoryBound(to: UInt8.self)
            unsafe transfer.pointee.inputCount = bytes.count
            unsafe transfer.pointee.inputOffset = 0
            unsafe transfer.pointee.output = room.baseAddress?
                .assumingMemoryBound(to: UInt8.self)
            unsafe transfer.pointee.outputCapacity = room.count
            unsafe transfer.pointee.outputCount = 0
            result = body()
            return unsafe transfer.pointee.outputCount
        }
        unsafe input.consumed += transfer.pointee.inputOffset
        unsafe transfer.pointee.input = nil
        unsafe transfer.pointee.inputCount = 0
        unsafe transfer.pointee.inputOffset = 0
        unsafe transfer.pointee.output = nil
        unsafe transfer.pointee.outputCapacity = 0
        unsafe transfer.pointee.outputCount = 0
        guard let result else { preconditionFailure("withRoom runs its body") }
        return result
    }

    private mutating func unfinishedRead(_ status: Int32, after total: Int) -> ReadResult {
        switch unsafe SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ: return total > 0 ? .bytes(total) : .needInput
        case SSL_ERROR_WANT_WRITE: return total > 0 ? .bytes(total) : .needOutput
        case SSL_ERROR_ZERO_RETURN:
            receivedCloseNotify = true
            return total > 0 ? .bytes(total) : .closeNotify
        default:
            // What was decrypted before the failure is good; the next call reports the failure.
            let error = fail(currentError())
            return total > 0 ? .bytes(total) : .failed(error)
        }
    }

    /// Turns what the callbacks proposed into the peer (S05); the error when that is impossible.
    private mutating func establish() -> TLSError? {
        if let server {
            guard let host = unsafe record.pointee.virtualHost,
                unsafe SSL_get_SSL_CTX(ssl) == server.hosts[host].context.pointer
            else { return TLSError(.internal, "no virtual host was chosen") }
        }
        let isResumed = unsafe SSL_session_reused(ssl) == 1
        if let error = isResumed ? adoptSession() : adoptVerification() { return error }
        if let error = judgeAgain() { return error }
        isEstablished = true
        storeSessions()
        owesSession = unsafe server?.sessions != nil && SSL_version(ssl) == TLS1_3_VERSION
        unsafe record.pointee.verification = nil
        return nil
    }

    /// Frees the 16 KiB that libssl reads handshakes into, which it would keep until a read finds
    /// nothing. What has not been read or sent stays.
    private func releaseBuffers() { _ = unsafe SSL_free_buffers(ssl) }

    /// Keeps the sessions that the client was told of. Those of a resumed connection were copied
    /// with their identity, deadline and all; the others begin with this peer.
    private func storeSessions() {
        guard let server, let store = server.sessions,
            let host = unsafe record.pointee.virtualHost
        else { return }
        while let session = unsafe record.pointee.minted.popLast() {
            if unsafe SessionIdentity.of(session.pointer) == nil {
                let identity = SessionIdentity(
                    binding: server.hosts[host].binding, chain: peer?.validated,
                    at: peer?.authenticatedAt ?? (unsafe record.pointee.wallSeconds),
                    lifetime: store.options.lifetime)
                guard !isResumed,
                    unsafe identity.attach(to: session.pointer)
                else { continue }
            }
            store.insert(session, after: isResumed ? unsafe record.pointee.offeredSession : nil)
        }
    }

    /// Makes the peer of a full handshake.
    private mutating func adoptVerification() -> TLSError? {
        guard unsafe record.pointee.trust != nil else { return nil }
        guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else {
            // Of a client libssl demands one where it is required; a server has no choice, and
            // with a suite that authenticates nobody libssl would let it have one.
            return server == nil ? TLSError(.certificate, "the server has no certificate") : nil
        }
        guard case .valid(let chain) = unsafe record.pointee.verification,
            unsafe record.pointee.verifiedLeaf == certificate
        else { return TLSError(.internal, "the peer's certificate was not verified") }
        peer = VerifiedPeer(chain, authenticatedAt: unsafe record.pointee.wallSeconds)
        return nil
    }

    /// Makes the peer of a resumed handshake: what the session carries, which is what the full
    /// handshake found. The rules are checked again: libssl may have taken its time (S17).
    private mutating func adoptSession() -> TLSError? {
        guard let server else { return adoptOfferedSession() }
        guard let host = unsafe record.pointee.virtualHost,
            let session = unsafe SSL_get_session(ssl),
            let identity = unsafe SessionIdentity.of(session),
            identity.isUsable(
                under: server.hosts[host].binding, at: unsafe record.pointee.wallSeconds)
        else { return TLSError(.internal, "a session was resumed that may not be") }
        let hasCertificate = unsafe SSL_get0_peer_certificate(ssl) != nil
        guard hasCertificate == (identity.chain != nil) else {
            return TLSError(.internal, "a session was resumed with another's certificate")
        }
        peer = identity.chain.map {
            VerifiedPeer($0, authenticatedAt: identity.authenticatedAt)
        }
        return nil
    }

    /// What was revoked while the handshake went on holds for it too (S19).
    private mutating func judgeAgain() -> TLSError? {
        guard let server, let peer,
            unsafe server.revocation.generation != record.pointee.revocationGeneration
        else { return nil }
        let verdict = server.revocation.judge(
            peer.validated.members, wallSeconds: unsafe record.pointee.wallSeconds)
        if verdict == .good { return nil }
        var error = TLSError(.certificate, "the certificate was revoked during the handshake")
        error.x509Code = X509_V_ERR_CERT_REVOKED
        error.certificate = peer.leaf
        return error
    }

    /// The same for a client: the peer is the one that the session began with.
    private mutating func adoptOfferedSession() -> TLSError? {
        guard let offered = unsafe record.pointee.sessions?.offered,
            unsafe record.pointee.trust == nil || offered.peer != nil
        else { return TLSError(.internal, "a session was resumed whose server is unknown") }
        peer = offered.peer
        return nil
    }

    @discardableResult
    private mutating func fail(_ error: TLSError) -> TLSError {
        failure = Failure(error)
        peer = nil
        return error
    }

    /// The one place that turns OpenSSL's error queue and the callbacks' findings into an error.
    private func currentError() -> TLSError {
        let queued = ErrorQueue.drain()
        let sent = unsafe observer.pointee.alertSent
        let received = unsafe observer.pointee.alertReceived
        var error: TLSError
        if let refusal = unsafe record.pointee.refusal {
            error = refusal
        } else if case .refused(let refusal) = unsafe record.pointee.verification {
            error = TLSError(refusal)
        } else if received > 0 {
            error = TLSError(.peerAlert, queued?.text ?? "the peer sent a fatal alert")
            error.alert = UInt8(truncatingIfNeeded: received)
        } else if let queued {
            let isOfTLS = COpenSSL_ERR_GET_LIB(queued.code) == ERR_LIB_SSL
            let reason = isOfTLS ? COpenSSL_ERR_GET_REASON(queued.code) : nil
            let isMissing =
                reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE
                || reason == SSL_R_EXCESSIVE_MESSAGE_SIZE
            error = TLSError(isMissing ? .certificate : .protocolViolation, queued.text)
            error.libraryReason = reason
        } else {
            error = TLSError(.internal, "the connection failed without a reason")
        }
        if sent >= 0 { error.alert = UInt8(truncatingIfNeeded: sent) }
        if case .valid(let chain) = unsafe record.pointee.verification {
            error.certificate = chain.leaf
        }
        return error
    }
}
