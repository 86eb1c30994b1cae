import Core
import HTTP
import TLS
import Telemetry

// A WebSocket: after a valid 101, bytes flow both ways (security rule S21).
extension Session {
    /// Checks a 101, passes it on, and starts the tunnel.
    mutating func acceptTunnel(
        _ head: ResponseHead, _ bytes: ByteView, _ turn: inout Turn
    ) -> Bool {
        guard exchange.wantsWebSocket, let request = exchange.head,
            let accept = exchange.webSocketAccept,
            accept.matches(bytes, head, turn.fields)
        else {
            refuseUpstream(.upstreamProtocolError, "101 that no request asked for", &turn)
            return false
        }
        exchange.hasResponseStarted = true
        exchange.status = head.status
        exchange.closesDownstream = true
        turn.staging.removeAll()
        guard
            ResponseRewriter.append(
                bytes, head, &turn.fields, firewall: table.firewall,
                options: ResponseRewriteOptions(connection: .upgradeWebSocket),
                to: &turn.staging)
        else {
            refuseUpstream(.upstreamProtocolError, "response head too large to rewrite", &turn)
            return false
        }
        guard flushStaging(&turn) else { return false }
        state = .tunnelling
        setDeadline(turn.now.monotonic + turn.environment.timeouts.tunnel, &turn)
        // The request may have waited while rules or time changed.
        guard judgeTunnel(&turn) else { return false }
        let early = exchange.received - exchange.consumed
        if early > 0, upstreamQueue.prepare(from: turn.environment.chunks),
            var chunk = upstreamQueue.filling
        {
            let waiting = request.filled[ByteRange(start: exchange.consumed, count: early)]
            exchange.consumed += chunk.append(waiting)
            upstreamQueue.filling = chunk
            flushUpstream(&turn)
        }
        guard exchange.consumed >= exchange.received else {
            abandon(.outOfBuffers, &turn)
            return false
        }
        resumeReading(&turn)
        finishTunnelIfEnded(&turn)
        return true
    }

    /// Moves bytes from the client to the upstream's queue.
    mutating func readTunnel(_ input: inout TLSInput, _ turn: inout Turn) -> Bool {
        guard !hasReceivedEnd, upstreamQueue.prepare(from: turn.environment.chunks),
            downstream.prepare(from: turn.environment.chunks),
            var chunk = upstreamQueue.filling, chunk.available > 0,
            var output = downstream.filling
        else { return false }
        let before = chunk.count
        let result = engine.read(into: &chunk, &input, &output)
        exchange.bytesIn &+= UInt64(chunk.count - before)
        upstreamQueue.filling = chunk
        downstream.filling = output
        flushUpstream(&turn)
        upstreamQueue.releaseIfIdle(turn.environment.chunks)
        switch result {
        case .bytes:
            return true
        case .needInput:
            return false
        case .needOutput:
            isWaitingForRoom = true
            return false
        case .closeNotify:
            endTunnelInput(&turn)
            return false
        case .failed:
            abandon(.tlsError, &turn)
            return false
        }
    }

    /// The client will send no more: the upstream hears of it once everything has left.
    mutating func endTunnelInput(_ turn: inout Turn) {
        hasReceivedEnd = true
        finishTunnelIfEnded(&turn)
    }

    /// A window is over, or the rules have to be asked again.
    mutating func tunnelDeadlinePassed(_ turn: inout Turn) {
        let now = turn.now.monotonic
        if now >= exchange.judgedUntil, !judgeTunnel(&turn) { return }
        guard now >= exchange.windowEnd else { return }
        guard exchange.progress == 0 else {
            setDeadline(now + turn.environment.timeouts.tunnel, &turn)
            return
        }
        abandon(.idleTimeout, &turn)
    }

    /// Passes on the end of either direction when its last byte has left; closes after both.
    mutating func finishTunnelIfEnded(_ turn: inout Turn) {
        guard state == .tunnelling else { return }
        if hasReceivedEnd, upstreamQueue.isEmpty, !exchange.isHeadInFlight, !hasShutUpstream,
            exchange.hasUpstream
        {
            hasShutUpstream = true
            turn.actions.append(.shutdownUpstreamWrite)
        }
        if hasUpstreamEnded, !isUpstreamHeld, !hasShutDownstream {
            hasShutDownstream = true
            if downstream.prepare(from: turn.environment.chunks), var output = downstream.filling {
                engine.closeNotify(&output)
                downstream.filling = output
            }
            flushDownstream(&turn)
            // Whoever is left has a window to say its last words in.
            setDeadline(turn.now.monotonic + turn.environment.timeouts.body, &turn)
        }
        guard hasUpstreamEnded, hasReceivedEnd, hasShutDownstream, downstream.isEmpty else {
            return
        }
        finishLog(&turn)
        releaseUpstream(reusable: false, healthy: true, &turn)
        close(.tunnelEnded, reset: false, &turn)
    }
}
