import Core
import Crypto
import HTTP

/// The `Sec-WebSocket-Accept` that answers one handshake: base64 of the SHA-1 of the client's key
/// and a fixed GUID (RFC 6455 §4.2.2).
struct WebSocketAccept {
    private var text: InlineArray<28, UInt8>

    init(key: ByteView) {
        let encoded = Base64.encode(
            SHA1.hash(key.array + ByteView("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").array))
        precondition(encoded.count == 28)
        text = InlineArray { encoded[$0] }
    }

    /// Whether a 101 answers the handshake (security rule S21).
    func matches(
        _ bytes: ByteView, _ head: ResponseHead, _ fields: borrowing HeadStorage
    ) -> Bool {
        let expected = (0..<28).map { text[$0] }
        return unsafe expected.withUnsafeBytes { buffer in
            unsafe WebSocketHandshake.isAccepted(
                bytes, head, fields, expectedAccept: ByteView(buffer))
        }
    }
}
