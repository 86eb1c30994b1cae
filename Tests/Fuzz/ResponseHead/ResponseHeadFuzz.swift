// libFuzzer entry point: responses, parsed whole and in two portions, and rewritten.
// Compiled by Tools/fuzz, together with the sources or against the modules.
#if canImport(Core)
import Core
#endif
#if canImport(HTTP)
import HTTP
#endif

/// One input of the fuzzer; crashes when a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzResponseHead(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data, size > 0 else { return 0 }
    let bytes = unsafe ByteView(base: data, count: size)
    let method: Method = size & 1 == 0 ? .get : .head
    var storage = HeadStorage()
    let cut = Int(bytes[size - 1]) % size
    let first = try? ResponseParser.parse(bytes.prefix(cut), method: method, into: &storage)
    let second = try? ResponseParser.parse(bytes, from: cut, method: method, into: &storage)
    let whole = try? ResponseParser.parse(bytes, method: method, into: &storage)
    guard case .complete(let head) = whole else { return 0 }
    switch first {
    case .complete(let early): precondition(early.headLength == head.headLength)
    case .needMore:
        guard case .complete(let late) = second else { preconditionFailure("cut changes result") }
        precondition(late.headLength == head.headLength && late.framing == head.framing)
    case nil: preconditionFailure("a prefix of a good head is refused")
    }
    precondition(head.headLength <= size && head.fieldCount == storage.count)
    guard let firewall = try? HeaderFirewall(ownedNames: ["x-identity"]) else { return 0 }
    let pool = BufferPool(chunkSize: 65_536, limit: 1)
    defer { pool.destroy() }
    guard var buffer = pool.take() else { return 0 }
    defer { pool.give(buffer) }
    let framing: BodyFraming = head.framing == .untilClose ? .chunked : head.framing
    let fits = ResponseRewriter.append(
        bytes, head, &storage, firewall: firewall,
        options: ResponseRewriteOptions(connection: .none, framing: framing), to: &buffer)
    precondition(fits)
    guard
        case .complete(let sent) = try? ResponseParser.parse(
            buffer.filled, method: method, into: &storage)
    else { return preconditionUnlessLarge(buffer, storage) }
    precondition(sent.status == head.status && sent.headLength == buffer.count)
    precondition(sent.framing == (method == .head ? .none : framing))
    return 0
}

/// The rewritten head may exceed the limits by what was added, and only then be refused.
private func preconditionUnlessLarge(
    _ buffer: Buffer, _ storage: borrowing HeadStorage
) -> CInt {
    precondition(buffer.count >= HeadLimits().headBytes || storage.count == storage.capacity)
    return 0
}
