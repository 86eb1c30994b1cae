public import Core

/// What the outgoing request head looks like, beside the client's own fields.
public struct RequestRewriteOptions: Sendable {
    /// Whom the client is trusted to speak for; used when the head is not screened yet.
    public var screen: ScreenOptions
    /// Forward the WebSocket handshake: our own `Connection: upgrade` and `Upgrade: websocket`.
    /// Without it no Upgrade leaves (S21).
    public var forwardsUpgrade: Bool
    /// Forward `Expect: 100-continue`; without it the caller has answered it.
    public var forwardsExpect: Bool
    /// Segments to leave free in the list, for the body's first bytes.
    public var reservedSegments: Int

    /// By default: nobody trusted, no upgrade, Expect dropped, one segment left free.
    public init(
        screen: ScreenOptions = ScreenOptions(), forwardsUpgrade: Bool = false,
        forwardsExpect: Bool = false, reservedSegments: Int = 1
    ) {
        self.screen = screen
        self.forwardsUpgrade = forwardsUpgrade
        self.forwardsExpect = forwardsExpect
        self.reservedSegments = reservedSegments
    }
}

/// Turns a client's request head into the upstream's: always HTTP/1.1, origin-form, without
/// hop-by-hop, nominated and owned fields, with the caller's lines inserted at the end.
///
/// Kept lines are not copied: runs of them become segments that point into the client's bytes.
/// The head carries no `Connection` field, so the upstream connection persists.
public enum RequestRewriter {
    /// Appends the outgoing head to `segments`, the final CRLF included.
    ///
    /// - Parameters:
    ///   - bytes: What the head was parsed from; must stay until the send has completed.
    ///   - head: The parsed head.
    ///   - storage: Its fields; screened here unless they are already.
    ///   - firewall: The rules of the listener.
    ///   - options: See `RequestRewriteOptions`.
    ///   - insertions: Complete lines (identity block, forwarding lines), CRLF included; must
    ///     stay until the send has completed.
    ///   - segments: Receives the head.
    ///   - scratch: Takes what does not fit in the list, copied; must stay like the others.
    /// - Returns: How many fields were dropped, by reason.
    /// - Throws: 400 by S23; 431 when `scratch` is needed and too small.
    @discardableResult
    public static func rewrite(
        _ bytes: ByteView, _ head: RequestHead, _ storage: inout HeadStorage,
        firewall: HeaderFirewall, options: RequestRewriteOptions = RequestRewriteOptions(),
        insertions: SegmentList, into segments: inout SegmentList, scratch: inout Buffer
    ) throws(RequestError) -> DroppedFields {
        if !storage.isScreened {
            try firewall.screenRequest(bytes, &storage, options: options.screen)
        }
        let limit = SegmentList.capacity - options.reservedSegments
        precondition(segments.count < limit, "no segment is free for the head")
        var output = HeadOutput(limit: limit, copiedFrom: scratch.count)
        emitRequestLine(bytes, head, &output, &segments, &scratch)
        emitFields(bytes, head, storage, options, &output, &segments, &scratch)
        if head.framing == .chunked {
            output.emit(ByteView("Transfer-Encoding: chunked\r\n"), &segments, &scratch)
        }
        if options.forwardsUpgrade, head.upgradeWebSocket {
            output.emit(
                ByteView("Connection: upgrade\r\nUpgrade: websocket\r\n"), &segments, &scratch)
        }
        var index = 0
        while index < insertions.count {
            output.emit(insertions[index], &segments, &scratch)
            index &+= 1
        }
        output.emit(ByteView("\r\n"), &segments, &scratch)
        guard output.finish(&segments, scratch) else {
            throw RequestError(431, "head too large to forward")
        }
        return storage.dropped
    }

