import Core
import EventLoop
import Proxy
import TLS
import Telemetry
import Upstream

// Connections to upstreams that speak TLS: the bytes between the loop, a `SecureUpstream` and the
// exchange. What is received is decrypted as far as the exchange takes it, the rest is held.
extension Worker where Loop: ~Copyable {
    private func isOpen(_ handle: SlabHandle) -> Bool {
        connections.contains(handle) && !connections[handle].isClosing
    }

    // MARK: Handshake

    /// The connection is open: no byte of an exchange is sent before its server is verified.
    mutating func beginHandshake(_ handle: SlabHandle) {
        let address = connections[handle].address
        connections[handle].tls =
            security[connections[handle].upstream]?.connect(to: address, now: turn.now)
        connections[handle].isSecure = true
        var nothing = TLSInput.empty
        _ = stepHandshake(handle, &nothing)
    }

    /// Takes the handshake on.
    ///
    /// - Returns: whether it is complete, and what is left of `input` is to be read.
    private mutating func stepHandshake(_ handle: SlabHandle, _ input: inout TLSInput) -> Bool {
        let (chunks, now) = (turn.environment.chunks, turn.now)
        switch connections[handle].tls?.handshake(&input, chunks, now: now) {
        case .goesOn:
            if !input.remaining.isEmpty { hold(handle, input.remaining) }
            flush(handle)
            return false
        case .complete:
            let metrics = turn.environment.metrics
            let upstream = connections[handle].upstream
            metrics.increment(.tlsHandshakes, upstream: upstream)
            if connections[handle].tls?.isResumed ?? false {
                metrics.increment(.tlsHandshakesResumed, upstream: upstream)
            }
            keepSession(of: handle)
            // The last message of the handshake leaves together with the request.
            becameReady(handle)
            flush(handle)
            return isOpen(handle)
        case .failed(let error):
            handshakeFailed(handle, error?.serverFault ?? .internal, error)
            return false
        case nil:
            preconditionFailure("a secure connection has its TLS")
        }
    }

    private mutating func handshakeFailed(
        _ handle: SlabHandle, _ fault: ServerFault, _ error: TLSError? = nil
    ) {
        record(handle, fault, error, isOfHandshake: true)
        connectFailed(handle, by: fault)
    }

    /// Keeps what the server gave us for later connections, unless its rules are not ours any more.
    private mutating func keepSession(of handle: SlabHandle) {
        guard let session = connections[handle].tls?.takeSession(), !connections[handle].isStale
        else { return }
        let (upstream, address) = (connections[handle].upstream, connections[handle].address)
        security[upstream]?.keep(session, from: address)
    }

    // MARK: Completions

    mutating func secureCompleted(_ handle: SlabHandle, _ completion: Completion) {
        switch completion.operation {
        case .receive where completion.result > 0:
            var input = TLSInput(completion.bytes)
            if connections[handle].isConnecting, !stepHandshake(handle, &input) { return }
            read(handle, &input)
        case .receive:
            endedWithoutNotice(handle)
        case .send:
            sent(handle, completion.result)
        case .accept, .connect, .close, .wake:
            preconditionFailure("not an operation of an open upstream connection")
        }
    }

    /// The connection ended, or failed. Anyone can end it: without the server's close_notify that
    /// is no end of a message (RFC 8446 §6.1).
    private mutating func endedWithoutNotice(_ handle: SlabHandle) {
        guard !connections[handle].isConnecting else {
            handshakeFailed(handle, .closed)
            return
        }
        guard let user = connections[handle].user else {
            closeIdle(handle)
            return
        }
        guard connections[handle].tls?.isOver == false else { return }
        tellBroke(user, .closed)
        perform(for: user)
    }

