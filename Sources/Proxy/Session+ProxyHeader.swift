public import Core
import Telemetry

// Before TLS: the header by which a balancer says whose connection this is.
extension Session {
    /// Bytes came while the PROXY header is awaited. Takes the header's only: when `state` is
    /// `handshaking` afterwards, `peer` is who the connection is from, and the rest is TLS.
    ///
    /// - Precondition: `state` is `awaitingProxyHeader`; `bytes` is not empty.
    /// - Returns: how many bytes were taken.
    public mutating func proxyHeaderReceived(_ bytes: ByteView, _ turn: inout Turn) -> Int {
        precondition(state == .awaitingProxyHeader && !bytes.isEmpty)
        let kept = pending?.count ?? 0
        if isProxyHeaderOptional, kept == 0, !ProxyHeader.mayBegin(with: bytes[0]) {
            state = .handshaking
            return 0
        }
        // No more than the longest header is looked at, or kept.
        let part = bytes.prefix(min(bytes.count, ProxyHeader.limit - kept))
        if pending != nil { pending?.append(part) }
        do throws(ProxyHeaderError) {
            switch try ProxyHeader.parse(pending?.filled ?? part) {
            case .complete(let consumed, let source):
                if case .address(let address) = source { peer = PeerAddress(address) }
                turn.environment.heads.give(&pending)
                state = .handshaking
                return consumed - kept
            case .needMore:
                if pending == nil { keep(part, &turn) }
            }
        } catch {
            turn.environment.metrics.increment(.proxyHeadersRefused)
            recordRefusedConnection("proxy_header_refused", error.reason, &turn)
            close(.proxyHeaderRefused, reset: true, &turn)
        }
        return bytes.count
    }

    private mutating func keep(_ part: ByteView, _ turn: inout Turn) {
        pending = turn.environment.heads.take()
        guard pending != nil else {
            close(.outOfBuffers, reset: true, &turn)
            return
        }
        let copied = pending?.append(part)
        precondition(copied == part.count, "a head's buffer holds the longest PROXY header")
    }
}
