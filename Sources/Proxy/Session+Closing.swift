import Authorization
import Core
import HTTP
import TLS
import Telemetry

// Deadlines, refusals, and the three steps of teardown: drain, linger, close.
extension Session {
    /// Answers with an error of our own. Closes afterwards unless the request was complete.
    mutating func refuse(_ reason: RefusalReason, _ detail: StaticString, _ turn: inout Turn) {
        refuse(reason, detail, reply: nil, &turn)
    }

    /// Answers with what an external authorizer said.
    mutating func refuse(by reply: AuthorizerReply, _ turn: inout Turn) {
        refuse(.notAuthorized, Denial.notAuthorized.detail, reply: reply, &turn)
    }

    /// Answers with an error, or what an external authorizer said.
    mutating func refuse(
        _ reason: RefusalReason, _ detail: StaticString, reply: AuthorizerReply?,
        _ turn: inout Turn
    ) {
        turn.environment.metrics.recordRefusal(reason)
        exchange.refusal = reason
        exchange.status = reply?.status ?? reason.status
        turn.staging.removeAll()
        let isComplete = exchange.head != nil && isBodyAbsent && reason.status != 400
        // A request that is still being sent goes with its upstream connection, and with it what
        // the client pipelined behind it.
        let closes =
            !isComplete || !exchange.request.keepAlive || turn.isDraining || isRetired
            || isLastRequest || exchange.isHeadInFlight || !upstreamQueue.isEmpty
        exchange.refusalDetail = detail
        if let reply {
            stage(reply, closes: closes, &turn)
        } else {
            _ = ErrorResponse.append(
                status: reason.status, close: closes, hasBody: exchange.request.method != .head,
                to: &turn.staging)
        }
        exchange.hasResponseStarted = true
        flushStaging(&turn)
        guard state != .closed else { return }
        exchange.response = .finished
        flushDownstream(&turn)
        if closes {
            finishLog(&turn)
            startDraining(sendsCloseNotify: true, &turn)
        } else {
            exchange.closesDownstream = false
            exchange.requestBody = .finished
            state = .relaying
            completeExchangeIfDone(&turn)
        }
    }

    private var isBodyAbsent: Bool {
        switch exchange.request.framing {
        case .none, .untilClose: true
        case .contentLength(let count): count == 0
        case .chunked: false
        }
    }

    /// Refuses a request whose body turned out to be bad while it was being forwarded.
    mutating func refuseDuringBody(
        _ reason: RefusalReason, _ detail: StaticString, _ turn: inout Turn
    ) {
        guard !exchange.hasResponseStarted else {
            abandon(.clientAborted, &turn)
            return
        }
        releaseUpstream(reusable: false, healthy: true, &turn)
        refuse(reason, detail, &turn)
    }

    /// Gives up what is going on: nothing true can be said to the client any more. Cutting the
    /// connection short, without close_notify, is how it learns that the response is incomplete.
    mutating func abandon(_ reason: CloseReason, _ turn: inout Turn) {
        guard state != .closed else { return }
        if reason == .upstreamAborted {
            turn.environment.metrics.increment(.failures, upstream: exchange.upstream)
        }
        finishLog(&turn)
        close(reason, reset: true, &turn)
    }

    /// Sends what is queued and close_notify, then shuts the write side.
    mutating func startDraining(sendsCloseNotify: Bool, _ turn: inout Turn) {
        guard state != .closed, state != .draining else { return }
        state = .draining
        if sendsCloseNotify, downstream.prepare(from: turn.environment.chunks),
            var output = downstream.filling
        {
            engine.closeNotify(&output)
            downstream.filling = output
        }
        flushDownstream(&turn)
        if downstream.isEmpty {
            finishDraining(&turn)
        } else {
            setDeadline(turn.now.monotonic + turn.environment.timeouts.body, &turn)
        }
        if isDownstreamHeld {
            isDownstreamHeld = false
            turn.actions.append(.resumeDownstream)
        }
    }

    /// Everything is sent. Closing now, with bytes of the client unread, would reset the
    /// connection and could destroy the response on its way: linger until the client closes.
    mutating func finishDraining(_ turn: inout Turn) {
        guard !hasReceivedEnd else {
            close(closeReason, reset: false, &turn)
            return
        }
        guard state == .draining else { return }
        state = .lingering
        setDeadline(turn.now.monotonic + turn.environment.timeouts.lingering, &turn)
        turn.actions.append(.shutdownDownstreamWrite)
    }

    /// Ends the connection.
    mutating func close(_ reason: CloseReason, reset: Bool, _ turn: inout Turn) {
        guard state != .closed else { return }
        if exchange.isWaitingForUpstream {
            exchange.isWaitingForUpstream = false
            turn.actions.append(.cancelUpstream(timedOut: false))
        }
        stopAuthorizing(&turn)
        releaseUpstream(reusable: false, healthy: true, &turn)
        closeReason = reason
        state = .closed
        deadline = .distantFuture
        turn.actions.append(.closeDownstream(reset: reset))
    }

    /// Gives every buffer back.
    ///
    /// - Precondition: the socket is closed, and no operation refers to a buffer any more.
    public mutating func releaseBuffers(_ environment: SessionEnvironment) {
        precondition(state == .closed)
        downstream.releaseAll(environment.chunks)
        upstreamQueue.releaseAll(environment.chunks)
        environment.heads.give(&pending)
        environment.heads.give(&exchange.head)
        environment.heads.give(&exchange.responseHead)
        environment.chunks.give(&exchange.trailers)
    }

    // MARK: Deadlines

