/// One request of a simulated client, and the answer that belongs to it and to no other.
struct SimulatedRequest {
    enum Framing: CaseIterable {
        case length, chunked, untilClose
    }

    let tag: String
    let isHead: Bool
    let isHTTP10: Bool
    let framing: Framing
    let hasInterim: Bool
    let upload: [UInt8]?
    let isUploadChunked: Bool
    /// The response's body; a HEAD has none.
    let body: [UInt8]

    init(number: Int, seed: UInt64, isLast: Bool, _ random: inout SplitMix) {
        tag = "/\(seed)-\(number)"
        isHead = random.oneIn(10)
        isHTTP10 = isLast && random.oneIn(8)
        framing = random.pick(Framing.allCases)
        hasInterim = random.oneIn(10)
        isUploadChunked = random.oneIn(2) && !isHTTP10
        upload =
            !isHead && random.oneIn(3)
            ? [UInt8](repeating: UInt8(ascii: "u"), count: random.below(9_000)) : nil
        let size = random.oneIn(12) ? random.below(90_000) : random.below(2_000)
        let unit = Array("<\(tag)>".utf8)
        body = Array((0...(size / unit.count)).map { _ in unit }.joined().prefix(size))
    }

    var bytes: [UInt8] {
        let method = isHead ? "HEAD" : upload == nil ? "GET" : "POST"
        var head = "\(method) \(tag) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: localhost\r\n"
        guard let upload else { return Array((head + "\r\n").utf8) }
        guard isUploadChunked else {
            head += "Content-Length: \(upload.count)\r\n\r\n"
            return Array(head.utf8) + upload
        }
        head += "Transfer-Encoding: chunked\r\n\r\n"
        var bytes = Array(head.utf8)
        for start in stride(from: 0, to: upload.count, by: 3_000) {
            let piece = upload[start..<min(start + 3_000, upload.count)]
            bytes += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10]
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }

    /// What an upstream sends for it.
    var answer: [UInt8] {
        var head = hasInterim ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : ""
        head += "HTTP/1.1 200 OK\r\nX-Tag: \(tag)\r\n"
        switch framing {
        case .length: head += "Content-Length: \(body.count)\r\n\r\n"
        case .chunked: head += "Transfer-Encoding: chunked\r\n\r\n"
        case .untilClose: head += "\r\n"
        }
        var bytes = Array(head.utf8)
        guard !isHead else { return bytes }
        guard framing == .chunked else { return bytes + body }
        for start in stride(from: 0, to: body.count, by: 7_000) {
            let piece = body[start..<min(start + 7_000, body.count)]
            bytes += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10]
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }
}

/// What goes wrong in one run. Half of the runs have one kind of fault, the others a mixture.
struct FaultPlan {
    enum Fault: CaseIterable {
        case refuse, cutResponse, resetIdle, failUpstreamSend, silentUpstream, earlyAnswer
        case resetClient, halfClose, closeNotify, failClientSend, jump, drain, stop
    }

    /// What may happen in this run.
    let faults: Set<Fault>
    let requests: [SimulatedRequest]
    /// Plaintext bytes after which the client does what its fault says.
    let clientLimit: Int

    init(seed: UInt64, _ random: inout SplitMix) {
        var faults: Set<Fault> = []
        if !random.oneIn(10) {
            faults.insert(random.pick(Fault.allCases))
            while random.oneIn(2) { faults.insert(random.pick(Fault.allCases)) }
        }
        self.faults = faults
        let count = random.below(4) + 1
        var requests: [SimulatedRequest] = []
        for number in 1...count {
            requests.append(
                SimulatedRequest(number: number, seed: seed, isLast: number == count, &random))
        }
        self.requests = requests
        let total = requests.reduce(0) { $0 + $1.bytes.count }
        clientLimit = random.oneIn(2) ? total : random.below(total + 1)
    }

    func has(_ fault: Fault) -> Bool { faults.contains(fault) }

    /// Whether a response may be cut, or an error take its place.
    var isHarmless: Bool {
        faults.isSubset(of: [.resetIdle, .earlyAnswer, .drain])
            || clientSendsAll
                && faults.isSubset(of: [.resetIdle, .halfClose, .closeNotify, .drain])
    }

    /// Whether the client ends its side, if it does, only after its last request.
    var clientSendsAll: Bool { clientLimit == requests.reduce(0) { $0 + $1.bytes.count } }
}

extension SplitMix {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}
