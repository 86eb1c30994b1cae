public import Core
public import TLS

/// TLS on one connection to an upstream, without I/O: between the exchange's plaintext and the
/// bytes on the wire.
///
///     handshake … ─▶ complete ─▶ receive, send … ─▶ ended (their close_notify)
///          └────────────┴───▶ failed
///
/// Nothing of an exchange is taken before the server is verified. Memory is bounded: two chunks of
/// ciphertext on their way out, and one of plaintext that the exchange has not taken yet. An idle
/// connection holds none.
public struct SecureUpstream: ~Copyable {
    /// What a step of the handshake came to.
    public enum Handshake {
        /// More has to come, or what is announced to be sent.
        case goesOn
        /// The server is verified.
        case complete
        /// Failed; nil without a buffer to go on with.
        case failed(TLSError?)
    }

    /// What bytes from the server came to.
    public enum Received {
        /// All are read; nothing is for the exchange.
        case nothing
        /// `unread` has bytes for the exchange.
        case plaintext
        /// What is announced must be sent before anything is read.
        case needsRoom
        /// The server has said that it sends no more. What comes behind that is nothing.
        case ended
        /// Failed; nil without a buffer to go on with.
        case failed(TLSError?)
    }

    private var engine: TLSEngine
    private let context: ClientTLSContext
    private var outbound = OutboundQueue()
    private var plaintext: Buffer?
    /// Bytes of `plaintext` that the exchange has taken.
    private var taken = 0
    private var outgoing = OutgoingPlaintext()
    private var hasFailed = false
    /// Whether a send has failed: what the server sent before may still be read.
    private var cannotSend = false
    private var wantsShutdown = false
    private var hasShutdown = false
    /// Whether reading waits for a send.
    public private(set) var isWaitingForRoom = false
    /// Whether the server has said that it sends no more.
    public private(set) var hasEnded = false
    /// Whether nothing more can be read, which whoever reads was told.
    public var isOver: Bool { hasEnded || hasFailed }
    /// Whether it has sent anything for an exchange: with TLS 1.3 it judges us after we are done.
    public private(set) var hasAnswered = false

    init(_ engine: consuming TLSEngine, _ context: ClientTLSContext) {
        self.engine = engine
        self.context = context
    }

    // MARK: Handshake

    /// Takes the handshake as far as `input` allows; with no input begins it.
    public mutating func handshake(
        _ input: inout TLSInput, _ chunks: BufferPool, now: Now
    ) -> Handshake {
        guard outbound.prepare(from: chunks), var output = outbound.filling else {
            return .failed(nil)
        }
        context.setTime(now)
        let result = engine.handshake(&input, &output)
        outbound.filling = output
        isWaitingForRoom = false
        switch result {
        case .needInput:
            outbound.releaseIfIdle(chunks)
            return .goesOn
        case .needOutput:
            isWaitingForRoom = true
            return .goesOn
        case .complete where engine.peer == nil:
            preconditionFailure("the server of an upstream was not verified")
        case .complete:
            return .complete
        case .failed(let error):
            hasFailed = true
            return .failed(error)
        }
    }

    /// Whether the handshake is complete.
    public var isEstablished: Bool { engine.isEstablished }

    /// Whether it continued an earlier session.
    public var isResumed: Bool { engine.isResumed }

    /// A session that the server gave us since this was last asked.
    public mutating func takeSession() -> ClientSession? {
        engine.hasNewSession ? engine.takeSession() : nil
    }

    // MARK: From the server

    /// Decrypts `input`, and what is held inside, into `unread`.
    ///
    /// - Precondition: the handshake is complete, and `unread` is empty.
    public mutating func receive(
        _ input: inout TLSInput, _ chunks: BufferPool, now: Now
    ) -> Received {
        precondition(unread.isEmpty)
        isWaitingForRoom = false
        if plaintext == nil { plaintext = chunks.take() }
        guard var buffer = plaintext, outbound.prepare(from: chunks), var output = outbound.filling
        else {
            hasFailed = true
            return .failed(nil)
        }
        context.setTime(now)
        let result = engine.read(into: &buffer, &input, &output)
        plaintext = buffer
        outbound.filling = output
        if output.count == 0 { outbound.releaseIfIdle(chunks) }
        if case .bytes = result {
            hasAnswered = true
            return .plaintext
        }
        chunks.give(&plaintext)
        switch result {
        case .bytes, .needInput: return .nothing
        case .needOutput:
            isWaitingForRoom = true
            return .needsRoom
        case .closeNotify:
            hasEnded = true
            return .ended
        case .failed(let error):
            hasFailed = true
            return .failed(error)
        }
    }

    /// Decrypted bytes that the exchange has not taken. Valid until the next call.
    public var unread: ByteView { plaintext?.filled.dropFirst(taken) ?? .empty }

    /// Whether a `receive` without further input could yield something: bytes, or an end or a
    /// failure that came behind others.
    public var hasPending: Bool {
        !isOver
            && (engine.hasPending || engine.receivedCloseNotify || engine.hasFailed)
    }

    /// The exchange has taken the first `count` bytes of `unread`.
    public mutating func take(_ count: Int, _ chunks: BufferPool) {
        precondition(count <= unread.count)
        taken += count
        guard unread.isEmpty else { return }
        taken = 0
        chunks.give(&plaintext)
    }