    /// Sets when the present phase must be over, and has the timer armed if it fires too late.
    mutating func setDeadline(_ instant: Instant, _ turn: inout Turn) {
        deadline = instant
        let total = turn.environment.timeouts.total
        if total > .zero, state == .relaying || state == .choosingUpstream || state == .authorizing
        {
            deadline = min(deadline, exchange.startedAt + total)
        }
        if state == .tunnelling {
            exchange.windowEnd = instant
            deadline = min(deadline, exchange.judgedUntil)
        }
        if let retirement { deadline = min(deadline, retirement.end) }
        exchange.progress = 0
        armIfEarlier(&turn)
    }

    /// Has the timer armed if it would fire too late.
    mutating func armIfEarlier(_ turn: inout Turn) {
        guard deadline < armedAt else { return }
        armedAt = deadline
        turn.actions.append(.armTimer)
    }

    /// The worker's timer fired. It may be early: deadlines move without re-arming it.
    public mutating func timerFired(_ turn: inout Turn) {
        guard state != .closed else { return }
        armedAt = .distantFuture
        if turn.now.monotonic >= deadline { deadlinePassed(&turn) }
        if state != .closed { armIfEarlier(&turn) }
    }

    private mutating func deadlinePassed(_ turn: inout Turn) {
        if let retirement, turn.now.monotonic >= retirement.end, state != .lingering {
            abandon(retirement.reason, &turn)
            return
        }
        switch state {
        case .awaitingProxyHeader, .handshaking:
            turn.environment.metrics.increment(.handshakesTimedOut)
            hasFailedHandshake = hasClientHello
            close(.handshakeTimeout, reset: true, &turn)
        case .readingHead where pending == nil:
            closeReason = .idleTimeout
            startDraining(sendsCloseNotify: true, &turn)
        case .readingHead:
            turn.environment.heads.give(&pending)
            refuse(.requestTimeout, "request head took too long", &turn)
        case .authorizing:
            stopAuthorizing(&turn)
            refuse(.authorizerFailed, "the authorizer did not decide in time", &turn)
        case .choosingUpstream:
            connectDeadlinePassed(&turn)
        case .relaying:
            relayDeadlinePassed(&turn)
        case .tunnelling:
            tunnelDeadlinePassed(&turn)
        case .draining where exchange.progress >= leastProgress(turn.environment.timeouts):
            setDeadline(turn.now.monotonic + turn.environment.timeouts.body, &turn)
        case .draining, .lingering:
            close(closeReason, reset: state == .draining, &turn)
        case .closed:
            break
        }
    }

    /// No connection in time: another member may be quicker than the one that was tried.
    private mutating func connectDeadlinePassed(_ turn: inout Turn) {
        let total = turn.environment.timeouts.total
        let isOverall = total > .zero && turn.now.monotonic >= exchange.startedAt + total
        turn.actions.append(.cancelUpstream(timedOut: true))
        if exchange.isConnecting, !isOverall {
            tryAnotherMember(.upstreamTimeout, &turn)
            return
        }
        exchange.isWaitingForUpstream = false
        refuse(.upstreamTimeout, "no upstream connection in time", &turn)
    }

    /// Bytes that have to leave in a window.
    private func leastProgress(_ timeouts: ProxyTimeouts) -> UInt64 {
        let seconds = max(timeouts.body.count / 1_000_000_000, 1)
        return max(timeouts.minimumRate &* seconds, 1)
    }

    /// A window of a body is over: enough of it must have moved.
    private mutating func relayDeadlinePassed(_ turn: inout Turn) {
        let timeouts = turn.environment.timeouts
        let isWaitingForHead = exchange.isRequestFinished && !exchange.hasResponseStarted
        let total = timeouts.total
        let isOverall = total > .zero && turn.now.monotonic >= exchange.startedAt + total
        if !isOverall, !isWaitingForHead, exchange.progress >= leastProgress(timeouts) {
            setDeadline(turn.now.monotonic + timeouts.body, &turn)
            return
        }
        if exchange.hasResponseStarted {
            abandon(.bodyTimeout, &turn)
        } else if exchange.isRequestFinished {
            refuseUpstream(.upstreamTimeout, "upstream did not answer in time", &turn)
        } else {
            releaseUpstream(reusable: false, healthy: true, &turn)
            refuse(.requestTimeout, "request body too slow", &turn)
        }
    }

    /// The worker is draining: idle connections end now, busy ones after their response.
    public mutating func drain(_ turn: inout Turn) {
        switch state {
        case .readingHead where pending == nil:
            closeReason = .draining
            startDraining(sendsCloseNotify: true, &turn)
        case .awaitingProxyHeader, .handshaking:
            close(.draining, reset: true, &turn)
        case .readingHead, .authorizing, .choosingUpstream, .relaying, .tunnelling, .draining,
            .lingering, .closed:
            break
        }
    }

    /// A newer connection needs this one's place among the handshakes (security rule S26).
    public mutating func evict(_ turn: inout Turn) { close(.handshakeEvicted, reset: true, &turn) }

    /// The client's source has failed too many handshakes to be given another.
    public mutating func refuseSource(_ turn: inout Turn) {
        close(.sourceRefused, reset: true, &turn)
    }

    /// The drain's deadline has passed, or the worker stops at once.
    public mutating func stop(_ turn: inout Turn) { abandon(.draining, &turn) }

    // MARK: Log

    /// Counts the exchange and writes its access-log line, once.
    mutating func finishLog(_ turn: inout Turn) {
        guard served > 0 || exchange.refusal != nil, !exchange.isLogged, exchange.status != 0
        else { return }
        exchange.isLogged = true
        let duration = turn.now.monotonic.since(exchange.startedAt)
        turn.environment.metrics.recordResponse(status: exchange.status, duration: duration)
        guard let log = turn.environment.accessLog else { return }
        writeAccessLog(to: log, duration: duration, &turn)
    }
}
