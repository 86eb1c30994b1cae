import Core

/// One upstream connection: what it got, what it will send, and how it will fail.
struct SimulatedUpstream {
    var flight: FaultyWire.Flight?
    /// Bytes of the present exchange that it received.
    private var got: [UInt8] = []
    /// Bytes on their way to the session.
    var outbox: [UInt8] = []
    /// Its end as the session has to see it: 0 or `-errno`; nil while it is open.
    var end: Int32?
    private(set) var hasAnswered = false
    private var answersEarly = false
    private var isSilent = false
    private var cutAt: Int?
    private(set) var failsSend = false

    init() {}

    /// Whether it could carry another exchange, as far as a session can see: its end may be under
    /// way, which the next exchange on it has to survive.
    var isDone: Bool { hasAnswered && outbox.isEmpty }

    mutating func begin(_ plan: FaultPlan, isReused: Bool, _ random: inout SplitMix) {
        got = []
        hasAnswered = false
        answersEarly = plan.has(.earlyAnswer) && random.oneIn(2)
        isSilent = plan.has(.silentUpstream) && random.oneIn(3)
        cutAt = plan.has(.cutResponse) && random.oneIn(2) ? random.below(3_000) : nil
        failsSend = plan.has(.failUpstreamSend) && random.oneIn(3)
        // What it kept idle, it resets before anything of the next request arrives.
        if isReused, plan.has(.resetIdle), random.oneIn(2) {
            end = random.oneIn(2) ? 0 : -104
            isSilent = true
        }
    }

    mutating func receive(_ bytes: [UInt8], _ plan: FaultPlan, _ random: inout SplitMix) {
        got += bytes
        guard !hasAnswered, !isSilent, end == nil, let request = request(plan.requests) else {
            return
        }
        guard answersEarly || isComplete(request) else { return }
        hasAnswered = true
        var answer = request.answer
        if let cutAt, cutAt < answer.count {
            answer = Array(answer.prefix(cutAt))
            // The end of a body without a length is no fault: only a reset is.
            end = request.framing == .untilClose || random.oneIn(2) ? -104 : 0
        } else if request.framing == .untilClose, !request.isHead {
            end = 0
        } else if answersEarly, random.oneIn(2) {
            // As servers do that refuse an upload.
            end = random.oneIn(2) ? 0 : -104
        }
        outbox += answer
    }

    private func request(_ requests: [SimulatedRequest]) -> SimulatedRequest? {
        let text = String(decoding: got.prefix(200), as: UTF8.self)
        guard text.contains("\r\n") else { return nil }
        let words = text.split(separator: " ", maxSplits: 2)
        return requests.first { $0.tag == words[1] }
    }

    private func isComplete(_ request: SimulatedRequest) -> Bool {
        guard let end = headEnd else { return false }
        guard let upload = request.upload else { return true }
        if request.isUploadChunked { return got.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8)) }
        return got.count - end >= upload.count
    }

    private var headEnd: Int? {
        var index = 0
        while index + 3 < got.count {
            if got[index] == 13, got[index + 1] == 10, got[index + 2] == 13, got[index + 3] == 10 {
                return index + 4
            }
            index += 1
        }
        return nil
    }
}
