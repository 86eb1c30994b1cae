// libFuzzer entry point: PROXY headers of both versions, parsed whole and by every beginning.
// Compiled by Tools/fuzz, together with the sources or against the modules.
#if canImport(Core)
import Core
#endif
#if canImport(Proxy)
import Proxy
#endif

/// One input of the fuzzer; crashes when a property does not hold. Inputs whose first byte is even
/// are put behind a version 2 signature, so that its checks are reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProxyHeader(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data, size > 0 else { return 0 }
    var bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    if bytes.removeFirst() & 1 == 0 { bytes = Array("\r\n\r\n\0\r\nQUIT\n".utf8) + bytes }
    let whole = outcome(bytes[...])
    switch whole {
    case .needMore: precondition(bytes.count < ProxyHeader.limit, "no end to a header")
    case .complete(let consumed, _):
        precondition(consumed > 0 && consumed <= min(bytes.count, ProxyHeader.limit))
    case nil: break
    }
    // Once decided, more bytes change nothing; until then every beginning asks for more.
    var isDecided = false
    for count in 0...min(bytes.count, 300) {
        let part = outcome(bytes.prefix(count))
        if part == .needMore {
            precondition(!isDecided, "a decision was taken back")
        } else {
            isDecided = true
            precondition(part == whole, "a beginning is decided otherwise")
        }
    }
    return 0
}

/// The outcome, or nil for a refusal.
private func outcome(_ bytes: ArraySlice<UInt8>) -> ProxyHeader.Outcome? {
    unsafe bytes.withUnsafeBytes { raw in unsafe try? ProxyHeader.parse(ByteView(raw)) }
}
