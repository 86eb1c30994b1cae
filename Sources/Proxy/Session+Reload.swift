import Core
import Identity
import Telemetry

// A reload: a connection moves to its listener's new table between two requests, or ends.
extension Session {
    /// The listener of this connection has a `newer` table.
    ///
    /// A request that has begun ends under the table it began with. The next one is decided by
    /// the newer table, if the virtual host still stands there and asks the same of its clients;
    /// a connection for which it does not starts no further exchange.
    public mutating func replaceTable(_ newer: RoutingTable, _ turn: inout Turn) {
        guard newer !== table, !isRetired else { return }
        switch state {
        case .awaitingProxyHeader, .handshaking:
            // Its virtual host is not known yet; `establish` looks again.
            successor = newer
        case .readingHead, .choosingUpstream, .relaying, .tunnelling:
            if newer.place(for: table.virtualHosts[virtualHost]) == nil {
                retire(&turn)
            } else {
                successor = newer
            }
        case .draining, .lingering, .closed:
            break
        }
    }

    /// Moves to the newer table, with the identity's lines as that wants them. Only between two
    /// requests: a head in flight refers to the lines of before.
    mutating func moveToSuccessor(_ turn: inout Turn) {
        guard let newer = successor else { return }
        successor = nil
        guard let index = newer.place(for: table.virtualHosts[virtualHost]) else {
            startNoMore(&turn)
            return
        }
        do throws(IdentityError) {
            identity = try ClientIdentity(
                peer: identity.peer, headers: newer.virtualHosts[index].identityHeaders)
        } catch {
            turn.environment.metrics.increment(.identityRefused)
            startNoMore(&turn)
            return
        }
        table = newer
        virtualHost = index
    }

    /// Whether a reload left this connection no place.
    var isRetired: Bool { retiresBy != nil }

    /// The client was admitted under rules that hold no longer (security rule S19). An idle
    /// connection and a tunnel end now, others after their response, for which they have
    /// `timeouts.drain`; a request that comes meanwhile gets 421, which is safe to repeat on a new
    /// connection (RFC 9110 §15.5.20).
    mutating func retire(_ turn: inout Turn) {
        startNoMore(&turn)
        switch state {
        case .readingHead where pending == nil:
            closeReason = .configurationChanged
            startDraining(sendsCloseNotify: true, &turn)
        case .tunnelling:
            abandon(.configurationChanged, &turn)
        case .awaitingProxyHeader, .handshaking, .readingHead, .choosingUpstream, .relaying,
            .draining, .lingering, .closed:
            break
        }
    }

    private mutating func startNoMore(_ turn: inout Turn) {
        successor = nil
        let end = turn.now.monotonic + turn.environment.timeouts.drain
        retiresBy = end
        deadline = min(deadline, end)
        armIfEarlier(&turn)
    }
}
