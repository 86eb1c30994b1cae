public import Core

/// Answers that Postern gives itself: a status and a short plain body, all static bytes.
public enum ErrorResponse {
    /// Octets that a response takes at most.
    public static var sizeLimit: Int { 512 }

    /// Appends the response for `status`.
    ///
    /// - Parameters:
    ///   - status: The status code; one that is not in the table is answered as 500.
    ///   - close: Whether to send `Connection: close`.
    ///   - hasBody: False for HEAD: the same head, without the body.
    ///   - extraLines: Complete lines, CRLF included.
    /// - Returns: Whether it fitted; if not, `buffer` is as before.
    @discardableResult
    public static func append(
        status: UInt16, close: Bool, hasBody: Bool = true, extraLines: ByteView = .empty,
        to buffer: inout Buffer
    ) -> Bool {
        let start = buffer.count
        let reason = ByteView(reasonPhrase(status))
        let code = ByteView(reasonPhrase(status)).equals(unknown) ? 500 : status
        guard buffer.available >= sizeLimit + extraLines.count else { return false }
        buffer.append(ByteView("HTTP/1.1 "))
        appendDecimal(UInt64(code), to: &buffer)
        buffer.append(0x20)
        buffer.append(reason)
        buffer.append(
            ByteView("\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: "))
        appendDecimal(UInt64(reason.count + 5), to: &buffer)
        if code == 405 {
            buffer.append(ByteView("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
        }
        buffer.append(close ? ByteView("\r\nConnection: close\r\n") : ByteView("\r\n"))
        buffer.append(extraLines)
        buffer.append(ByteView("\r\n"))
        if hasBody {
            appendDecimal(UInt64(code), to: &buffer)
            buffer.append(0x20)
            buffer.append(reason)
            buffer.append(0x0a)
        }
        assert(buffer.count - start <= sizeLimit + extraLines.count)
        return true
    }

    /// The interim response that lets a client send its body. Lives as long as the process.
    public static var continue100: ByteView { ByteView("HTTP/1.1 100 Continue\r\n\r\n") }

    private static var unknown: StaticString { "Internal Server Error" }

    /// The reason phrase of the statuses that Postern sends (RFC 9110 §15).
    public static func reasonPhrase(_ status: UInt16) -> StaticString {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: unknown
        }
    }

    static func appendDecimal(_ value: UInt64, to buffer: inout Buffer) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            buffer.append(0x30 + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
