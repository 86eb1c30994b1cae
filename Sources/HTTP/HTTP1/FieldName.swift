/// A field name that Postern knows, interned to one byte when the head is parsed.
///
/// Comparing names afterwards is comparing bytes. At most 64 cases, so that a set of them is one
/// `UInt64` (see `bit`).
public enum FieldName: UInt8, CaseIterable, Sendable {
    /// Any name that is not in this list.
    case other = 0
    /// `host`.
    case host
    /// `connection`.
    case connection
    /// `content-length`.
    case contentLength
    /// `transfer-encoding`.
    case transferEncoding
    /// `keep-alive`.
    case keepAlive
    /// `proxy-connection`.
    case proxyConnection
    /// `te`.
    case te
    /// `trailer`.
    case trailer
    /// `upgrade`.
    case upgrade
    /// `expect`.
    case expect
    /// `via`.
    case via
    /// `forwarded`.
    case forwarded
    /// `x-forwarded-for`.
    case xForwardedFor
    /// `x-forwarded-proto`.
    case xForwardedProto
    /// `x-forwarded-host`.
    case xForwardedHost
    /// `x-forwarded-port`.
    case xForwardedPort
    /// `x-forwarded-client-cert`.
    case xForwardedClientCert
    /// `x-request-id`.
    case xRequestID
    /// `x-real-ip`.
    case xRealIP
    /// `authorization`.
    case authorization
    /// `proxy-authorization`.
    case proxyAuthorization
    /// `proxy-authenticate`.
    case proxyAuthenticate
    /// `cookie`.
    case cookie
    /// `set-cookie`.
    case setCookie
    /// `http2-settings`.
    case http2Settings
    /// `sec-websocket-accept`.
    case secWebSocketAccept
    /// `sec-websocket-key`.
    case secWebSocketKey
    /// `sec-websocket-version`.
    case secWebSocketVersion
    /// `sec-websocket-protocol`.
    case secWebSocketProtocol
    /// `sec-websocket-extensions`.
    case secWebSocketExtensions
    /// `date`.
    case date
    /// `server`.
    case server
    /// `content-type`.
    case contentType
    /// `content-encoding`.
    case contentEncoding
    /// `accept`.
    case accept
    /// `accept-encoding`.
    case acceptEncoding
    /// `accept-language`.
    case acceptLanguage
    /// `user-agent`.
    case userAgent
    /// `cache-control`.
    case cacheControl
    /// `origin`.
    case origin
    /// `referer`.
    case referer
    /// `etag`.
    case eTag
    /// `last-modified`.
    case lastModified
    /// `location`.
    case location
    /// `vary`.
    case vary

    /// This name's place in a set of names kept as 64 bits.
    @inline(__always)
    public var bit: UInt64 { 1 &<< UInt64(rawValue) }

    /// The name in lower case; empty for `other`.
    public var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .connection: "connection"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .expect: "expect"
        case .via: "via"
        case .forwarded: "forwarded"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedClientCert: "x-forwarded-client-cert"
        case .xRequestID: "x-request-id"
        case .xRealIP: "x-real-ip"
        case .authorization: "authorization"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyAuthenticate: "proxy-authenticate"
        case .cookie: "cookie"
        case .setCookie: "set-cookie"
        case .http2Settings: "http2-settings"
        case .secWebSocketAccept: "sec-websocket-accept"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketVersion: "sec-websocket-version"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .secWebSocketExtensions: "sec-websocket-extensions"
        case .date: "date"
        case .server: "server"
        case .contentType: "content-type"
        case .contentEncoding: "content-encoding"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .userAgent: "user-agent"
        case .cacheControl: "cache-control"
        case .origin: "origin"
        case .referer: "referer"
        case .eTag: "etag"
        case .lastModified: "last-modified"
        case .location: "location"
        case .vary: "vary"
        }
    }
}
