public import Core
import HTTP
import Identity
public import TLS
public import Telemetry
public import Upstream

/// What a `.sendUpstream` action wants sent.
public enum UpstreamSend {
    /// The segments of `Session.upstreamHead`.
    case head
    /// One chunk. Valid until `upstreamSent`.
    case chunk(ByteView)
}

/// Buffers that an upstream connection's unfinished send still refers to.
public struct PinnedBuffers {
    /// A chunk of the head pool.
    public var head: Buffer?
    /// A chunk of the relay pool.
    public var chunk: Buffer?
    /// A chunk of the pool for questions.
    public var question: Buffer?

    /// Nothing pinned.
    public init() {}
}

// The upstream's side of an exchange.
extension Session {
    /// The rewritten head, for a gathering send. Valid until `upstreamSent`.
    public var upstreamHead: SegmentList { exchange.outbound }

    /// Asks for a connection; for a reused one when `fresh` only if no other can be had.
    mutating func acquireUpstream(fresh: Bool, _ turn: inout Turn) {
        state = .choosingUpstream
        exchange.isWaitingForUpstream = true
        turn.actions.append(.acquireUpstream(upstream: exchange.upstream, fresh: fresh))
        setDeadline(turn.now.monotonic + turn.environment.timeouts.upstreamConnect, &turn)
    }

    /// The worker has a connection for the exchange; `isReused` when it carried one before.
    public mutating func upstreamReady(isReused: Bool, _ turn: inout Turn) {
        precondition(state == .choosingUpstream)
        exchange.isWaitingForUpstream = false
        exchange.isConnecting = false
        exchange.hasUpstream = true
        exchange.isReusedConnection = isReused
        exchange.attempts += 1
        turn.environment.metrics.increment(.requests, upstream: exchange.upstream)
        exchange.isHeadInFlight = true
        exchange.isHeadSent = false
        exchange.hasSendFailed = false
        hasUpstreamEnded = false
        upstreamFault = nil
        hasShutUpstream = false
        isUpstreamHeld = false
        state = .relaying
        turn.actions.append(.sendUpstream)
        let timeouts = turn.environment.timeouts
        let wait = exchange.isRequestFinished ? timeouts.upstreamHead : timeouts.body
        setDeadline(turn.now.monotonic + wait, &turn)
        if exchange.request.expectsContinue, exchange.attempts == 1, !exchange.isRequestFinished,
            exchange.received == exchange.consumed
        {
            writeDownstream(ByteView("HTTP/1.1 100 Continue\r\n\r\n"), &turn)
            flushDownstream(&turn)
        }
    }

    /// Members that the exchange has tried to connect to.
    public var triedMembers: TriedMembers { exchange.tried }

    /// The worker opens a connection to the member at that position for the exchange.
    public mutating func upstreamConnecting(member: Int) {
        exchange.tried.insert(member)
        exchange.isConnecting = true
    }

    /// The connection could not be opened, or the server could not be verified. Nothing of the
    /// request was sent, so that any request may be tried on another member, with the same
    /// patience; the pool bounds how often.
    ///
    /// - Parameter fault: what TLS failed of; nil when it was not begun.
    public mutating func upstreamConnectFailed(
        by fault: ServerFault? = nil, _ turn: inout Turn
    ) {
        guard state == .choosingUpstream else { return }
        upstreamFault = fault
        tryAnotherMember(fault == nil ? .upstreamConnectFailed : .upstreamTLSFailed, &turn)
    }

    /// Asks for a connection to a member that was not tried; `reason` is what is said without one.
    mutating func tryAnotherMember(_ reason: RefusalReason, _ turn: inout Turn) {
        exchange.isConnecting = false
        exchange.connectFailure = reason
        acquireUpstream(fresh: exchange.attempts > 0, &turn)
    }

    /// Nothing is left to be tried after a failed connect.
    public mutating func upstreamConnectsExhausted(_ turn: inout Turn) {
        upstreamUnavailable(exchange.connectFailure, &turn)
    }

