import Core
import HTTP

/// What a parse came to, in a form that tests can compare.
enum Outcome: Equatable, CustomStringConvertible {
    case accepted(String)
    case refused(UInt16, String)
    case needMore

    var description: String {
        switch self {
        case .accepted(let summary): "accepted \(summary)"
        case .refused(let status, let reason): "refused \(status) \(reason)"
        case .needMore: "needMore"
        }
    }

    var status: UInt16 {
        switch self {
        case .accepted: 200
        case .refused(let status, _): status
        case .needMore: 0
        }
    }
}

/// Everything a request head says, as one line.
func summary(_ head: RequestHead, _ bytes: ByteView, _ storage: borrowing HeadStorage) -> String {
    var text = "\(head.method) \(bytes[head.methodRange].string) \(head.form) "
    text += "\(bytes[head.path].string)\(bytes[head.query].string) \(head.isHTTP11 ? 11 : 10) "
    text += "\(head.framing) \(head.keepAlive) host=\(bytes[head.host].string) "
    text += "\(head.expectsContinue) \(head.upgradeWebSocket) \(head.headLength)"
    for index in 0..<storage.count {
        let field = storage[index]
        text += "|\(field.id) \(bytes[field.name].string)=\(bytes[field.value].string)"
    }
    return text
}

func parseRequest(
    _ bytes: ByteView, from scanned: Int = 0, limits: HeadLimits = HeadLimits(),
    _ storage: inout HeadStorage
) -> Outcome {
    do throws(RequestError) {
        switch try RequestParser.parse(bytes, from: scanned, limits: limits, into: &storage) {
        case .needMore: return .needMore
        case .complete(let head): return .accepted(summary(head, bytes, storage))
        }
    } catch {
        return .refused(error.status, "\(error.reason)")
    }
}

/// Parses `text` whole, each time at the end of a page; then in two portions cut at every byte;
/// then byte by byte. All must come to the same.
func requestOutcome(_ text: String, limits: HeadLimits = HeadLimits()) -> Outcome {
    let all = Array(text.utf8)
    var storage = HeadStorage(capacity: limits.fieldCount)
    let whole = withGuarded(all) { parseRequest($0, limits: limits, &storage) }
    for cut in 0..<all.count {
        let first = withGuarded(Array(all[..<cut])) { parseRequest($0, limits: limits, &storage) }
        if first != .needMore {
            guard first == whole else { return .refused(999, "cut \(cut): \(first)") }
            continue
        }
        let second = withGuarded(all) { parseRequest($0, from: cut, limits: limits, &storage) }
        guard second == whole else { return .refused(999, "after cut \(cut): \(second)") }
    }
    var last = Outcome.needMore
    for seen in 0..<all.count where last == .needMore {
        last = withGuarded(Array(all[...seen])) {
            parseRequest($0, from: seen, limits: limits, &storage)
        }
    }
    guard last == whole else { return .refused(999, "byte by byte: \(last)") }
    return whole
}

func parseResponse(
    _ bytes: ByteView, from scanned: Int = 0, method: Method, _ storage: inout HeadStorage
) -> Outcome {
    do throws(ResponseError) {
        switch try ResponseParser.parse(bytes, from: scanned, method: method, into: &storage) {
        case .needMore: return .needMore
        case .complete(let head):
            var text = "\(head.status) [\(bytes[head.reason].string)] \(head.isHTTP11 ? 11 : 10) "
            text += "\(head.framing) \(head.keepAlive) \(head.headLength)"
            for index in 0..<storage.count {
                let field = storage[index]
                text += "|\(bytes[field.name].string)=\(bytes[field.value].string)"
            }
            return .accepted(text)
        }
    } catch {
        return .refused(502, "\(error.reason)")
    }
}

/// As `requestOutcome`, for responses.
func responseOutcome(_ text: String, method: Method = .get) -> Outcome {
    let all = Array(text.utf8)
    var storage = HeadStorage()
    let whole = withGuarded(all) { parseResponse($0, method: method, &storage) }
    for cut in 0..<all.count {
        let first = withGuarded(Array(all[..<cut])) {
            parseResponse($0, method: method, &storage)
        }
        if first != .needMore {
            guard first == whole else { return .refused(999, "cut \(cut): \(first)") }
            continue
        }
        let second = withGuarded(all) {
            parseResponse($0, from: cut, method: method, &storage)
        }
        guard second == whole else { return .refused(999, "after cut \(cut): \(second)") }
    }
    return whole
}

/// Decodes a chunked body given in portions of `portion` bytes: the body and what is left over,
/// or the reason of the refusal.
func decodeChunked(_ text: String, portion: Int) -> String {
    let all = Array(text.utf8)
    var decoder = ChunkedDecoder()
    var body: [UInt8] = []
    var start = 0
    while start < all.count {
        let part = Array(all[start..<min(start + portion, all.count)])
        let verdict: String? = withGuarded(part) { bytes in
            var rest = bytes
            while true {
                do throws(ChunkedError) {
                    switch try decoder.decode(rest) {
                    case .data(let range):
                        body += rest[range].array
                        rest = rest.dropFirst(range.end)
                    case .needMore(let consumed):
                        return consumed == rest.count ? nil : "lost bytes"
                    case .finished(let consumed):
                        let left = all[(start + bytes.count - rest.count + consumed)...]
                        return "\(String(decoding: body, as: UTF8.self))"
                            + "|\(String(decoding: left, as: UTF8.self))"
                    }
                } catch {
                    return "error: \(error.reason)"
                }
            }
        }
        if let verdict { return verdict }
        start += portion
    }
    return "needMore: \(String(decoding: body, as: UTF8.self))"
}