    /// Decrypts until all is read, or the exchange takes no more.
    private mutating func read(_ handle: SlabHandle, _ input: inout TLSInput) {
        let (chunks, now) = (turn.environment.chunks, turn.now)
        while mayRead(handle, input) {
            let received = connections[handle].tls?.receive(&input, chunks, now: now)
            keepSession(of: handle)
            switch received {
            case .plaintext:
                guard deliver(handle, before: input.remaining) else { return }
            case .nothing:
                // A record that has not come whole may be inside: there is no more to be had.
                flush(handle)
                return
            case .needsRoom:
                hold(handle, input.remaining)
                flush(handle)
                return
            case .ended:
                ended(handle)
                return
            case .failed(let error):
                broke(handle, error)
                return
            case nil:
                preconditionFailure("a secure connection has its TLS")
            }
        }
    }

    private mutating func mayRead(_ handle: SlabHandle, _ input: borrowing TLSInput) -> Bool {
        guard isOpen(handle), connections[handle].tls?.isOver == false else { return false }
        return !input.remaining.isEmpty || connections[handle].tls?.hasPending ?? false
    }

    /// Gives the exchange what was decrypted.
    ///
    /// - Returns: whether it took all. If not, nothing more is received until it asks for it.
    private mutating func deliver(_ handle: SlabHandle, before rest: ByteView) -> Bool {
        guard let user = connections[handle].user else {
            // Idle: bytes that nobody asked for make the connection useless.
            closeIdle(handle)
            return false
        }
        flush(handle)
        let bytes = connections[handle].tls?.unread ?? .empty
        let taken = tellReceived(user, bytes)
        connections[handle].tls?.take(taken, turn.environment.chunks)
        let isTaken = taken == bytes.count
        if !isTaken { hold(handle, rest) }
        perform(for: user)
        return isTaken
    }

    private mutating func hold(_ handle: SlabHandle, _ rest: ByteView) {
        if rest.isEmpty {
            loop.pauseReceiving(connections[handle].socket)
        } else {
            loop.hold(rest, for: connections[handle].socket)
        }
    }

    /// The exchange takes more: first of what is decrypted, then of what the loop holds.
    mutating func resumeUpstream(_ handle: SlabHandle) {
        guard connections[handle].isSecure else {
            loop.resumeReceiving(connections[handle].socket)
            return
        }
        guard isOpen(handle) else { return }
        if connections[handle].tls?.unread.isEmpty == false, !deliver(handle, before: .empty) {
            return
        }
        var nothing = TLSInput.empty
        read(handle, &nothing)
        guard isOpen(handle), connections[handle].tls?.unread.isEmpty ?? false,
            connections[handle].tls?.isWaitingForRoom == false
        else { return }
        loop.resumeReceiving(connections[handle].socket)
    }

    /// The server has said that it sends no more.
    private mutating func ended(_ handle: SlabHandle) {
        guard let user = connections[handle].user else {
            closeIdle(handle)
            return
        }
        tellEnded(user, code: 0)
        perform(for: user)
    }

    /// The connection's TLS failed after the handshake.
    private mutating func broke(_ handle: SlabHandle, _ error: TLSError?) {
        guard let user = connections[handle].user else {
            closeIdle(handle)
            return
        }
        let fault = error?.serverFault ?? .internal
        // With TLS 1.3 a server judges our certificate when we think that all is done.
        let isVerdict = connections[handle].tls?.hasAnswered == false
        record(handle, fault, error, isOfHandshake: isVerdict)
        tellBroke(user, fault)
        perform(for: user)
    }

    // MARK: Sending

    /// Starts the send of what was encrypted, if none is in flight.
    private mutating func flush(_ handle: SlabHandle) {
        guard isOpen(handle), connections[handle].tls?.announceSend() ?? false else { return }
        startSend(handle)
    }

    private mutating func startSend(_ handle: SlabHandle) {
        guard let bytes = connections[handle].tls?.nextSend() else { return }
        loop.send(connections[handle].socket, bytes)
    }

    /// Encrypts and sends what the exchange of `client` has to send.
    mutating func sendSecure(_ handle: SlabHandle, for client: SlabHandle) {
        let (chunks, now) = (turn.environment.chunks, turn.now)
        let isTaken: Bool?
        switch clients[client].session.nextUpstreamSend() {
        case .head:
            let head = clients[client].session.upstreamHead
            isTaken = connections[handle].tls?.send(head, chunks, now: now)
        case .chunk(let bytes):
            isTaken = connections[handle].tls?.send(bytes, chunks, now: now)
        }
        flush(handle)
        if isTaken != true { clients[client].session.upstreamSent(code: -1, &turn) }
    }

