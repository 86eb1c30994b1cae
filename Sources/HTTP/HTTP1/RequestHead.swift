public import Core

/// The form of a request target (RFC 9112 §3.2).
public enum TargetForm: UInt8, Sendable {
    /// `/path?query`.
    case origin
    /// `http://authority/path?query`.
    case absolute
    /// `*`, with OPTIONS only.
    case asterisk
}

/// A parsed request head: offsets into the bytes it was parsed from, and what they mean.
public struct RequestHead: Sendable {
    /// The method.
    public internal(set) var method = Method.other
    /// The method's bytes.
    public internal(set) var methodRange = ByteRange.empty
    /// The whole request target.
    public internal(set) var target = ByteRange.empty
    /// The form of the target.
    public internal(set) var form = TargetForm.origin
    /// The target's path, without the query; empty for `*` and for `http://host`.
    public internal(set) var path = ByteRange.empty
    /// The query with its `?`; empty without one.
    public internal(set) var query = ByteRange.empty
    /// The authority of an absolute-form target; empty for the other forms.
    public internal(set) var authority = ByteRange.empty
    /// Whether the version is HTTP/1.1; HTTP/1.0 otherwise.
    public internal(set) var isHTTP11 = true
    /// How the end of the body is found: `none`, `contentLength` or `chunked`.
    public internal(set) var framing = BodyFraming.none
    /// Whether the client wants the connection to persist.
    public internal(set) var keepAlive = true
    /// The authority that counts: the absolute-form target's, else Host's; empty only in HTTP/1.0.
    public internal(set) var host = ByteRange.empty
    /// Whether the client waits for 100 before it sends the body.
    public internal(set) var expectsContinue = false
    /// Whether this is a WebSocket opening handshake (RFC 6455 §4.1).
    public internal(set) var upgradeWebSocket = false
    /// Offset of the request line, after tolerated empty lines.
    public internal(set) var start = 0
    /// Offset of the first byte after the head, from the start of the bytes.
    public internal(set) var headLength = 0
    /// Number of field lines.
    public internal(set) var fieldCount = 0
    /// Offset of the first field line.
    var fieldsStart = 0

    /// A head without a request, to be replaced by a parsed one.
    public init() {}
}