    // MARK: To the server

    /// Whether plaintext is on its way that `sent` has not reported yet.
    public var isSending: Bool { outgoing.totalBytes > 0 }

    /// Encrypts `segments`, which stay valid until `sent` reports them.
    ///
    /// - Returns: false when the connection takes nothing any more.
    /// - Precondition: the handshake is complete, and nothing else is being sent.
    public mutating func send(_ segments: SegmentList, _ chunks: BufferPool, now: Now) -> Bool {
        start(OutgoingPlaintext(segments), chunks, now)
    }

    /// The same for one chunk.
    public mutating func send(_ chunk: ByteView, _ chunks: BufferPool, now: Now) -> Bool {
        start(OutgoingPlaintext(chunk), chunks, now)
    }

    private mutating func start(
        _ plaintext: OutgoingPlaintext, _ chunks: BufferPool, _ now: Now
    ) -> Bool {
        precondition(isEstablished && !isSending && !wantsShutdown)
        outgoing = plaintext
        context.setTime(now)
        guard encrypt(chunks) else {
            outgoing = OutgoingPlaintext()
            return false
        }
        return true
    }

    /// Says close_notify behind what is being sent.
    public mutating func shutdown(_ chunks: BufferPool) {
        wantsShutdown = true
        closeIfAllIsEncrypted(chunks)
    }

    /// Once after `shutdown`, when its close_notify has left: nothing will be sent any more.
    public mutating func mayShutWrite() -> Bool {
        guard wantsShutdown, !hasShutdown, engine.sentCloseNotify, outbound.isEmpty else {
            return false
        }
        hasShutdown = true
        return true
    }

    /// Whether a send is to be started now, with `nextSend`.
    public mutating func announceSend() -> Bool { outbound.announceSend() }

    /// The ciphertext that `announceSend` announced. Valid until `sent`.
    public mutating func nextSend() -> ByteView { outbound.startSend() }

    /// A send of ciphertext is done: `code` is its size, or `-errno`.
    ///
    /// - Returns: for the exchange, once all of its plaintext has left: how much that was, or the
    ///   error; nil as long as there is nothing to tell.
    public mutating func sent(code: Int32, _ chunks: BufferPool, now: Now) -> Int32? {
        outbound.sendCompleted(chunks)
        context.setTime(now)
        guard code >= 0, encrypt(chunks) else {
            cannotSend = true
            defer { outgoing = OutgoingPlaintext() }
            return isSending ? min(code, -1) : nil
        }
        closeIfAllIsEncrypted(chunks)
        guard isSending, outgoing.isEncrypted, outbound.isEmpty else { return nil }
        defer { outgoing = OutgoingPlaintext() }
        return Int32(clamping: outgoing.totalBytes)
    }

    /// Encrypts as much of `outgoing` as there is room for; false when that has become impossible.
    private mutating func encrypt(_ chunks: BufferPool) -> Bool {
        while !outgoing.isEncrypted {
            guard !hasFailed, !cannotSend else { return false }
            guard outbound.prepare(from: chunks), var output = outbound.filling else {
                // What is in flight makes room.
                return outbound.isSending
            }
            let result = write(&output, chunks)
            outbound.filling = output
            switch result {
            case .accepted(0): return true
            case .accepted(let count): outgoing.advance(by: count)
            case .failed: return false
            }
        }
        return true
    }

    /// Encrypts the next bytes. Small pieces, as those of a head, go into one record.
    private mutating func write(_ output: inout Buffer, _ chunks: BufferPool) -> WriteResult {
        guard outgoing.hasMore, var gathered = chunks.take() else {
            return engine.write(outgoing.next, &output)
        }
        defer { chunks.give(gathered) }
        outgoing.gather(into: &gathered, limit: Limits.tlsPlaintextRecord)
        return engine.write(gathered.filled, &output)
    }

    private mutating func closeIfAllIsEncrypted(_ chunks: BufferPool) {
        guard wantsShutdown, !engine.sentCloseNotify, !hasFailed, !cannotSend,
            outgoing.isEncrypted,
            outbound.prepare(from: chunks), var output = outbound.filling
        else { return }
        engine.closeNotify(&output)
        outbound.filling = output
    }

    // MARK: End

    /// Whether it can carry another exchange.
    public var isReusable: Bool {
        isEstablished && !hasFailed && !cannotSend && !hasEnded && !wantsShutdown && !isSending
            && unread.isEmpty
    }

    /// Puts the last words into the output: close_notify, unless an alert waits there.
    ///
    /// - Returns: false when there are none, or they would have to wait.
    public mutating func sayFarewell(_ chunks: BufferPool) -> Bool {
        guard !outbound.isSending, !isSending, !cannotSend else { return false }
        if !hasFailed { shutdown(chunks) }
        return outbound.hasWaiting
    }

    /// Bytes that it has buffered.
    public var bufferedBytes: Int { outbound.bufferedBytes + (plaintext?.count ?? 0) }

    /// Gives every buffer back.
    ///
    /// - Precondition: the socket is closed.
    public mutating func releaseBuffers(_ chunks: BufferPool) {
        outbound.releaseAll(chunks)
        chunks.give(&plaintext)
        outgoing = OutgoingPlaintext()
    }
}