    /// Encrypts and sends `segments`, which `user` keeps until it is told that they have left.
    mutating func encrypt(_ handle: SlabHandle, _ segments: SegmentList, for user: Owner) {
        let (chunks, now) = (turn.environment.chunks, turn.now)
        let isTaken = connections[handle].tls?.send(segments, chunks, now: now) ?? false
        flush(handle)
        if !isTaken { tellSent(user, code: -1) }
    }

    private mutating func sent(_ handle: SlabHandle, _ result: Int32) {
        let (chunks, now) = (turn.environment.chunks, turn.now)
        let report = connections[handle].tls?.sent(code: result, chunks, now: now)
        if result < 0, connections[handle].isConnecting {
            handshakeFailed(handle, .closed)
            return
        }
        flush(handle)
        if let user = connections[handle].user {
            if let report = report ?? nil {
                tellSent(user, code: report)
                perform(for: user)
            }
        } else if result < 0 {
            closeIdle(handle)
        }
        guard isOpen(handle) else { return }
        if connections[handle].tls?.mayShutWrite() ?? false {
            loop.shutdownWrite(connections[handle].socket)
        }
        if connections[handle].tls?.isWaitingForRoom ?? false { roomWasMade(handle) }
    }

    /// Goes on with what had to wait for a send.
    private mutating func roomWasMade(_ handle: SlabHandle) {
        guard connections[handle].isConnecting else {
            resumeUpstream(handle)
            return
        }
        var nothing = TLSInput.empty
        _ = stepHandshake(handle, &nothing)
        if isOpen(handle) { loop.resumeReceiving(connections[handle].socket) }
    }

    /// No more bytes will be sent to the upstream.
    mutating func shutUpstreamWrite(_ handle: SlabHandle) {
        guard connections[handle].isSecure else {
            loop.shutdownWrite(connections[handle].socket)
            return
        }
        connections[handle].tls?.shutdown(turn.environment.chunks)
        flush(handle)
    }

    /// Starts the send of the last words of a connection that is being closed: close_notify, or an
    /// alert that says why. Its completion closes the socket.
    ///
    /// - Returns: false when there is nothing to be said.
    mutating func sayFarewell(_ handle: SlabHandle) -> Bool {
        let chunks = turn.environment.chunks
        guard connections[handle].tls?.sayFarewell(chunks) ?? false,
            connections[handle].tls?.announceSend() ?? false
        else { return false }
        connections[handle].isEnding = true
        connections[handle].endsAt = turn.now.monotonic + Self.farewellTime
        startSend(handle)
        return true
    }

    /// A second for a few bytes: whoever does not even take them need not have them.
    private static var farewellTime: Nanoseconds { .seconds(1) }

    /// Closes connections whose last words do not get away.
    mutating func endFarewells() {
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot), connections[handle].isEnding,
                turn.now.monotonic >= connections[handle].endsAt
            else { continue }
            hangUp(handle)
        }
    }

    // MARK: Reload

    /// Speaks to the upstream at `place` by `replacement` from now on, unless that is what is in
    /// force. What was connected by other rules starts no further exchange.
    mutating func secure(_ place: Int, by replacement: UpstreamSecurity?) {
        guard replacement?.digest != security[place]?.digest else {
            if let hosts = replacement?.hosts { security[place]?.hosts = hosts }
            return
        }
        security[place] = replacement
        while let token = pools[poolHandle(place)].dropIdle() {
            closeUpstream(Owner(rawValue: token).handle)
        }
        for slot in 0..<connections.slotsInUse {
            guard let handle = connections.handle(inSlot: slot) else { continue }
            if connections[handle].upstream == place { connections[handle].isStale = true }
        }
    }
}