    /// Origin-form and HTTP/1.1, by reference when the client sent just that; and Host for the
    /// targets that override it (RFC 9112 §3.2.2).
    @inline(__always)
    private static func emitRequestLine(
        _ bytes: ByteView, _ head: RequestHead, _ output: inout HeadOutput,
        _ segments: inout SegmentList, _ scratch: inout Buffer
    ) {
        if head.isHTTP11, head.form != .absolute {
            output.keep(
                ByteRange(from: head.start, to: head.fieldsStart), bytes, &segments, &scratch)
            return
        }
        if head.form != .absolute {
            let line = ByteRange(from: head.start, to: head.target.end)
            output.emit(bytes[line], &segments, &scratch)
            output.emit(ByteView(" HTTP/1.1\r\n"), &segments, &scratch)
            if head.host.isEmpty { output.emit(ByteView("Host:\r\n"), &segments, &scratch) }
            return
        }
        let method = ByteRange(from: head.start, to: Int(head.target.start))
        output.emit(bytes[method], &segments, &scratch)
        if head.path.isEmpty {
            let isServerWide = head.method == .options && head.query.isEmpty
            output.emit(isServerWide ? ByteView("*") : ByteView("/"), &segments, &scratch)
        }
        let rest = ByteRange(from: Int(head.path.start), to: head.target.end)
        output.emit(bytes[rest], &segments, &scratch)
        output.emit(ByteView(" HTTP/1.1\r\nHost: "), &segments, &scratch)
        output.emit(bytes[head.authority], &segments, &scratch)
        output.emit(ByteView("\r\n"), &segments, &scratch)
    }

    @inline(__always)
    private static func emitFields(
        _ bytes: ByteView, _ head: RequestHead, _ storage: borrowing HeadStorage,
        _ options: RequestRewriteOptions, _ output: inout HeadOutput,
        _ segments: inout SegmentList, _ scratch: inout Buffer
    ) {
        var index = 0
        while index < storage.count {
            let field = storage[index]
            index &+= 1
            guard field.disposition == .keep else { continue }
            if field.id == .host, head.form == .absolute { continue }
            if field.id == .expect, !(options.forwardsExpect && head.expectsContinue) { continue }
            output.keep(field.line, bytes, &segments, &scratch)
        }
        output.flush(bytes, &segments, &scratch)
    }
}

/// Gathers a head: joins neighbouring kept lines, and copies into the scratch buffer once only
/// one segment is left.
struct HeadOutput {
    /// Segments that may be used.
    private let limit: Int
    /// Where the copied part begins in the scratch buffer.
    private let copyStart: Int
    private var isCopying = false
    private var hasOverflowed = false
    private var run = ByteRange.empty

    @inline(__always)
    init(limit: Int, copiedFrom start: Int) {
        self.limit = limit
        copyStart = start
    }

    /// Keeps a line of the head where it stands.
    @inline(__always)
    mutating func keep(
        _ line: ByteRange, _ bytes: ByteView, _ segments: inout SegmentList,
        _ scratch: inout Buffer
    ) {
        if run.end == Int(line.start), !run.isEmpty {
            run.count &+= line.count
            return
        }
        flush(bytes, &segments, &scratch)
        run = line
    }

    /// Emits the kept lines that are still pending.
    @inline(__always)
    mutating func flush(
        _ bytes: ByteView, _ segments: inout SegmentList, _ scratch: inout Buffer
    ) {
        guard !run.isEmpty else { return }
        let pending = run
        run = .empty
        emit(bytes[pending], &segments, &scratch)
    }

    /// Emits `piece` after everything before it.
    @inline(__always)
    mutating func emit(
        _ piece: ByteView, _ segments: inout SegmentList, _ scratch: inout Buffer
    ) {
        guard !piece.isEmpty else { return }
        if !isCopying, segments.count < limit - 1 {
            segments.append(piece)
            return
        }
        isCopying = true
        if scratch.append(piece) != piece.count { hasOverflowed = true }
    }

    /// Adds the copied part as the last segment; false when it did not fit.
    @inline(__always)
    func finish(_ segments: inout SegmentList, _ scratch: Buffer) -> Bool {
        guard !hasOverflowed else { return false }
        if isCopying { segments.append(scratch.filled.dropFirst(copyStart)) }
        return true
    }
}
