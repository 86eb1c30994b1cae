import Core

/// How the end of a message's body is found (RFC 9112 §6.3).
public enum BodyFraming: Equatable, Sendable {
    /// There is no body.
    case none
    /// Exactly this many octets follow the head.
    case contentLength(UInt64)
    /// Chunks follow, up to the last one and its trailers.
    case chunked
    /// The body of a response ends when the upstream closes.
    case untilClose
}

/// Reads the two framing fields, refusing everything RFC 9112 lets a recipient refuse.
enum FramingFields {
    /// The value of Content-Length: 1 to 19 digits and nothing else (no sign, no list).
    static func contentLength(_ value: ByteView) -> UInt64? {
        guard value.count > 0, value.count <= 19 else { return nil }
        var length: UInt64 = 0
        var index = 0
        while index < value.count {
            guard value[index].isDigit else { return nil }
            // 19 digits are at most 9,999,999,999,999,999,999 < 2^64: no overflow.
            length = length &* 10 &+ UInt64(value[index] &- 0x30)
            index += 1
        }
        return length
    }

    /// What the message's Content-Length and Transfer-Encoding fields say; nil without either.
    @inline(__always)
    static func framing(
        _ bytes: ByteView, _ storage: borrowing HeadStorage, isHTTP11: Bool
    ) throws(RequestError) -> BodyFraming? {
        let names = FieldName.contentLength.bit | FieldName.transferEncoding.bit
        let present = storage.present & names
        guard present != 0 else { return nil }
        guard storage.repeated & names == 0 else {
            throw .badRequest("repeated Content-Length or Transfer-Encoding")
        }
        guard present != names else { throw .badRequest("Content-Length and Transfer-Encoding") }
        if present == FieldName.contentLength.bit {
            guard let field = storage.first(.contentLength),
                let length = contentLength(bytes[field.value])
            else { throw .badRequest("bad Content-Length") }
            return .contentLength(length)
        }
        guard isHTTP11 else { throw .badRequest("Transfer-Encoding in HTTP/1.0") }
        guard let field = storage.first(.transferEncoding),
            bytes[field.value].equalsIgnoringCase("chunked")
        else { throw .badRequest("transfer coding other than chunked") }
        return .chunked
    }
}
