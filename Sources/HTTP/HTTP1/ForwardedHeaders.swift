public import Core

/// Writes the lines that tell the upstream where a request came from (S25).
public struct ForwardedHeaders {
    /// Which lines are written.
    public enum Style: Sendable {
        /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
        case xForwarded
        /// One `Forwarded` line (RFC 7239).
        case forwarded
    }

    /// Which lines are written.
    public var style: Style
    /// The peer's IP address as text, an IPv6 address without brackets.
    public var client: ByteView
    /// The scheme the client used: `https` or `http`.
    public var scheme: ByteView
    /// The authority the client asked for.
    public var host: ByteView

    /// Lines in `style` about a request of `client` for `scheme://host`.
    public init(style: Style, client: ByteView, scheme: ByteView, host: ByteView) {
        self.style = style
        self.client = client
        self.scheme = scheme
        self.host = host
    }

    /// Appends the lines for a client that is not trusted: only what we saw ourselves.
    ///
    /// - Returns: Whether they fitted; if not, `buffer` is as before.
    public func append(to buffer: inout Buffer) -> Bool {
        let start = buffer.count
        let fits: Bool
        switch style {
        case .xForwarded:
            fits =
                Self.put(ByteView("X-Forwarded-For: "), client, &buffer)
                && Self.put(ByteView("\r\nX-Forwarded-Proto: "), scheme, &buffer)
                && (host.isEmpty || Self.put(ByteView("\r\nX-Forwarded-Host: "), host, &buffer))
                && Self.put(ByteView("\r\n"), .empty, &buffer)
        case .forwarded:
            fits = Self.put(ByteView("Forwarded: "), .empty, &buffer) && appendElement(&buffer)
        }
        if !fits { buffer.truncate(to: start) }
        return fits
    }

    /// Appends the lines for a trusted hop: its chain with the hop's own address added.
    ///
    /// The chain lines of the head are replaced by one joined line, so they are marked as
    /// rewritten in `storage`; a scheme and a host that the hop reported stay as they are.
    /// - Precondition: the head is screened with `trustsForwarding`.
    public func append(
        continuing bytes: ByteView, _ storage: inout HeadStorage, to buffer: inout Buffer
    ) -> Bool {
        precondition(storage.isScreened)
        let start = buffer.count
        var fits: Bool
        switch style {
        case .xForwarded:
            fits = Self.put(ByteView("X-Forwarded-For: "), .empty, &buffer)
            fits = Self.join(.xForwardedFor, bytes, &storage, &buffer) && fits
            fits = Self.put(client, ByteView("\r\n"), &buffer) && fits
            if !storage.contains(.xForwardedProto) {
                fits = Self.put(ByteView("X-Forwarded-Proto: "), scheme, &buffer) && fits
                fits = Self.put(ByteView("\r\n"), .empty, &buffer) && fits
            }
            if !storage.contains(.xForwardedHost), !host.isEmpty {
                fits = Self.put(ByteView("X-Forwarded-Host: "), host, &buffer) && fits
                fits = Self.put(ByteView("\r\n"), .empty, &buffer) && fits
            }
        case .forwarded:
            fits = Self.put(ByteView("Forwarded: "), .empty, &buffer)
            fits = Self.join(.forwarded, bytes, &storage, &buffer) && fits
            fits = appendElement(&buffer) && fits
        }
        if !fits { buffer.truncate(to: start) }
        return fits
    }

    /// Appends all values of the fields named `id`, each followed by `, `.
    private static func join(
        _ id: FieldName, _ bytes: ByteView, _ storage: inout HeadStorage, _ buffer: inout Buffer
    ) -> Bool {
        guard storage.contains(id) else { return true }
        var fits = true
        var index = 0
        while index < storage.count {
            let field = storage[index]
            if field.id == id, field.disposition == .keep {
                storage.setDisposition(.rewritten, at: index)
                if !field.value.isEmpty {
                    fits = put(bytes[field.value], ByteView(", "), &buffer) && fits
                }
            }
            index += 1
        }
        return fits
    }

    /// Appends `for=…;host=…;proto=…` and CRLF; an IPv6 address and a host with a port need
    /// quotes (RFC 7239 §4, §6).
    private func appendElement(_ buffer: inout Buffer) -> Bool {
        var fits: Bool
        if Self.contains(client, 0x3a) {
            fits = Self.put(ByteView("for=\"["), client, &buffer)
            fits = Self.put(ByteView("]\""), .empty, &buffer) && fits
        } else {
            fits = Self.put(ByteView("for="), client, &buffer)
        }
        if !host.isEmpty {
            fits = Self.put(ByteView(";host=\""), host, &buffer) && fits
            fits = Self.put(ByteView("\""), .empty, &buffer) && fits
        }
        fits = Self.put(ByteView(";proto="), scheme, &buffer) && fits
        return Self.put(ByteView("\r\n"), .empty, &buffer) && fits
    }

    private static func contains(_ bytes: ByteView, _ wanted: UInt8) -> Bool {
        var index = 0
        while index < bytes.count {
            if bytes[index] == wanted { return true }
            index += 1
        }
        return false
    }

    @inline(__always)
    private static func put(
        _ first: ByteView, _ second: ByteView, _ buffer: inout Buffer
    ) -> Bool {
        guard buffer.available >= first.count + second.count else { return false }
        buffer.append(first)
        buffer.append(second)
        return true
    }
}
