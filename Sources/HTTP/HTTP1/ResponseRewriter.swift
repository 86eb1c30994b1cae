public import Core

/// What the outgoing response head says about the connection and the body.
public struct ResponseRewriteOptions {
    /// The `Connection` field we send.
    public enum Connection: Sendable {
        /// None: HTTP/1.1 persists anyway.
        case none
        /// `Connection: keep-alive`, for HTTP/1.0 clients.
        case keepAlive
        /// `Connection: close`.
        case close
        /// `Connection: upgrade` and `Upgrade: websocket`, for a checked 101.
        case upgradeWebSocket
    }

    /// The `Connection` field.
    public var connection: Connection
    /// How the body is framed towards the client. `chunked` adds Transfer-Encoding; with
    /// `chunked` and `untilClose` no Content-Length is sent.
    public var framing: BodyFraming
    /// The whole `Via` line with CRLF, or empty.
    public var via: ByteView
    /// Further complete lines, CRLF included.
    public var insertions: ByteView

    /// By default: nothing added.
    public init(
        connection: Connection = .none, framing: BodyFraming = .none, via: ByteView = .empty,
        insertions: ByteView = .empty
    ) {
        self.connection = connection
        self.framing = framing
        self.via = via
        self.insertions = insertions
    }
}

/// Turns an upstream's response head into ours: always HTTP/1.1, contiguous, because TLS will
/// encrypt it.
public enum ResponseRewriter {
    /// Appends the outgoing head to `buffer`, the final CRLF included.
    ///
    /// - Returns: Whether it fitted; if not, `buffer` is as before.
    public static func append(
        _ bytes: ByteView, _ head: ResponseHead, _ storage: inout HeadStorage,
        firewall: HeaderFirewall, options: ResponseRewriteOptions, to buffer: inout Buffer
    ) -> Bool {
        if !storage.isScreened { firewall.screenResponse(bytes, &storage) }
        let start = buffer.count
        var fits = appendStatusLine(bytes, head, to: &buffer)
        fits = appendFields(bytes, head, storage, options, to: &buffer) && fits
        fits = append(options.via, to: &buffer) && fits
        fits = append(options.insertions, to: &buffer) && fits
        if options.framing == .chunked {
            fits = append(ByteView("Transfer-Encoding: chunked\r\n"), to: &buffer) && fits
        }
        fits = append(connectionLines(options.connection), to: &buffer) && fits
        fits = append(ByteView("\r\n"), to: &buffer) && fits
        if !fits { buffer.truncate(to: start) }
        return fits
    }

    private static func connectionLines(
        _ connection: ResponseRewriteOptions.Connection
    ) -> ByteView {
        switch connection {
        case .none: .empty
        case .keepAlive: ByteView("Connection: keep-alive\r\n")
        case .close: ByteView("Connection: close\r\n")
        case .upgradeWebSocket: ByteView("Connection: upgrade\r\nUpgrade: websocket\r\n")
        }
    }

    @inline(__always)
    private static func appendStatusLine(
        _ bytes: ByteView, _ head: ResponseHead, to buffer: inout Buffer
    ) -> Bool {
        guard buffer.available >= 15 + Int(head.reason.count) else { return false }
        buffer.append(ByteView("HTTP/1.1 "))
        buffer.append(0x30 + UInt8(head.status / 100))
        buffer.append(0x30 + UInt8(head.status / 10 % 10))
        buffer.append(0x30 + UInt8(head.status % 10))
        buffer.append(0x20)
        buffer.append(bytes[head.reason])
        buffer.append(ByteView("\r\n"))
        return true
    }

    @inline(__always)
    private static func appendFields(
        _ bytes: ByteView, _ head: ResponseHead, _ storage: borrowing HeadStorage,
        _ options: ResponseRewriteOptions, to buffer: inout Buffer
    ) -> Bool {
        // A length is of no use with another framing, and forbidden in 1xx and 204
        // (RFC 9110 §8.6).
        let dropsLength =
            options.framing == .chunked || options.framing == .untilClose || head.status < 200
            || head.status == 204
        var run = ByteRange.empty
        var index = 0
        var fits = true
        while index < storage.count {
            let field = storage[index]
            index &+= 1
            guard field.disposition == .keep else { continue }
            if field.id == .contentLength, dropsLength { continue }
            if run.end == Int(field.line.start), !run.isEmpty {
                run.count &+= field.line.count
                continue
            }
            fits = append(bytes[run], to: &buffer) && fits
            run = field.line
        }
        return append(bytes[run], to: &buffer) && fits
    }

    @inline(__always)
    private static func append(_ piece: ByteView, to buffer: inout Buffer) -> Bool {
        buffer.append(piece) == piece.count
    }
}
