// libFuzzer entry point: a chunked body decoded whole and in portions must come to the same.
// Compiled by Tools/fuzz, together with the sources or against the modules.
#if canImport(Core)
import Core
#endif
#if canImport(HTTP)
import HTTP
#endif

/// One input of the fuzzer; crashes when a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChunkedBody(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data, size > 1 else { return 0 }
    let bytes = unsafe ByteView(base: data, count: size)
    let portion = Int(bytes[0]) % 16 + 1
    let body = bytes.dropFirst(1)
    let whole = decode(body, portion: body.count)
    precondition(whole == decode(body, portion: portion), "portions change the result")
    return 0
}

private struct Decoded: Equatable {
    var data: [UInt8] = []
    var consumed = 0
    var finished = false
    var failed = false
}

private func decode(_ bytes: ByteView, portion: Int) -> Decoded {
    var result = Decoded()
    var decoder = ChunkedDecoder()
    while result.consumed < bytes.count, !result.finished, !result.failed {
        let end = min(portion, bytes.count - result.consumed)
        var part = bytes.dropFirst(result.consumed).prefix(end)
        while true {
            guard let step = try? decoder.decode(part) else {
                result.failed = true
                // Where in its portion the decoder failed is not told.
                result.consumed = 0
                return result
            }
            switch step {
            case .data(let range):
                precondition(!range.isEmpty && range.end <= part.count)
                result.data += part[range].array
                result.consumed += range.end
                part = part.dropFirst(range.end)
                continue
            case .needMore(let consumed):
                precondition(consumed == part.count)
                result.consumed += consumed
            case .finished(let consumed):
                result.consumed += consumed
                result.finished = true
                precondition(UInt64(result.data.count) == decoder.decodedBytes)
            }
            break
        }
    }
    return result
}
