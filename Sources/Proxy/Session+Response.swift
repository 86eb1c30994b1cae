import Core
import HTTP
import TLS
import Telemetry

// From the first byte of the response to the end of the exchange.
extension Session {
    /// Takes bytes of a response head.
    ///
    /// - Returns: how many were taken; all of them while the head is incomplete.
    mutating func receiveResponseHead(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        guard var buffer = exchange.responseHead else {
            let head = parseResponseHead(bytes, &turn)
            guard head == 0, exchange.hasUpstream else { return max(head, 0) }
            return keepResponseHead(bytes, &turn)
        }
        let before = buffer.count
        let taken = buffer.append(bytes)
        exchange.responseHead = buffer
        let length = parseResponseHead(buffer.filled, &turn)
        guard length != 0, exchange.hasUpstream else {
            if exchange.hasUpstream {
                exchange.responseScanned = buffer.count
                if taken == 0 { refuseUpstream(.upstreamProtocolError, "head too large", &turn) }
            }
            return taken
        }
        // What came behind the head in this event is the body's; it was not there before.
        turn.environment.heads.give(&exchange.responseHead)
        exchange.responseScanned = 0
        return length - before
    }

    private mutating func keepResponseHead(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        guard var buffer = turn.environment.heads.take() else {
            refuseUpstream(.internalError, "out of buffers", &turn)
            return 0
        }
        let taken = buffer.append(bytes)
        exchange.responseHead = buffer
        exchange.responseScanned = taken
        if taken < bytes.count { refuseUpstream(.upstreamProtocolError, "head too large", &turn) }
        return taken
    }

    /// Parses `bytes` as a response head and passes it on.
    ///
    /// - Returns: the head's length; 0 when more is needed or the upstream was given up.
    private mutating func parseResponseHead(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        do throws(ResponseError) {
            let parsed = try ResponseParser.parse(
                bytes, from: exchange.responseScanned, method: exchange.request.method,
                limits: turn.environment.limits.head, into: &turn.fields)
            guard case .complete(let head) = parsed else { return 0 }
            guard acceptResponse(head, bytes, &turn) else { return 0 }
            return head.headLength
        } catch {
            refuseUpstream(.upstreamProtocolError, error.reason, &turn)
            return 0
        }
    }

    private mutating func acceptResponse(
        _ head: ResponseHead, _ bytes: ByteView, _ turn: inout Turn
    ) -> Bool {
        switch head.status {
        case 101:
            return acceptTunnel(head, bytes, &turn)
        case 100:
            // The client's `Expect` was answered by us.
            return true
        case 102..<200:
            if exchange.request.isHTTP11 {
                return writeResponseHead(head, bytes, isFinal: false, &turn)
            }
            return true
        default:
            break
        }
        exchange.hasResponseStarted = true
        exchange.status = head.status
        exchange.reusesUpstream = head.keepAlive
        switch head.framing {
        case .none: exchange.response = .finished
        case .contentLength(let count):
            exchange.response = count == 0 ? .finished : .length(remaining: count)
        case .chunked: exchange.response = .chunked(ChunkedDecoder())
        case .untilClose:
            exchange.response = .untilClose
            exchange.reusesUpstream = false
        }
        decideKeepAlive(head, &turn)
        let wait = turn.environment.timeouts.body
        setDeadline(turn.now.monotonic + wait, &turn)
        return writeResponseHead(head, bytes, isFinal: true, &turn)
    }

    /// Whether the client's connection can carry another request after this response.
    private mutating func decideKeepAlive(_ head: ResponseHead, _ turn: inout Turn) {
        let limit = turn.environment.limits.requestsPerConnection
        var closes = !exchange.request.keepAlive || turn.isDraining || isRetired || isLastRequest
        closes = closes || !exchange.isRequestFinished || (limit > 0 && served >= limit)
        if !exchange.request.isHTTP11 {
            // An HTTP/1.0 client cannot see the end of a body without a length.
            switch head.framing {
            case .chunked, .untilClose: closes = true
            case .none, .contentLength: break
            }
        }
        exchange.closesDownstream = closes
    }

    /// Whether the client has ended its side, and nothing is left that may be another request.
    var isLastRequest: Bool { hasReceivedEnd && !hasUnreadInput }

    /// How the client sees the body's end.
    private var downstreamFraming: BodyFraming {
        switch exchange.response {
        case .chunked, .untilClose: exchange.request.isHTTP11 ? .chunked : .untilClose
        case .length(let remaining): .contentLength(remaining)
        case .awaitingHead, .finished: .none
        }
    }

