import Core

/// A request method, interned (RFC 9110 §9, RFC 5789).
public enum Method: UInt8, Sendable {
    /// Any other token; its text is the head's `methodRange`.
    case other
    /// `GET`.
    case get
    /// `HEAD`: the response has no body.
    case head
    /// `POST`.
    case post
    /// `PUT`.
    case put
    /// `DELETE`.
    case delete
    /// `OPTIONS`.
    case options
    /// `PATCH`.
    case patch
    /// `CONNECT`, refused with 405.
    case connect
    /// `TRACE`, refused with 405.
    case trace

    /// Whether repeating the request has no further effect (RFC 9110 §9.2.2).
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .other, .post, .patch, .connect: false
        }
    }

    /// The method whose bytes are `text`; methods are case-sensitive.
    @inline(__always)
    init(_ text: ByteView) {
        switch text.count {
        case 3: self = text.equals("GET") ? .get : text.equals("PUT") ? .put : .other
        case 4: self = text.equals("POST") ? .post : text.equals("HEAD") ? .head : .other
        case 5: self = text.equals("PATCH") ? .patch : text.equals("TRACE") ? .trace : .other
        case 6: self = text.equals("DELETE") ? .delete : .other
        case 7:
            self = text.equals("OPTIONS") ? .options : text.equals("CONNECT") ? .connect : .other
        default: self = .other
        }
    }
}
