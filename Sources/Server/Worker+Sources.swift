import Core
import EventLoop
import Proxy
import Telemetry

// Where connections come from: who may open one, and who a balancer says it is.
extension Worker where Loop: ~Copyable {
    /// What a connection from `address` begins with; nil when it was closed instead.
    mutating func admit(
        _ descriptor: Int32, from address: SocketAddress, listener: Int
    ) -> ProxyProtocolPolicy.Expectation? {
        let expectation = served[listener].proxyProtocol.expectation(of: address)
        switch expectation {
        case .required, .optional:
            // Who it is from, and whether that source is welcome, is known after the header.
            return expectation
        case .none where isWelcome(address):
            return expectation
        case .none:
            break
        case .refused:
            turn.environment.metrics.increment(.proxySourcesRefused)
        }
        Sockets.close(descriptor)
        return nil
    }

    /// What of the bytes received is TLS: all, unless a PROXY header is awaited.
    mutating func withoutProxyHeader(_ handle: SlabHandle, _ bytes: ByteView) -> ByteView {
        guard clients[handle].session.state == .awaitingProxyHeader else { return bytes }
        let taken = clients[handle].session.proxyHeaderReceived(bytes, &turn)
        if clients[handle].session.state == .handshaking { identified(handle) }
        return bytes.dropFirst(taken)
    }

    /// The PROXY header has come: from here on the handshake counts for the client.
    private mutating func identified(_ handle: SlabHandle) {
        let source = HandshakeLimiter.source(of: clients[handle].session.peer.address)
        handshakes.moved(handle, to: source)
        clients[handle].source = source
        if !isWelcome(clients[handle].session.peer.address) {
            clients[handle].session.refuseSource(&turn)
        }
    }

    /// The handshake is over: one that failed counts against its source.
    mutating func noteOutcome(of handle: SlabHandle) {
        guard clients[handle].session.hasFailedHandshake else { return }
        // Peers on a Unix-domain socket are all one source, and none of them is a stranger.
        if case .unix = clients[handle].session.peer.address { return }
        failures.record(clients[handle].source, now: turn.now.monotonic)
    }

    /// Whether another handshake of this source may begin. A refusal is counted, and one a second
    /// is logged.
    private mutating func isWelcome(_ address: SocketAddress) -> Bool {
        if case .unix = address { return true }
        let source = HandshakeLimiter.source(of: address)
        guard failures.isOverRate(source, now: turn.now.monotonic) else { return true }
        turn.environment.metrics.increment(.sourcesRefused)
        if let suppressed = refusalEvents.admit(now: turn.now.monotonic) {
            logRefusal(of: address, count: suppressed + 1)
        }
        return false
    }

    private mutating func logRefusal(of address: SocketAddress, count: UInt64) {
        guard let log = turn.environment.accessLog else { return }
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        line.time("time", wallSeconds: turn.now.wallSeconds)
        line.string("event", ByteView("source_refused"))
        PeerAddress(address).withText { line.string("client", $0) }
        line.string("reason", ByteView("too many failed handshakes"))
        line.number("count", count)
        line.finish()
        _ = log.append(line.bytes)
    }
}
