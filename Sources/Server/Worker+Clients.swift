import Core
import EventLoop
import Proxy
import TLS
import Telemetry

// The client's side: accepting, completions, and performing what sessions ask for.
extension Worker where Loop: ~Copyable {
    mutating func accepted(_ completion: Completion, listener: Int) {
        guard completion.operation == .accept else { return }
        guard completion.result >= 0 else {
            acceptFailed()
            return
        }
        let descriptor = completion.result
        let address = (try? Sockets.peerAddress(descriptor)) ?? .unix(path: "")
        guard let expectation = admit(descriptor, from: address, listener: listener) else { return }
        guard !turn.isDraining, makeRoom(), let handle = clients.nextHandle,
            let socket = loop.adopt(descriptor, owner: Owner(.client, handle).rawValue)
        else {
            turn.environment.metrics.increment(.connectionsRefused)
            if turn.isDraining || clients.isFull { Sockets.close(descriptor) }
            return
        }
        turn.environment.metrics.increment(.connectionsAccepted)
        let source = HandshakeLimiter.source(of: address)
        let session = Session(
            engine: TLSEngine(server: served[listener].context), table: served[listener].table,
            peer: PeerAddress(address), expects: expectation, turn: &turn)
        _ = clients.insert(
            Client(session: session, socket: socket, source: source, listener: listener))
        handshakes.began(handle, source: source)
        loop.startReceiving(socket)
        perform(for: handle)
    }

    /// No descriptor or memory for another connection: leaves the rest in the backlog for a while,
    /// instead of spinning on a listener that stays readable.
    private mutating func acceptFailed() {
        turn.environment.metrics.increment(.acceptFailures)
        guard acceptPausedUntil == nil else { return }
        acceptPausedUntil = turn.now.monotonic + .milliseconds(100)
        nextTick = min(nextTick, turn.now.monotonic + .milliseconds(100))
        for listener in listeners { loop.pauseAccepting(listener) }
    }

    /// Makes sure another handshake may start (security rule S26).
    private mutating func makeRoom() -> Bool {
        guard !clients.isFull else { return false }
        guard handshakes.isFull else { return true }
        let victim = handshakes.victim {
            clients[$0].session.hasClientHello || clients[$0].holdsClientHello
        }
        guard let victim else { return false }
        turn.environment.metrics.increment(.handshakesEvicted)
        clients[victim].session.evict(&turn)
        perform(for: victim)
        return true
    }

    mutating func clientCompleted(_ handle: SlabHandle, _ completion: Completion) {
        guard clients.contains(handle) else { return }
        switch completion.operation {
        case .receive where completion.result > 0:
            let bytes = withoutProxyHeader(handle, completion.bytes)
            guard !bytes.isEmpty, !postpone(handle, bytes) else { break }
            let taken = clients[handle].session.downstreamReceived(bytes, &turn)
            if taken < bytes.count {
                loop.hold(bytes.dropFirst(taken), for: clients[handle].socket)
            }
        case .receive:
            clients[handle].session.downstreamEnded(code: completion.result, &turn)
        case .send:
            clients[handle].session.downstreamSent(code: completion.result, &turn)
        case .close:
            remove(handle)
            return
        case .accept, .connect, .wake:
            preconditionFailure("not an operation of a client's socket")
        }
        perform(for: handle)
    }

    private mutating func remove(_ handle: SlabHandle) {
        var client = clients.remove(handle)
        client.session.releaseBuffers(turn.environment)
        turn.environment.metrics.recordClose(client.session.reasonForClosing)
    }

    /// Performs what the session in `handle` asked for, and what comes of that.
    mutating func perform(for handle: SlabHandle) {
        while let action = turn.actions.popFirst() {
            switch action {
            case .sendDownstream:
                guard !clients[handle].isClosing else { continue }
                let bytes = clients[handle].session.nextDownstreamSend()
                loop.send(clients[handle].socket, bytes)
            case .sendUpstream:
                sendUpstream(for: handle)
            case .authorize:
                authorize(handle)
            case .cancelAuthorization:
                cancelAuthorization(for: handle)
            case .acquireUpstream(let upstream, let fresh):
                acquire(upstream: upstream, for: Owner(.client, handle), fresh: fresh)
            case .cancelUpstream(let timedOut):
                cancelAcquisition(for: handle, timedOut: timedOut)
            case .releaseUpstream(let reusable, let healthy):
                release(for: handle, reusable: reusable, healthy: healthy)
            case .resumeDownstream:
                guard !clients[handle].isClosing else { continue }
                loop.resumeReceiving(clients[handle].socket)
            case .resumeUpstream:
                if let upstream = clients[handle].upstream { resumeUpstream(upstream) }
            case .shutdownDownstreamWrite:
                guard !clients[handle].isClosing else { continue }
                loop.shutdownWrite(clients[handle].socket)
            case .shutdownUpstreamWrite:
                if let upstream = clients[handle].upstream { shutUpstreamWrite(upstream) }
            case .closeDownstream(let reset):
                closeClient(handle, reset: reset)
            case .armTimer:
                armTimer(handle)
            }
        }
        if clients[handle].isHandshaking, !clients[handle].session.isHandshaking {
            clients[handle].isHandshaking = false
            handshakes.ended(handle)
            noteOutcome(of: handle)
        }
    }

    private mutating func closeClient(_ handle: SlabHandle, reset: Bool) {
        guard !clients[handle].isClosing else { return }
        clients[handle].isClosing = true
        if let timer = clients[handle].timer {
            _ = timers.cancel(timer)
            clients[handle].timer = nil
        }
        loop.close(clients[handle].socket, reset: reset)
    }

    private mutating func armTimer(_ handle: SlabHandle) {
        guard !clients[handle].isClosing else { return }
        let deadline = clients[handle].session.armedAt
        if let timer = clients[handle].timer { _ = timers.cancel(timer) }
        clients[handle].timer = timers.schedule(
            owner: Owner(.client, handle).rawValue, at: deadline)
    }
}
