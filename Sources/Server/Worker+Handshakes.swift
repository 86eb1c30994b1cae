import Core
import EventLoop
import Proxy

// Established connections first, then a step of a handshake: see `HandshakeQueue`.
extension Worker where Loop: ~Copyable {
    /// Holds `bytes` of a handshake back until its turn; false when they are to be read now.
    mutating func postpone(_ handle: SlabHandle, _ bytes: ByteView) -> Bool {
        guard clients[handle].session.state == .handshaking else { return false }
        if clients[handle].mayStep || steps.isFull {
            clients[handle].mayStep = false
            return false
        }
        if ClientHelloBytes.areWhole(bytes) { clients[handle].holdsClientHello = true }
        // The loop keeps a copy: what it has lent does not outlive the completion.
        loop.hold(bytes, for: clients[handle].socket)
        if !clients[handle].isWaitingForStep {
            clients[handle].isWaitingForStep = true
            steps.append(handle)
        }
        return true
    }

    /// The turn's step of a handshake, after what established connections have to send.
    mutating func stepHandshake() {
        if !steps.isEmpty { loop.submit() }
        while let handle = steps.popFirst() {
            guard clients.contains(handle), !clients[handle].isClosing else { continue }
            clients[handle].isWaitingForStep = false
            clients[handle].mayStep = true
            loop.resumeReceiving(clients[handle].socket)
            handleCompletions()
            break
        }
        guard let accepts = steps.acceptingChange() else { return }
        for listener in listeners {
            if !accepts {
                loop.pauseAccepting(listener)
            } else if acceptPausedUntil == nil {
                loop.resumeAccepting(listener)
            }
        }
    }
}

/// What can be seen of a ClientHello before TLS has read it.
enum ClientHelloBytes {
    /// Whether `bytes` begin with a record that holds a ClientHello from its first byte to its last
    /// (RFC 8446 §4 and §5.1), as those of nearly all clients do.
    static func areWhole(_ bytes: ByteView) -> Bool {
        guard bytes.count >= 9, bytes[0] == 22, bytes[5] == 1 else { return false }
        let record = Int(bytes[3]) << 8 | Int(bytes[4])
        let message = Int(bytes[6]) << 16 | Int(bytes[7]) << 8 | Int(bytes[8])
        return bytes.count >= 5 + record && record >= 4 + message
    }
}
