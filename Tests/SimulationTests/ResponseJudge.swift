/// Reads what a client decrypted, and compares it with what its requests deserve.
struct ResponseJudge {
    private var rest: ArraySlice<UInt8>
    private let plan: FaultPlan
    private let sawCloseNotify: Bool
    /// Responses that arrived whole, and those of them that the gateway made itself.
    private(set) var complete = 0
    private(set) var errors: [String] = []
    /// Whether the last response was cut short.
    private(set) var isCut = false

    /// What must never be.
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    init(_ received: [UInt8], plan: FaultPlan, sawCloseNotify: Bool) throws(Violation) {
        rest = received[...]
        self.plan = plan
        self.sawCloseNotify = sawCloseNotify
        for request in plan.requests where !rest.isEmpty && !isCut { try judge(request) }
        // A request that never came whole is answered too, and that ends the connection.
        if !rest.isEmpty, !isCut { throw Violation(description: "bytes after the last response") }
        if isCut, sawCloseNotify {
            throw Violation(description: "a cut response looks complete")
        }
    }

    private mutating func judge(_ request: SimulatedRequest) throws(Violation) {
        var head = takeHead()
        while let interim = head, interim.hasPrefix("HTTP/1.1 103") { head = takeHead() }
        guard let head else {
            isCut = true
            return
        }
        guard head.hasPrefix("HTTP/1.1 200 OK") else {
            return try judgeError(head, request)
        }
        guard head.contains("X-Tag: \(request.tag)\r\n") else {
            throw Violation(description: "mixed up: \(request.tag) was answered by \(head)")
        }
        if request.isHead {
            complete += 1
        } else if head.contains("Transfer-Encoding: chunked") {
            try judgeChunks(request)
        } else {
            let isSized = head.contains("Content-Length: ")
            try take(request.body.count, request)
            // Without a length the end of the connection is the end of the body.
            if !isCut, !isSized, !sawCloseNotify { isCut = true }
            if !isCut { complete += 1 }
        }
    }

    private mutating func judgeError(
        _ head: String, _ request: SimulatedRequest
    ) throws(Violation) {
        let status = String(head.dropFirst(9).prefix(3))
        let isOurs = head.contains("Cache-Control: no-store") && !head.contains("X-Tag")
        guard isOurs, ["408", "502", "503", "504"].contains(status) else {
            throw Violation(description: "\(request.tag) got \(head)")
        }
        errors.append(status)
        let length = head.split(separator: "Content-Length: ").last.flatMap {
            Int($0.prefix { $0.isNumber })
        }
        guard let length else { throw Violation(description: "no length: \(head)") }
        // A head that never came whole was no HEAD yet.
        if request.isHead, !rest.starts(with: Array("\(status) ".utf8)) {
            complete += 1
            return
        }
        if rest.count < length { isCut = true } else { complete += 1 }
        rest = rest.dropFirst(length)
    }

    private mutating func judgeChunks(_ request: SimulatedRequest) throws(Violation) {
        var left = request.body[...]
        while true {
            let line = rest.prefix { $0 != 10 }
            guard line.count < rest.count else {
                isCut = true
                return
            }
            let digits = String(decoding: line.dropLast(), as: UTF8.self)
            guard let size = Int(digits, radix: 16) else {
                throw Violation(description: "\(request.tag): bad chunk size \(digits)")
            }
            rest = rest.dropFirst(line.count + 1)
            let data = rest.prefix(size)
            guard left.starts(with: data), size <= left.count else {
                throw Violation(description: "\(request.tag): a chunk of another body")
            }
            left = left.dropFirst(data.count)
            guard rest.count >= size + 2 else {
                isCut = true
                return
            }
            rest = rest.dropFirst(size + 2)
            guard size > 0 else { break }
        }
        guard left.isEmpty else {
            throw Violation(description: "\(request.tag): ended \(left.count) bytes early")
        }
        complete += 1
    }

    private mutating func take(
        _ count: Int, _ request: SimulatedRequest
    ) throws(Violation) {
        let data = rest.prefix(count)
        guard request.body.starts(with: data) else {
            throw Violation(description: "\(request.tag): bytes of another body")
        }
        isCut = data.count < count
        rest = rest.dropFirst(count)
    }

    /// The next head, its blank line included; nil when it is not there whole.
    private mutating func takeHead() -> String? {
        var index = rest.startIndex
        while index + 3 < rest.endIndex {
            if rest[index] == 13, rest[index..<(index + 4)].elementsEqual([13, 10, 13, 10]) {
                let head = String(decoding: rest[rest.startIndex..<(index + 4)], as: UTF8.self)
                rest = rest[(index + 4)...]
                return head
            }
            index += 1
        }
        rest = []
        return nil
    }
}
