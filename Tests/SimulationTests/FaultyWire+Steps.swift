import Core
import Proxy
import TLS
import Telemetry

// What may happen next, one thing at a time.
extension FaultyWire {
    private enum Event: CaseIterable {
        case clientRuns, clientBytes, clientEnds, clientSendDone
        case connected, upstreamSendDone, upstreamBytes, upstreamEnds, pinnedDone, removed
    }

    /// Runs until nothing more happens, the client leaves, and every timer has fired.
    mutating func run() {
        settle()
        if isStuck { violation = "stuck in \(session.state)" }
        if clientEnd == nil { clientEnd = 0 }
        settle()
        var jumps = 0
        while !isRemoved, jumps < 50, violation == nil {
            jumps += 1
            if let timerAt { turn.now.monotonic = max(turn.now.monotonic, timerAt) }
            fireTimer()
            settle()
        }
        turn.release()
    }

    /// Whether the session owes an answer, and nobody but itself can be waited for.
    private var isStuck: Bool {
        guard !isClosing, violation == nil, clientEnd == nil, plaintext.isEmpty, !isWriteShut,
            !plan.has(.silentUpstream), !plan.has(.closeNotify), !sawCloseNotify
        else { return false }
        let judge = try? ResponseJudge(received, plan: plan, sawCloseNotify: false)
        return judge.map { $0.complete < plan.requests.count } ?? false
    }

    private mutating func settle() {
        while violation == nil, steps < 200_000 {
            let events = Event.allCases.filter { isPossible($0) }
            guard !events.isEmpty else { return }
            steps += 1
            turn.now.monotonic = turn.now.monotonic + .microseconds(UInt64(random.below(100)))
            happen(random.pick(events))
            strike()
            perform()
            fireTimer()
        }
        if violation == nil { violation = "no end in sight" }
    }

    private func isPossible(_ event: Event) -> Bool {
        switch event {
        case .clientRuns: clientEnd != -104 && (!toClient.isEmpty || clientHasMore)
        case .clientBytes: !isClosing && !toSession.isEmpty && !isDownstreamHeld
        case .clientEnds:
            !isClosing && clientEnd != nil && !isClientEndDelivered && !isDownstreamHeld
                && toSession.isEmpty
        case .clientSendDone: clientFlight != nil
        case .connected: isConnecting
        case .upstreamSendDone: upstream?.flight != nil
        case .upstreamBytes: upstream?.outbox.isEmpty == false && !isUpstreamHeld
        case .upstreamEnds:
            upstream?.end != nil && upstream?.outbox.isEmpty == true && !isUpstreamHeld
        case .pinnedDone: !closing.isEmpty
        case .removed: isClosing && !isRemoved && clientFlight == nil
        }
    }

