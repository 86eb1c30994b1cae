public import Core

/// Checks the two halves of a WebSocket opening handshake (RFC 6455 §4, S21).
public enum WebSocketHandshake {
    /// The client's nonce: 24 characters of base64, or nil when it is malformed.
    public static func key(
        _ bytes: ByteView, _ head: RequestHead, _ storage: borrowing HeadStorage
    ) -> ByteView? {
        guard head.upgradeWebSocket, let field = storage.first(.secWebSocketKey) else {
            return nil
        }
        let key = bytes[field.value]
        guard key.count == 24, key[22] == 0x3d, key[23] == 0x3d else { return nil }
        var index = 0
        while index < 22 {
            guard
                key[index].isDigit || key[index].isLetter || key[index] == 0x2b
                    || key[index] == 0x2f
            else { return nil }
            index += 1
        }
        return key
    }

    /// Whether bytes may tunnel: a 101 whose Upgrade is `websocket`, whose Connection says so,
    /// and whose only Sec-WebSocket-Accept is `expectedAccept`. Any other 101 is 502.
    ///
    /// - Parameter expectedAccept: base64(SHA-1(key + the GUID of RFC 6455 §1.3)), made by the
    ///   caller.
    public static func isAccepted(
        _ bytes: ByteView, _ head: ResponseHead, _ storage: borrowing HeadStorage,
        expectedAccept: ByteView
    ) -> Bool {
        let single = FieldName.upgrade.bit | FieldName.secWebSocketAccept.bit
        guard head.status == 101, head.isHTTP11, head.hasConnectionUpgrade,
            storage.repeated & single == 0, expectedAccept.count == 28,
            let upgrade = storage.first(.upgrade), let accept = storage.first(.secWebSocketAccept)
        else { return false }
        return bytes[upgrade.value].equalsIgnoringCase("websocket")
            && bytes[accept.value].equals(expectedAccept)
    }
}
