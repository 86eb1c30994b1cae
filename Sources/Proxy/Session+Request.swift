import Authorization
import Core
import HTTP
import Identity
import TLS
import Telemetry

// From the first byte of a head to the last byte of the request's body.
extension Session {
    /// Reads and parses a head, and starts its exchange.
    ///
    /// - Returns: whether the pump should go on at once.
    mutating func readHead(_ input: inout TLSInput, _ turn: inout Turn) -> Bool {
        // Whatever becomes of a request, its answer's head has to fit.
        guard canWrite(Self.answerRoom(&turn), &turn) else {
            isWaitingForRoom = true
            giveUpWithoutBuffers(&turn)
            return false
        }
        if let buffer = pending, buffer.count > scanned {
            pending = nil
            if parseHead(buffer, &turn) { return state == .readingHead }
            pending = buffer
        }
        guard pending != nil || takePending(&turn) else { return false }
        return readPlaintext(&input, &turn)
    }

    private mutating func takePending(_ turn: inout Turn) -> Bool {
        pending = turn.environment.heads.take()
        scanned = 0
        if pending == nil { close(.outOfBuffers, reset: true, &turn) }
        return pending != nil
    }

    /// Decrypts into `pending`; true when there is something new to parse.
    private mutating func readPlaintext(_ input: inout TLSInput, _ turn: inout Turn) -> Bool {
        guard downstream.prepare(from: turn.environment.chunks), var output = downstream.filling,
            var buffer = pending
        else { return false }
        let room = turn.environment.limits.head.headBytes - buffer.count
        var window = buffer.room(upTo: max(room, 0))
        let result = engine.read(into: &window, &input, &output)
        buffer.advance(by: window.count)
        downstream.filling = output
        pending = buffer
        switch result {
        case .bytes:
            if buffer.count == window.count {
                // First bytes of a head: the idle period is over.
                exchange.startedAt = turn.now.monotonic
            }
            return true
        case .needInput, .needOutput:
            if case .needOutput = result { isWaitingForRoom = true }
            if buffer.count == 0 {
                turn.environment.heads.give(&pending)
            } else {
                let head = exchange.startedAt + turn.environment.timeouts.head
                setDeadline(head, &turn)
            }
            return false
        case .closeNotify:
            closeReason = buffer.count == 0 ? .clientClosed : .clientAborted
            guard downstream.isEmpty else {
                startDraining(sendsCloseNotify: true, &turn)
                return false
            }
            close(closeReason, reset: false, &turn)
            return false
        case .failed(let error):
            // With TLS 1.3 a client may judge our certificate after we are done.
            if error.kind == .peerAlert, served == 0 { recordHandshakeFailure(error, &turn) }
            turn.environment.metrics.increment(.tlsRecordErrors)
            closeReason = .tlsError
            startDraining(sendsCloseNotify: false, &turn)
            return false
        }
    }

    /// Tries to parse what is in `buffer`, which is the exchange's, or given back, from then on.
    ///
    /// - Returns: false when more is needed, and the buffer is still the caller's.
    private mutating func parseHead(_ buffer: Buffer, _ turn: inout Turn) -> Bool {
        let limits = turn.environment.limits.head
        do throws(RequestError) {
            let parsed = try RequestParser.parse(
                buffer.filled, from: scanned, limits: limits, into: &turn.fields)
            switch parsed {
            case .needMore:
                scanned = buffer.count
                guard buffer.count < limits.headBytes else {
                    turn.environment.heads.give(buffer)
                    refuse(.headTooLarge, "request head over the limit", &turn)
                    return true
                }
                return false
            case .complete(let head):
                beginExchange(head, in: buffer, &turn)
                return true
            }
        } catch {
            turn.environment.heads.give(buffer)
            refuse(RefusalReason(status: error.status), error.reason, &turn)
            return true
        }
    }

    /// A complete head has arrived: decides what becomes of it.
    private mutating func beginExchange(
        _ head: RequestHead, in buffer: Buffer, _ turn: inout Turn
    ) {
        exchange.head = buffer
        exchange.received = buffer.count
        exchange.request = head
        exchange.consumed = head.headLength
        turn.requestCounter &+= 1
        exchange.requestNumber = turn.requestCounter
        served &+= 1
        turn.environment.metrics.increment(.requests)
        scanned = 0
        if successor != nil { moveToSuccessor(&turn) }
        guard !isRetired else {
            refuse(.misdirected, "the configuration has changed: connect again", &turn)
            return
        }
        do throws(Refusal) {
            switch try authorize(head, buffer, &turn) {
            case .allow(let grant): try prepareForwarding(grant, &turn)
            case .ask(let pending):
                let bytes = buffer.filled.prefix(head.headLength)
                guard let grant = grantAsBefore(pending, bytes, turn) else {
                    awaitDecision(pending, &turn)
                    return
                }
                repeatDecision(&turn)
                try prepareForwarding(grant, &turn)
            case .deny(let denial): throw Refusal(denial: denial)
            }
        } catch {
            refuse(error.reason, error.detail, &turn)
            return
        }
        acquireUpstream(fresh: false, &turn)
    }

