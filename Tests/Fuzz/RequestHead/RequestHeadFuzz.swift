// libFuzzer entry point: requests, parsed whole and in two portions, screened, rewritten, and
// parsed again. Compiled by Tools/fuzz, together with the sources or against the modules.
#if canImport(Core)
import Core
#endif
#if canImport(HTTP)
import HTTP
#endif

/// One input of the fuzzer; crashes when a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequestHead(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data, size > 0 else { return 0 }
    let bytes = unsafe ByteView(base: data, count: size)
    var storage = HeadStorage()
    guard let head = parsedWhole(bytes, &storage) else { return 0 }
    checkRanges(bytes, head, storage)
    guard let firewall = try? HeaderFirewall(ownedNames: ["x-identity"]) else { return 0 }
    try? PathPolicy().check(bytes, head)
    let pool = BufferPool(chunkSize: 65_536, limit: 2)
    defer { pool.destroy() }
    guard var scratch = pool.take(), var joined = pool.take() else { return 0 }
    defer {
        pool.give(scratch)
        pool.give(joined)
    }
    var insertions = SegmentList()
    insertions.append(ByteView("X-Identity: ours\r\n"))
    var segments = SegmentList()
    let dropped: ()? = try? {
        _ = try RequestRewriter.rewrite(
            bytes, head, &storage, firewall: firewall, insertions: insertions, into: &segments,
            scratch: &scratch)
    }()
    guard dropped != nil else { return 0 }
    for index in 0..<segments.count { joined.append(segments[index]) }
    checkRewritten(joined.filled, head)
    return 0
}

/// Parses whole, then again cut in two; both must agree.
private func parsedWhole(_ bytes: ByteView, _ storage: inout HeadStorage) -> RequestHead? {
    let cut = Int(bytes[0]) % bytes.count
    let first = try? RequestParser.parse(bytes.prefix(cut), into: &storage)
    let second = try? RequestParser.parse(bytes, from: cut, into: &storage)
    let whole = try? RequestParser.parse(bytes, into: &storage)
    guard case .complete(let head) = whole else { return nil }
    switch first {
    case .complete(let early): precondition(early.headLength == head.headLength)
    case .needMore:
        guard case .complete(let late) = second else { preconditionFailure("cut changes result") }
        precondition(late.headLength == head.headLength && late.framing == head.framing)
    case nil: preconditionFailure("a prefix of a good head is refused")
    }
    return head
}

private func checkRanges(
    _ bytes: ByteView, _ head: RequestHead, _ storage: borrowing HeadStorage
) {
    precondition(head.headLength <= bytes.count && head.fieldCount == storage.count)
    var end = head.start
    for index in 0..<storage.count {
        let field = storage[index]
        precondition(Int(field.line.start) >= end && field.name.end < field.line.end)
        precondition(Int(field.value.start) > field.name.end && field.value.end <= field.line.end)
        end = field.line.end
    }
    precondition(end + 2 == head.headLength || storage.count == 0)
}

/// The outgoing head must parse, mean the same, and carry exactly one identity line.
private func checkRewritten(_ bytes: ByteView, _ head: RequestHead) {
    var storage = HeadStorage(capacity: 128)
    let limits = HeadLimits(headBytes: 65_536, fieldCount: 128, targetBytes: 16_384)
    do throws(RequestError) {
        guard
            case .complete(let sent) = try RequestParser.parse(
                bytes, limits: limits, into: &storage)
        else { preconditionFailure("rewritten head is incomplete") }
        precondition(sent.framing == head.framing && sent.method == head.method)
        precondition(sent.headLength == bytes.count && sent.isHTTP11 && sent.keepAlive)
    } catch {
        // HTTP/1.0 without Host: we send an empty one.
        precondition(!head.isHTTP11 && head.host.isEmpty, "rewritten head is refused")
        return
    }
    var identities = 0
    for index in 0..<storage.count {
        var text = bytes[storage[index].name].array
        for place in text.indices {
            if text[place] >= 65 && text[place] <= 90 { text[place] |= 32 }
            if text[place] == 95 || text[place] == 46 { text[place] = 45 }
        }
        if text == Array("x-identity".utf8) { identities += 1 }
    }
    precondition(identities == 1, "identity lines")
}
