// libFuzzer entry point: answers of authorizer functions, in every format, and their policies.
// Compiled by Tools/fuzz, together with the sources or against the modules.
#if canImport(Authorization)
import Authorization
#endif

/// One input of the fuzzer; crashes when a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLambdaAnswer(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data, size > 0 else { return 0 }
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    // What is written is read as it was.
    if let value = try? JSONReader.read(bytes, limit: LambdaAnswer.sizeLimit) {
        var writer = JSONWriter()
        writer.value(value)
        let again = try? JSONReader.read(writer.bytes, limit: .max)
        precondition(again == value, "a value was written otherwise than read")
    }
    for format in LambdaAPI.Format.allCases {
        guard let answer = try? LambdaAnswer(bytes, format: format) else { continue }
        let verdict = answer.evaluate(resource: "arn:aws:execute-api:r:1:a/s/GET/p")
        switch answer.rule {
        case .policy: precondition(format != .http2Simple, "a policy where none was asked for")
        case .simple(let isAuthorized):
            precondition((verdict == .allow) == isAuthorized, "a simple answer is not obeyed")
        }
        for member in answer.context {
            precondition(member.value.text != nil, "a context value is no text")
        }
    }
    return 0
}
