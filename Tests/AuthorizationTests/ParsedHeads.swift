import Authorization
import Core
import HTTP

/// A head that is none.
struct NoHead: Error {}

/// Hands a request to `body` as a gateway asks about it that owns `X-User`, from a hop that may say
/// anything else, or from a client.
func asked<Result>(
    _ text: String, source: String = "192.0.2.7", identity: String = "", isTrusted: Bool = false,
    _ body: (AskedRequest, borrowing HeadStorage) throws -> Result
) throws -> Result {
    var fields = HeadStorage(capacity: 100)
    let firewall = try HeaderFirewall(
        ownedNames: ["X-User"], spellingExceptions: isTrusted ? ["X_Original_URI"] : [])
    return try unsafe Array(text.utf8).withUnsafeBytes { raw in
        let bytes = unsafe ByteView(raw)
        let parsed = try RequestParser.parse(bytes, limits: HeadLimits(), into: &fields)
        guard case .complete(let head) = parsed else { throw NoHead() }
        try firewall.screenRequest(
            bytes, &fields, options: ScreenOptions(trustsForwarding: isTrusted))
        return try unsafe Array(source.utf8).withUnsafeBytes { source in
            try unsafe Array(identity.utf8).withUnsafeBytes { identity in
                let asked = unsafe AskedRequest(
                    head, in: bytes, source: ByteView(source), identityLines: ByteView(identity))
                return try body(asked, fields)
            }
        }
    }
}

/// Hands a response's head to `body`.
func answered<Result>(
    _ text: String, _ body: (ResponseHead, ByteView, borrowing HeadStorage) throws -> Result
) throws -> Result {
    var fields = HeadStorage(capacity: 100)
    return try unsafe Array(text.utf8).withUnsafeBytes { raw in
        let bytes = unsafe ByteView(raw)
        let parsed = try ResponseParser.parse(bytes, method: .get, into: &fields)
        guard case .complete(let head) = parsed else { throw NoHead() }
        return try body(head, bytes, fields)
    }
}