    private var connectionField: ResponseRewriteOptions.Connection {
        if exchange.closesDownstream { return .close }
        return exchange.request.isHTTP11 ? .none : .keepAlive
    }

    private mutating func writeResponseHead(
        _ head: ResponseHead, _ bytes: ByteView, isFinal: Bool, _ turn: inout Turn
    ) -> Bool {
        turn.staging.removeAll()
        let via = table.addsVia ? ByteView("Via: 1.1 postern\r\n") : .empty
        let options = ResponseRewriteOptions(
            connection: isFinal ? connectionField : .none,
            framing: isFinal ? downstreamFraming : .none, via: via)
        let written = ResponseRewriter.append(
            bytes, head, &turn.fields, firewall: table.firewall, options: options,
            to: &turn.staging)
        guard written else {
            exchange.hasResponseStarted = false
            refuseUpstream(.upstreamProtocolError, "response head too large to rewrite", &turn)
            return false
        }
        if !isFinal || exchange.isResponseFinished { return flushStaging(&turn) }
        return true
    }

    // MARK: Body

    /// Passes on bytes of the response's body.
    ///
    /// - Returns: how many were taken; fewer when the client is not keeping up.
    mutating func relayResponseBody(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        switch exchange.response {
        case .awaitingHead, .finished:
            return 0
        case .length(let remaining):
            let piece = bytes.prefix(Int(min(remaining, UInt64(bytes.count))))
            let taken = writeBody(piece, &turn)
            let left = remaining - UInt64(taken)
            exchange.response = left == 0 ? .finished : .length(remaining: left)
            return taken
        case .untilClose:
            guard exchange.request.isHTTP11 else { return writeBody(bytes, &turn) }
            return writeChunk(bytes, &turn)
        case .chunked(let decoder):
            return relayChunkedBody(bytes, decoder, &turn)
        }
    }

    /// Body bytes as they are: the first go into the record that carries the head.
    private mutating func writeBody(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        var taken = 0
        if turn.staging.count > 0 {
            let room = Limits.tlsPlaintextRecord - turn.staging.count
            taken = turn.staging.append(bytes.prefix(min(max(room, 0), bytes.count)))
            guard flushStaging(&turn) else { return 0 }
        }
        if taken < bytes.count { taken += writeDownstream(bytes.dropFirst(taken), &turn) }
        exchange.bytesOut &+= UInt64(taken)
        return taken
    }

    /// One chunk for a client whose response has no known length.
    private mutating func writeChunk(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        let room = Limits.tlsPlaintextRecord - turn.staging.count - ChunkedEncoding.overhead
        let piece = bytes.prefix(min(max(room, 0), bytes.count))
        guard !piece.isEmpty, canWrite(Limits.tlsPlaintextRecord, &turn) else { return 0 }
        if exchange.request.isHTTP11 {
            ChunkedEncoding.append(piece, to: &turn.staging)
        } else {
            turn.staging.append(piece)
        }
        exchange.bytesOut &+= UInt64(piece.count)
        return flushStaging(&turn) ? piece.count : 0
    }

    private mutating func relayChunkedBody(
        _ bytes: ByteView, _ start: ChunkedDecoder, _ turn: inout Turn
    ) -> Int {
        var decoder = start
        guard canWrite(Limits.tlsPlaintextRecord, &turn) else { return 0 }
        let room = Limits.tlsPlaintextRecord - turn.staging.count - 2 * ChunkedEncoding.overhead
        let piece = bytes.prefix(min(max(room, 0), bytes.count))
        let isHTTP11 = exchange.request.isHTTP11
        var taken = 0
        do throws(ChunkedError) {
            // Framing without data is taken until data or the end is found: one record each.
            while taken < piece.count, turn.staging.available > ChunkedEncoding.overhead {
                let rest = piece.dropFirst(taken)
                switch try decoder.decode(rest) {
                case .data(let range):
                    let data = rest[range]
                    taken += range.end
                    exchange.bytesOut &+= UInt64(data.count)
                    if isHTTP11 {
                        ChunkedEncoding.append(data, to: &turn.staging)
                    } else {
                        turn.staging.append(data)
                    }
                case .needMore(let consumed):
                    taken += consumed
                case .finished(let consumed):
                    taken += consumed
                    if isHTTP11 { turn.staging.append(ChunkedEncoding.end) }
                    exchange.response = .finished
                    return flushStaging(&turn) ? taken : 0
                }
                guard turn.staging.count < Limits.tlsPlaintextRecord else { break }
            }
        } catch {
            turn.staging.removeAll()
            abandon(.upstreamAborted, &turn)
            return 0
        }
        exchange.response = .chunked(decoder)
        return flushStaging(&turn) ? taken : 0
    }

