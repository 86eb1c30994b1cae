public import Core
public import HTTP

/// A request that a service of one's own is asked about: the parsed head and what else it is told,
/// by reference. Valid for as long as what it refers to.
///
/// Its field table goes along with it: parsed from the same bytes, and screened, so that nobody is
/// told what only the gateway may say (S28).
public struct AskedRequest {
    let head: RequestHead
    let bytes: ByteView
    let source: ByteView
    let identityLines: ByteView

    /// The request with `head`, whose bytes are `bytes`.
    ///
    /// - Parameters:
    ///   - source: the client's address, without a port.
    ///   - identityLines: complete lines that say who the client is, CRLF included.
    public init(
        _ head: RequestHead, in bytes: ByteView, source: ByteView, identityLines: ByteView
    ) {
        self.head = head
        self.bytes = bytes
        self.source = source
        self.identityLines = identityLines
    }

    var method: ByteView { bytes[head.methodRange] }
    var host: ByteView { bytes[head.host] }
    var path: ByteView { bytes[head.path] }
    /// The query without its `?`, as it was sent.
    var query: ByteView { bytes[head.query].dropFirst(head.query.isEmpty ? 0 : 1) }
}