    /// Host, path, route, identity: everything that must hold before anything is forwarded.
    private mutating func authorize(
        _ head: RequestHead, _ buffer: Buffer, _ turn: inout Turn
    ) throws(Refusal) -> Decision {
        let bytes = buffer.filled
        let limits = turn.environment.limits
        if case .contentLength(let count) = head.framing {
            guard limits.bodyBytes == 0 || count <= limits.bodyBytes else {
                throw Refusal(.bodyTooLarge, "request body over the limit")
            }
        }
        let route = try table.virtualHosts[virtualHost].route(
            for: head, in: bytes, index: &exchange.route)
        exchange.upstream = route.upstream
        exchange.identitySet = route.identitySet
        exchange.authorizer = route.externalAuthorizer
        exchange.wantsWebSocket = head.upgradeWebSocket && route.allowsWebSocket
        return try decide(route, &turn)
    }

    /// Rewrites the head into segments, and fixes where the body comes from.
    mutating func prepareForwarding(
        _ grant: Grant, _ turn: inout Turn
    ) throws(Refusal) {
        guard var working = exchange.head else { preconditionFailure("no head to forward") }
        let bytes = working.filled
        let identityPart = try identityPart()
        var insertions = SegmentList()
        if let identityPart { insertions.append(identityPart.lines) }
        let received = identityPart?.received ?? .removed
        var outbound = SegmentList()
        do throws(RequestError) {
            let isTrusted = table.trustedProxies.contains(peer.address)
            let dropped = try table.firewall.screenRequest(
                bytes, &turn.fields,
                options: ScreenOptions(
                    trustsForwarding: isTrusted, trustsClientCertificate: received != .removed,
                    trustsRequestID: isTrusted))
            turn.environment.metrics.recordDropped(dropped)
            if received == .appended, let appendix = identityPart?.appendix {
                try ForwardedClientCertificate.join(
                    bytes, &turn.fields, appendix: appendix, into: &insertions)
            }
            let start = working.count
            guard appendLines(to: &working, isTrusted: isTrusted, &turn) else {
                throw RequestError(431, "no room for the forwarding fields")
            }
            insertions.append(working.filled[ByteRange(from: start, to: working.count)])
            let options = RequestRewriteOptions(
                screen: ScreenOptions(trustsForwarding: isTrusted),
                forwardsUpgrade: exchange.wantsWebSocket)
            try RequestRewriter.rewrite(
                bytes, exchange.request, &turn.fields, firewall: table.firewall,
                options: options, insertions: insertions, into: &outbound, scratch: &working)
        } catch {
            exchange.head = working
            throw Refusal(RefusalReason(status: error.status), error.reason)
        }
        exchange.grant = grant
        exchange.head = working
        if exchange.wantsWebSocket,
            let key = WebSocketHandshake.key(bytes, exchange.request, turn.fields)
        {
            exchange.webSocketAccept = WebSocketAccept(key: key)
        }
        takeBodyStart(&outbound)
        exchange.outbound = outbound
    }

    /// The lines that say who the client is, or that nobody knows.
    var identityBlock: IdentityBlock? {
        identity.block ?? table.virtualHosts[virtualHost].anonymousBlock
    }

    /// What the upstream is told of the client; nil for nothing.
    private func identityPart() throws(Refusal) -> IdentityBlock.Part? {
        guard let part = identityBlock?.part(exchange.identitySet) else { return nil }
        switch part.refusal {
        case nil: return part
        case .tooLarge: throw Refusal(.headTooLarge, "identity headers over the limit")
        case .unrepresentable:
            throw Refusal(.identityRefused, "no header can carry the certificate's names")
        }
    }

    /// Body bytes that came with the head go out by reference, or wait to be decoded.
    private mutating func takeBodyStart(_ outbound: inout SegmentList) {
        guard let buffer = exchange.head else { return }
        let present = exchange.received - exchange.consumed
        switch exchange.request.framing {
        case .none, .untilClose:
            exchange.requestBody = .finished
        case .chunked:
            exchange.requestBody = .chunked(ChunkedDecoder())
        case .contentLength(let length):
            let taken = Int(min(UInt64(present), length))
            if taken > 0 && !outbound.isFull {
                outbound.append(
                    buffer.filled[ByteRange(start: exchange.consumed, count: taken)])
                exchange.consumed += taken
                exchange.bytesIn += UInt64(taken)
                exchange.requestBody =
                    UInt64(taken) == length
                    ? .finished : .length(remaining: length - UInt64(taken))
            } else {
                exchange.requestBody = length == 0 ? .finished : .length(remaining: length)
            }
        }
    }

