import Core
import Crypto
import EventLoop
import HTTP

/// One connection of the echo backend: what has come, and the script of what goes out.
struct EchoConnection: ~Copyable {
    /// What to do next, once nothing is being sent.
    enum Step {
        /// Send `inFlight`.
        case send
        /// Nothing until then.
        case wait(until: Instant)
        case close
        case reset
    }

    private enum Item {
        case bytes([UInt8])
        case pause(Nanoseconds)
        case close
        case reset
    }

    private enum Body {
        case none
        case length(UInt64)
        case chunked(ChunkedDecoder)
        /// After a WebSocket handshake: everything comes back.
        case tunnel
        /// After a message that was refused: nothing counts any more.
        case ignored
    }

    let socket: SocketHandle
    var isSending = false
    var isClosing = false
    /// Answers owed in load mode.
    var owed = 0
    /// Load mode: whether the number of answers was asked for.
    var isAskedForCount = false
    /// Bytes the kernel may be reading.
    var inFlight: [UInt8] = []
    private var head: [UInt8] = []
    private var body = Body.none
    private var bodyCount = 0
    private var trailers: [UInt8] = []
    private var script: [Item] = []
    private var pausedUntil: Instant?
    private var answer: (inout EchoConnection) -> Void = { _ in }

    init(socket: SocketHandle) { self.socket = socket }

    // MARK: In

    /// Load mode: counts the requests that `bytes` complete; -1 when they are no HTTP.
    mutating func countRequests(_ bytes: ByteView, _ fields: inout HeadStorage) -> Int {
        var rest = bytes
        var answers = 0
        while !rest.isEmpty {
            switch body {
            case .length(let left):
                let taken = min(left, UInt64(rest.count))
                rest = rest.dropFirst(Int(taken))
                body = left == taken ? .none : .length(left - taken)
                if left == taken { answers += 1 }
                continue
            case .chunked(var decoder):
                guard let step = try? decoder.decode(rest) else { return -1 }
                body = .chunked(decoder)
                switch step {
                case .data(let range): rest = rest.dropFirst(range.end)
                case .needMore(let consumed): rest = rest.dropFirst(consumed)
                case .finished(let consumed):
                    rest = rest.dropFirst(consumed)
                    body = .none
                    answers += 1
                }
                continue
            case .none, .tunnel, .ignored:
                break
            }
            guard head.isEmpty else {
                head += rest.array
                let whole = head
                head = []
                let more = unsafe whole.withUnsafeBytes {
                    unsafe countRequests(ByteView($0), &fields)
                }
                return more < 0 ? -1 : answers + more
            }
            guard let parsed = try? RequestParser.parse(rest, into: &fields) else { return -1 }
            guard case .complete(let request) = parsed else {
                head = rest.array
                return answers
            }
            let isCount = rest[request.path].equals("/postern-echo-count")
            rest = rest.dropFirst(request.headLength)
            switch request.framing {
            case .none where isCount: isAskedForCount = true
            case .none, .untilClose: answers += 1
            case .contentLength(let count):
                if count == 0 { answers += 1 } else { body = .length(count) }
            case .chunked: body = .chunked(ChunkedDecoder())
            }
        }
        return answers
    }

    /// Script mode: takes `bytes`. What is no HTTP is answered so that whoever let it through can
    /// tell that it came this far.
    mutating func receive(_ bytes: ByteView, _ fields: inout HeadStorage) {
        do {
            try take(bytes, &fields)
        } catch let error as RequestError {
            refuse("\(error.reason)")
        } catch let error as ChunkedError {
            refuse("\(error.reason)")
        } catch {
            refuse("\(error)")
        }
    }

    private mutating func refuse(_ reason: String) {
        body = .ignored
        script += [.bytes(EchoScenario.refusal(reason)), .close]
    }

    private mutating func take(_ bytes: ByteView, _ fields: inout HeadStorage) throws {
        var rest = bytes
        while !rest.isEmpty {
            switch body {
            case .ignored:
                return
            case .tunnel:
                script.append(.bytes(rest.array))
                return
            case .length(let left):
                let taken = min(left, UInt64(rest.count))
                rest = rest.dropFirst(Int(taken))
                bodyCount += Int(taken)
                body = .length(left - taken)
                if left == taken { finish() }
            case .chunked(var decoder):
                let wasInTrailers = decoder.isInTrailers
                var none: Buffer?
                let step = try decoder.decode(rest, collecting: &none)
                body = .chunked(decoder)
                switch step {
                case .data(let range):
                    bodyCount += Int(range.count)
                    rest = rest.dropFirst(range.end)
                case .needMore(let consumed):
                    if wasInTrailers { trailers += rest.prefix(consumed).array }
                    rest = rest.dropFirst(consumed)
                case .finished(let consumed):
                    trailers += rest.prefix(consumed).array
                    rest = rest.dropFirst(consumed)
                    finish()
                }
            case .none:
                head += rest.array
                let whole = head
                head = []
                let left = try unsafe whole.withUnsafeBytes {
                    try unsafe receiveHead(ByteView($0), &fields)
                }
                guard left > 0, head.isEmpty else { return }
                rest = rest.dropFirst(rest.count - left)
            }
        }
    }

    /// Parses a head; returns how many bytes follow it.
    private mutating func receiveHead(
        _ bytes: ByteView, _ fields: inout HeadStorage
    ) throws(RequestError) -> Int {
        let parsed = try RequestParser.parse(bytes, into: &fields)
        guard case .complete(let request) = parsed else {
            head = bytes.array
            return 0
        }
        bodyCount = 0
        trailers = []
        let scenario = EchoScenario(bytes, request, fields)
        answer = { connection in connection.play(scenario) }
        switch request.framing {
        case .none, .untilClose: finish()
        case .contentLength(let count):
            body = .length(count)
            if scenario.isEarly || count == 0 { finish() }
            if scenario.isEarly { body = .length(count) }
        case .chunked:
            body = .chunked(ChunkedDecoder())
            if scenario.isEarly { finish() }
        }
        return bytes.count - request.headLength
    }

    private mutating func finish() {
        body = .none
        let play = answer
        answer = { _ in }
        play(&self)
    }

    // MARK: Out

    private mutating func play(_ scenario: EchoScenario) {
        switch scenario.kind {
        case .json: script.append(.bytes(scenario.json(bodyBytes: bodyCount, trailers: trailers)))
        case .bytes(let bytes): script.append(.bytes(bytes))
        case .closing(let bytes): script += [.bytes(bytes), .close]
        case .resetting(let bytes): script += [.bytes(bytes), .pause(.milliseconds(50)), .reset]
        case .delayed(let bytes, let delay): script += [.pause(delay), .bytes(bytes)]
        case .split(let head, let delay, let body):
            script += [.bytes(head), .pause(delay), .bytes(body)]
        case .webSocket(let bytes):
            script.append(.bytes(bytes))
            body = .tunnel
        }
    }

    /// The next step of the script; nil when there is none yet.
    mutating func nextStep(now: Instant) -> Step? {
        if let until = pausedUntil {
            guard now >= until else { return nil }
            pausedUntil = nil
        }
        guard !script.isEmpty else { return nil }
        switch script.removeFirst() {
        case .bytes(let bytes):
            inFlight = bytes
            return .send
        case .pause(let length):
            pausedUntil = now + length
            return .wait(until: now + length)
        case .close: return .close
        case .reset: return .reset
        }
    }
}
