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
        let expectation = options.proxyProtocols[listener].expectation(of: address)
        guard expectation != .refused else {
            turn.environment.metrics.increment(.proxySourcesRefused)
            Sockets.close(descriptor)
            return nil
        }
        return expectation
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
    }
}