    /// Appends the lines that are ours: where the request came from, its id unless a trusted hop
    /// gave it one (S25), what an authorizer says of it, `Via`.
    ///
    /// - Returns: false when they do not fit.
    private mutating func appendLines(
        to buffer: inout Buffer, isTrusted: Bool, _ turn: inout Turn
    ) -> Bool {
        let bytes = buffer.filled
        turn.staging.removeAll()
        peer.append(to: &turn.staging)
        var fits = true
        if let style = table.forwarding {
            let lines = ForwardedHeaders(
                style: style, client: turn.staging.filled, scheme: ByteView("https"),
                host: bytes[exchange.request.host])
            fits =
                isTrusted
                ? lines.append(continuing: bytes, &turn.fields, to: &buffer)
                : lines.append(to: &buffer)
        }
        turn.staging.removeAll()
        if table.addsRequestID {
            exchange.receivedID = RequestID.received(bytes, &turn.fields)
        }
        if table.addsRequestID, exchange.receivedID == nil {
            let id = RequestID(
                high: turn.environment.requestIDPrefix, low: exchange.requestNumber)
            fits = id.appendLine(to: &buffer) && fits
        }
        if !exchange.addedLines.isEmpty {
            withBytes(of: exchange.addedLines) { fits = buffer.append($0) == $0.count && fits }
        }
        if table.addsVia {
            let via = ByteView("Via: 1.1 postern\r\n")
            fits = buffer.append(via) == via.count && fits
        }
        return fits
    }

    // MARK: Body

    /// Moves body bytes from the engine to the upstream's queue.
    ///
    /// - Returns: whether the pump should go on at once.
    mutating func readRequestBody(_ input: inout TLSInput, _ turn: inout Turn) -> Bool {
        guard !exchange.isRequestFinished, exchange.hasUpstream else { return false }
        guard upstreamQueue.prepare(from: turn.environment.chunks),
            downstream.prepare(from: turn.environment.chunks)
        else {
            if !upstreamQueue.isSending, !downstream.isSending { abandon(.outOfBuffers, &turn) }
            return false
        }
        switch exchange.requestBody {
        case .finished: return false
        case .length(let remaining): return readSizedBody(remaining, &input, &turn)
        case .chunked: return readChunkedBody(&input, &turn)
        }
    }

    private mutating func readSizedBody(
        _ remaining: UInt64, _ input: inout TLSInput, _ turn: inout Turn
    ) -> Bool {
        guard var chunk = upstreamQueue.filling, chunk.available > 0,
            var output = downstream.filling
        else { return false }
        exchange.hasStreamedBody = true
        var window = chunk.room(upTo: Int(min(remaining, UInt64(chunk.available))))
        // Bytes that came with the head but found no segment free.
        let early = exchange.received - exchange.consumed
        var result = ReadResult.bytes(0)
        if early > 0, let head = exchange.head {
            let taken = window.append(
                head.filled[ByteRange(start: exchange.consumed, count: early)])
            exchange.consumed += taken
        } else {
            result = engine.read(into: &window, &input, &output)
        }
        chunk.advance(by: window.count)
        upstreamQueue.filling = chunk
        downstream.filling = output
        countBody(window.count)
        let left = remaining - UInt64(window.count)
        exchange.requestBody = left == 0 ? .finished : .length(remaining: left)
        if left == 0 { requestCompleted(&turn) }
        return continueBody(result, &turn)
    }

    private mutating func countBody(_ count: Int) {
        exchange.bytesIn &+= UInt64(count)
    }

    /// Chunked bodies are decoded and framed anew: extensions end here, and so do trailers that are
    /// not listed.
    private mutating func readChunkedBody(
        _ input: inout TLSInput, _ turn: inout Turn
    ) -> Bool {
        exchange.hasStreamedBody = true
        let early = exchange.received - exchange.consumed
        if early > 0, let head = exchange.head {
            let taken = decodeBody(
                head.filled[ByteRange(start: exchange.consumed, count: early)], &turn)
            exchange.consumed += max(taken, 0)
            return taken > 0
        }
        if let waiting = pending {
            let taken = decodeBody(waiting.filled, &turn)
            guard taken >= 0 else { return false }
            dropPending(taken, &turn)
            guard pending == nil else { return false }
        }
        guard !exchange.isRequestFinished, var output = downstream.filling,
            let chunk = upstreamQueue.filling, chunk.available > 0
        else { return false }
        guard takePending(&turn), var buffer = pending else { return false }
        var window = buffer.room(upTo: turn.environment.limits.head.headBytes)
        let result = engine.read(into: &window, &input, &output)
        buffer.advance(by: window.count)
        downstream.filling = output
        pending = buffer
        if buffer.count == 0 {
            turn.environment.heads.give(&pending)
        } else {
            let taken = decodeBody(buffer.filled, &turn)
            guard taken >= 0 else { return false }
            dropPending(taken, &turn)
        }
        return continueBody(result, &turn) && pending == nil
    }