    /// No connection could be had.
    public mutating func upstreamUnavailable(_ reason: RefusalReason, _ turn: inout Turn) {
        guard state == .choosingUpstream else { return }
        exchange.isWaitingForUpstream = false
        let fault = reason == .upstreamTLSFailed ? upstreamFault : nil
        refuse(reason, fault?.detail ?? "no upstream connection", &turn)
    }

    /// What the announced send to the upstream consists of.
    public mutating func nextUpstreamSend() -> UpstreamSend {
        exchange.isHeadInFlight ? .head : .chunk(upstreamQueue.startSend())
    }

    /// A send to the upstream is done: `code` is its size, or `-errno`.
    public mutating func upstreamSent(code: Int32, _ turn: inout Turn) {
        if exchange.isHeadInFlight {
            exchange.isHeadInFlight = false
            exchange.isHeadSent = true
        } else {
            upstreamQueue.sendCompleted(turn.environment.chunks)
        }
        guard code >= 0 else {
            upstreamSendFailed(&turn)
            return
        }
        exchange.progress &+= UInt64(code)
        if hasUpstreamEnded, state == .relaying, case .awaitingHead = exchange.response {
            upstreamFailed(.upstreamReset, &turn)
            return
        }
        guard state == .relaying || state == .tunnelling else { return }
        if upstreamQueue.announceSend() { turn.actions.append(.sendUpstream) }
        if state == .tunnelling || !exchange.isRequestFinished {
            if exchange.received > exchange.consumed || pending != nil {
                var nothing = TLSInput(.empty)
                pump(&nothing, &turn)
            }
            resumeReading(&turn)
        }
        finishTunnelIfEnded(&turn)
        if exchange.isResponseFinished { completeExchangeIfDone(&turn) }
    }

    /// The upstream takes no more of the request. It may have answered before it stopped reading
    /// (413, 401), so what it has sent is read first; its end follows.
    private mutating func upstreamSendFailed(_ turn: inout Turn) {
        guard exchange.hasUpstream else { return }
        exchange.hasSendFailed = true
        guard !hasUpstreamEnded, !mayRetry, !exchange.isResponseFinished, state == .relaying
        else {
            upstreamFailed(.upstreamReset, &turn)
            return
        }
    }

    /// Bytes came from the upstream.
    ///
    /// - Returns: how many were taken. The worker holds the rest until `.resumeUpstream`.
    public mutating func upstreamReceived(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        turn.staging.removeAll()
        turn.environment.metrics.add(.upstreamBytesReceived, UInt64(bytes.count))
        if exchange.isReusedConnection, exchange.isHeadInFlight,
            case .awaitingHead = exchange.response
        {
            // Sent while the connection was idle (a 408, say): no answer to this request.
            hasUpstreamEnded = true
            return bytes.count
        }
        var taken = 0
        while taken < bytes.count, exchange.hasUpstream {
            let before = taken
            let rest = bytes.dropFirst(taken)
            if state == .tunnelling {
                taken += writeDownstream(rest, &turn)
            } else if case .awaitingHead = exchange.response {
                guard canWrite(Self.answerRoom(&turn), &turn) else {
                    giveUpWithoutBuffers(&turn)
                    break
                }
                taken += receiveResponseHead(rest, &turn)
            } else if exchange.isResponseFinished {
                exchange.reusesUpstream = false
                taken = bytes.count
            } else {
                taken += relayResponseBody(rest, &turn)
            }
            guard taken > before else {
                giveUpWithoutBuffers(&turn)
                break
            }
        }
        // A head whose body has not begun to arrive goes out alone.
        if state != .closed { flushStaging(&turn) }
        flushDownstream(&turn)
        completeExchangeIfDone(&turn)
        guard taken < bytes.count, exchange.hasUpstream else { return bytes.count }
        isUpstreamHeld = true
        return taken
    }