    /// The upstream has closed: that is the end of a body without a length.
    mutating func endCloseDelimitedBody(_ turn: inout Turn) {
        guard exchange.request.isHTTP11 else { return }
        turn.staging.removeAll()
        turn.staging.append(ChunkedEncoding.end)
        flushStaging(&turn)
        flushDownstream(&turn)
    }

    // MARK: Writing to the client

    /// Room that a response head may need: the largest taken from an upstream, and our lines.
    static func answerRoom(_ turn: inout Turn) -> Int {
        let head = max(turn.environment.limits.head.headBytes, Limits.tlsPlaintextRecord)
        return min(head + 4_096, Limits.relayChunk - 1_024)
    }

    /// Ends the connection when the pool has no chunk for what goes to the client: with none in
    /// flight no completion would come to go on from.
    mutating func giveUpWithoutBuffers(_ turn: inout Turn) {
        guard state != .closed, downstream.filling == nil, !downstream.isSending else { return }
        abandon(.outOfBuffers, &turn)
    }

    /// Whether `count` plaintext bytes surely fit.
    mutating func canWrite(_ count: Int, _ turn: inout Turn) -> Bool {
        guard downstream.prepare(from: turn.environment.chunks) else { return false }
        return (downstream.filling?.available ?? 0) >= count + Limits.tlsRecordOverhead
    }

    /// Encrypts `bytes` into the client's queue.
    ///
    /// - Returns: how many there was room for.
    @discardableResult
    mutating func writeDownstream(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        guard downstream.prepare(from: turn.environment.chunks), var output = downstream.filling
        else { return 0 }
        let result = engine.write(bytes, &output)
        downstream.filling = output
        switch result {
        case .accepted(let count): return count
        case .failed:
            abandon(.tlsError, &turn)
            return 0
        }
    }

    /// Encrypts what is staged, whole.
    @discardableResult
    mutating func flushStaging(_ turn: inout Turn) -> Bool {
        let staged = turn.staging.filled
        guard !staged.isEmpty else { return true }
        var sent = 0
        while sent < staged.count {
            let count = writeDownstream(staged.dropFirst(sent), &turn)
            guard count > 0 else {
                turn.staging.removeAll()
                if state != .closed { abandon(.outOfBuffers, &turn) }
                return false
            }
            sent += count
        }
        turn.staging.removeAll()
        return true
    }

    // MARK: End

    /// Ends the exchange when both messages are complete and nothing of it is in flight.
    mutating func completeExchangeIfDone(_ turn: inout Turn) {
        guard state == .relaying, exchange.isResponseFinished else { return }
        guard exchange.isRequestFinished, !exchange.hasSendFailed else {
            endExchangeEarly(&turn)
            return
        }
        guard !exchange.isHeadInFlight, upstreamQueue.isEmpty else { return }
        releaseUpstream(
            reusable: exchange.reusesUpstream && !hasUpstreamEnded, healthy: true, &turn)
        finishLog(&turn)
        guard !exchange.closesDownstream, !isLastRequest, !turn.isDraining, !isRetired else {
            if let retirement { closeReason = retirement.reason }
            startDraining(sendsCloseNotify: true, &turn)
            return
        }
        beginNextRequest(&turn)
    }

    /// The response is complete and the request is not: the rest of that is not worth having.
    mutating func endExchangeEarly(_ turn: inout Turn) {
        releaseUpstream(reusable: false, healthy: true, &turn)
        finishLog(&turn)
        startDraining(sendsCloseNotify: true, &turn)
    }

    /// Back to reading heads, with what the client has sent ahead.
    private mutating func beginNextRequest(_ turn: inout Turn) {
        upstreamQueue.releaseIfIdle(turn.environment.chunks)
        let early = exchange.received - exchange.consumed
        if var buffer = exchange.head {
            exchange.head = nil
            if early > 0 && pending == nil {
                buffer.truncate(to: exchange.received)
                buffer.removeFirst(exchange.consumed)
                pending = buffer
            } else {
                turn.environment.heads.give(buffer)
            }
        }
        turn.environment.chunks.give(&exchange.trailers)
        exchange = Exchange()
        scanned = 0
        state = .readingHead
        exchange.startedAt = turn.now.monotonic
        setDeadline(turn.now.monotonic + turn.environment.timeouts.idle, &turn)
        resumeReading(&turn)
        endIfNoMoreComes(&turn)
    }
}