    private mutating func dropPending(_ taken: Int, _ turn: inout Turn) {
        guard var buffer = pending else { return }
        buffer.removeFirst(taken)
        pending = buffer
        if buffer.count == 0 { turn.environment.heads.give(&pending) }
    }

    /// Decodes `bytes` into the upstream's queue.
    ///
    /// - Returns: how many were taken, or -1 when the body was refused.
    private mutating func decodeBody(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        guard case .chunked(var decoder) = exchange.requestBody,
            var chunk = upstreamQueue.filling
        else { return 0 }
        let passesTrailers = !table.requestTrailers.isEmpty
        let reserve =
            ChunkedEncoding.overhead + (passesTrailers ? ChunkedDecoder.trailerLimit : 0)
        var taken = 0
        var isFinished = false
        do throws(ChunkedError) {
            while taken < bytes.count, !isFinished {
                let room = chunk.available - reserve
                guard room > 0 else { break }
                if passesTrailers, !prepareTrailers(decoder, &turn) { return -1 }
                let piece = bytes.dropFirst(taken).prefix(min(bytes.count - taken, room))
                let step =
                    passesTrailers
                    ? try decoder.decode(piece, collecting: &exchange.trailers)
                    : try decoder.decode(piece)
                switch step {
                case .data(let range):
                    ChunkedEncoding.append(piece[range], to: &chunk)
                    countBody(Int(range.count))
                    taken += range.end
                case .needMore(let consumed):
                    taken += consumed
                case .finished(let consumed):
                    taken += consumed
                    isFinished = true
                }
            }
        } catch {
            refuseDuringBody(.badRequest, error.reason, &turn)
            return -1
        }
        if isFinished { endChunkedBody(&chunk, &turn) }
        upstreamQueue.filling = chunk
        exchange.requestBody = isFinished ? .finished : .chunked(decoder)
        let limit = turn.environment.limits.bodyBytes
        if limit > 0, exchange.bytesIn > limit {
            refuseDuringBody(.bodyTooLarge, "request body over the limit", &turn)
            return -1
        }
        if isFinished { requestCompleted(&turn) }
        return taken
    }

    /// Makes sure that there is a buffer for trailers as soon as they may come.
    private mutating func prepareTrailers(
        _ decoder: ChunkedDecoder, _ turn: inout Turn
    ) -> Bool {
        guard decoder.isInTrailers, exchange.trailers == nil else { return true }
        exchange.trailers = turn.environment.chunks.take()
        if exchange.trailers == nil { abandon(.outOfBuffers, &turn) }
        return exchange.trailers != nil
    }

    /// The last chunk, the trailers that are listed (S24), and the empty line.
    private mutating func endChunkedBody(_ chunk: inout Buffer, _ turn: inout Turn) {
        guard let section = exchange.trailers else {
            chunk.append(ChunkedEncoding.end)
            return
        }
        chunk.append(ChunkedEncoding.lastChunk)
        table.requestTrailers.append(section.filled, to: &chunk)
        chunk.append(ChunkedEncoding.terminator)
        turn.environment.chunks.give(&exchange.trailers)
    }

    private mutating func requestCompleted(_ turn: inout Turn) {
        setDeadline(turn.now.monotonic + turn.environment.timeouts.upstreamHead, &turn)
    }

    /// Whether bytes that may be the rest of the body have come and were not looked at yet.
    var hasUnreadBody: Bool { exchange.received > exchange.consumed || pending != nil }

    /// After bytes of a body: starts a send, and says whether to read on.
    private mutating func continueBody(_ result: ReadResult, _ turn: inout Turn) -> Bool {
        flushUpstream(&turn)
        switch result {
        case .bytes: return !exchange.isRequestFinished
        case .needInput:
            if hasReceivedEnd, !exchange.isRequestFinished { abandon(.clientAborted, &turn) }
            return false
        case .needOutput:
            isWaitingForRoom = true
            return false
        case .closeNotify, .failed:
            if !exchange.isRequestFinished { abandon(.clientAborted, &turn) }
            return false
        }
    }

    /// Starts a send to the upstream if there is something to send and none is in flight.
    mutating func flushUpstream(_ turn: inout Turn) {
        guard exchange.hasUpstream, exchange.isHeadSent, !exchange.isHeadInFlight,
            !exchange.hasSendFailed
        else { return }
        if upstreamQueue.announceSend() { turn.actions.append(.sendUpstream) }
    }
}