    private var clientHasMore: Bool {
        guard clientEnd == nil, !isClosing else { return false }
        guard client.isEstablished else { return steps == 0 }
        return !plaintext.isEmpty && toSession.count < 100_000
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .clientRuns: runClient()
        case .clientBytes:
            let piece = Array(toSession.prefix(some(toSession.count)))
            var taken = 0
            unsafe piece.withUnsafeBytes {
                taken = unsafe session.downstreamReceived(ByteView($0), &turn)
            }
            toSession.removeFirst(taken)
            if taken < piece.count { isDownstreamHeld = true }
        case .clientEnds:
            isClientEndDelivered = true
            session.downstreamEnded(code: clientEnd ?? 0, &turn)
        case .clientSendDone: finishClientSend()
        case .connected:
            isConnecting = false
            if plan.has(.refuse), random.oneIn(2) {
                session.upstreamConnecting(member: random.below(3))
                switch random.below(3) {
                case 0: session.upstreamConnectFailed(&turn)
                case 1: session.upstreamConnectsExhausted(&turn)
                default: session.upstreamUnavailable(.queueFull, &turn)
                }
            } else {
                upstream = SimulatedUpstream()
                upstream?.begin(plan, isReused: false, &random)
                isUpstreamHeld = false
                session.upstreamReady(isReused: false, &turn)
            }
        case .upstreamSendDone: finishUpstreamSend()
        case .upstreamBytes: deliverFromUpstream()
        case .upstreamEnds:
            session.upstreamEnded(code: upstream?.end ?? 0, &turn)
            upstream?.end = nil
        case .pinnedDone: finishPinned()
        case .removed:
            isRemoved = true
            session.releaseBuffers(worker.environment)
        }
    }

    private mutating func some(_ count: Int) -> Int {
        random.oneIn(3) ? count : random.below(count) + 1
    }

    // MARK: The client

    private mutating func runClient() {
        guard var output = worker.scratch.take(), var plain = worker.scratch.take() else { return }
        defer {
            worker.scratch.give(output)
            worker.scratch.give(plain)
        }
        let bytes = toClient
        unsafe bytes.withUnsafeBytes { raw in
            var input = unsafe TLSInput(ByteView(raw))
            if !client.isEstablished { _ = client.handshake(&input, &output) }
            var goesOn = client.isEstablished && !sawCloseNotify
            while goesOn, plain.available > 20_000 {
                switch client.read(into: &plain, &input, &output) {
                case .bytes: break
                case .closeNotify:
                    sawCloseNotify = true
                    goesOn = false
                case .needInput, .needOutput, .failed: goesOn = false
                }
            }
            toClient.removeFirst(input.consumed)
        }
        if sawCloseNotify { toClient = [] }
        received += plain.filled.array
        if client.isEstablished, clientEnd == nil { writeAsClient(&output) }
        if !isClosing { toSession += output.filled.array }
    }

    private mutating func writeAsClient(_ output: inout Buffer) {
        let limit = plan.clientLimit
        let ends = plan.has(.resetClient) || plan.has(.halfClose) || plan.has(.closeNotify)
        if !plaintext.isEmpty {
            var count = some(min(plaintext.count, 20_000))
            if ends, plaintextSent <= limit { count = min(count, limit - plaintextSent) }
            let piece = Array(plaintext.prefix(count))
            unsafe piece.withUnsafeBytes {
                if case .accepted(let sent) = unsafe client.write(ByteView($0), &output) {
                    plaintext.removeFirst(sent)
                    plaintextSent += sent
                }
            }
        }
        guard ends, plaintextSent == limit else { return }
        if plan.has(.resetClient) {
            clientEnd = -104
            toClient = []
            return
        }
        if plan.has(.closeNotify) {
            client.closeNotify(&output)
            plaintext = []
        }
        if plan.has(.halfClose) {
            clientEnd = 0
            plaintext = []
        }
    }

    private mutating func finishClientSend() {
        guard let flight = clientFlight else { return }
        if !flight.isIntact { violation = "bytes changed during a send to the client" }
        clientFlight = nil
        var code = Int32(flight.bytes.count)
        if isClosing {
            code = -125
        } else if clientEnd == -104 || plan.has(.failClientSend) && random.oneIn(6) {
            code = -32
            clientEnd = -104
        } else {
            toClient += flight.bytes
        }
        session.downstreamSent(code: code, &turn)
    }

    // MARK: The upstream

    private mutating func finishUpstreamSend() {
        guard let flight = upstream?.flight else { return }
        if !flight.isIntact { violation = "bytes changed during a send to the upstream" }
        let fails = upstream?.failsSend == true && random.oneIn(2)
        upstream?.flight = nil
        if fails {
            // A connection that takes no bytes any more reports its end to who receives, too.
            if upstream?.end == nil { upstream?.end = -104 }
        } else {
            upstream?.receive(flight.bytes, plan, &random)
        }
        session.upstreamSent(code: fails ? -32 : Int32(flight.bytes.count), &turn)
    }

    private mutating func deliverFromUpstream() {
        guard let bytes = upstream?.outbox else { return }
        let piece = Array(bytes.prefix(some(bytes.count)))
        // The session may give the connection back before this returns: take the bytes first.
        upstream?.outbox.removeFirst(piece.count)
        var taken = 0
        unsafe piece.withUnsafeBytes {
            taken = unsafe session.upstreamReceived(ByteView($0), &turn)
        }
        guard taken < piece.count else { return }
        isUpstreamHeld = true
        upstream?.outbox.insert(contentsOf: piece.dropFirst(taken), at: 0)
    }

    private mutating func finishPinned() {
        var entry = closing.remove(at: random.below(closing.count))
        if entry.flight?.isIntact == false { violation = "a pinned buffer was given away" }
        worker.environment.heads.give(&entry.pinned.head)
        worker.environment.chunks.give(&entry.pinned.chunk)
    }

    // MARK: Time and the worker

    private mutating func strike() {
        guard !isClosing else { return }
        if plan.has(.jump), random.oneIn(60) {
            turn.now.monotonic = turn.now.monotonic + .seconds(UInt64(random.below(70)))
        }
        if plan.has(.drain), !turn.isDraining, random.oneIn(60) {
            perform()
            turn.isDraining = true
            session.drain(&turn)
        }
        if plan.has(.stop), random.oneIn(100) {
            perform()
            session.stop(&turn)
        }
    }

    private mutating func fireTimer() {
        guard let at = timerAt, at <= turn.now.monotonic, !isClosing else { return }
        timerAt = nil
        session.timerFired(&turn)
        perform()
    }
}