    /// The upstream ended its side (`code` 0) or its connection failed (`code` is `-errno`).
    public mutating func upstreamEnded(code: Int32, _ turn: inout Turn) {
        guard exchange.hasUpstream else { return }
        hasUpstreamEnded = true
        if state == .tunnelling {
            guard code == 0 else {
                abandon(.upstreamAborted, &turn)
                return
            }
            finishTunnelIfEnded(&turn)
            return
        }
        // What becomes of a request that is still being sent is for the send's completion to say.
        if exchange.isHeadInFlight, case .awaitingHead = exchange.response { return }
        if case .untilClose = exchange.response, code == 0 {
            exchange.response = .finished
            exchange.reusesUpstream = false
            endCloseDelimitedBody(&turn)
            completeExchangeIfDone(&turn)
            return
        }
        upstreamFailed(.upstreamReset, &turn)
    }

    /// The upstream's TLS failed: nothing more can be read, and what was is not known to be all.
    public mutating func upstreamBroke(_ fault: ServerFault, _ turn: inout Turn) {
        upstreamFault = fault
        upstreamEnded(code: Self.truncation, &turn)
    }

    /// Any code but 0: how an end is reported that may be somebody else's (RFC 8446 §6.1).
    private static var truncation: Int32 { -1 }

    /// Whether the request can be sent again: to a server that had no chance to see it.
    private var mayRetry: Bool {
        exchange.isReusedConnection && !exchange.hasResponseStarted
            && exchange.responseHead == nil && !exchange.hasStreamedBody
            && exchange.isRequestFinished && exchange.request.method.isIdempotent
            && exchange.attempts < 3 && !exchange.isHeadInFlight
    }

    /// The connection is of no more use: tries another, or tells the client as far as it can.
    mutating func upstreamFailed(_ reason: RefusalReason, _ turn: inout Turn) {
        guard exchange.hasUpstream else { return }
        if exchange.isResponseFinished {
            // It has answered in full; that it reads no more of the request is its right.
            endExchangeEarly(&turn)
            return
        }
        if mayRetry {
            turn.environment.metrics.increment(.upstreamRetries)
            releaseUpstream(reusable: false, healthy: true, &turn)
            acquireUpstream(fresh: true, &turn)
            return
        }
        guard exchange.hasResponseStarted else {
            refuseUpstream(reason, upstreamFault?.detail ?? "upstream connection failed", &turn)
            return
        }
        abandon(.upstreamAborted, &turn)
    }

    /// Answers for an upstream that gave no usable answer, and lets its connection go.
    mutating func refuseUpstream(
        _ reason: RefusalReason, _ detail: StaticString, _ turn: inout Turn
    ) {
        turn.environment.heads.give(&exchange.responseHead)
        turn.environment.metrics.increment(.failures, upstream: exchange.upstream)
        releaseUpstream(reusable: false, healthy: false, &turn)
        refuse(reason, detail, &turn)
    }

    /// Gives the connection back; what its unfinished send refers to goes with it.
    mutating func releaseUpstream(reusable: Bool, healthy: Bool, _ turn: inout Turn) {
        guard exchange.hasUpstream else { return }
        exchange.hasUpstream = false
        isUpstreamHeld = false
        turn.actions.append(.releaseUpstream(reusable: reusable, healthy: healthy))
    }

    /// What the upstream connection's unfinished send refers to. The worker keeps it until the
    /// connection is closed, then gives it back to the pools.
    public mutating func takePinnedBuffers() -> PinnedBuffers {
        var pinned = PinnedBuffers()
        if exchange.isHeadInFlight {
            pinned.head = exchange.head
            exchange.head = nil
            exchange.isHeadInFlight = false
        }
        pinned.chunk = upstreamQueue.takeInFlight()
        return pinned
    }

    /// The identity block that segments of an unfinished send may refer to.
    public var pinnedIdentity: AnyObject? { identityBlock }
}
