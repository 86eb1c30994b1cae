import Core
import Identity
public import TLS
import Telemetry

// A reload: a connection moves to its listener's new table between two requests, or ends.
extension Session {
    /// The listener of this connection has a `newer` table.
    ///
    /// A request that has begun ends under the table it began with. The next one is decided by
    /// the newer table, if the virtual host still stands there and asks the same of its clients;
    /// a connection for which it does not starts no further exchange. A tunnel, which has no next
    /// request, is judged by the newer table at once (security rule S19).
    public mutating func replaceTable(_ newer: RoutingTable, _ turn: inout Turn) {
        guard newer !== table, !isRetired else { return }
        switch state {
        case .awaitingProxyHeader, .handshaking:
            // Its virtual host is not known yet; `establish` looks again.
            successor = newer
        case .readingHead, .authorizing, .choosingUpstream, .relaying, .tunnelling:
            if newer.place(for: table.virtualHosts[virtualHost], peer: identity.peer) == nil {
                retire(.configurationChanged, &turn)
            } else {
                successor = newer
                if state == .tunnelling { _ = judgeTunnel(&turn) }
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
        let host = table.virtualHosts[virtualHost]
        guard let index = newer.place(for: host, peer: identity.peer) else {
            startNoMore(.configurationChanged, &turn)
            return
        }
        do throws(IdentityError) {
            identity = try ClientIdentity(
                peer: identity.peer, sets: newer.virtualHosts[index].identitySets)
        } catch {
            turn.environment.metrics.increment(.identityRefused)
            startNoMore(.configurationChanged, &turn)
            return
        }
        table = newer
        virtualHost = index
        memo = nil
        judgeIdentity(&turn)
    }

    /// What is revoked has changed: who is not good by `set` starts no further exchange (S19).
    ///
    /// A handshake under way is judged by its engine when it ends.
    public mutating func judge(by set: RevocationSet, _ turn: inout Turn) {
        switch state {
        case .readingHead, .authorizing, .choosingUpstream, .relaying, .tunnelling:
            guard !isRetired, let peer = identity.peer,
                set.judge(peer.validated.members, wallSeconds: turn.now.wallSeconds) != .good
            else { return }
            retire(.certificateRevoked, &turn)
        case .awaitingProxyHeader, .handshaking, .draining, .lingering, .closed:
            break
        }
    }

    /// Whether this connection may start no further exchange.
    var isRetired: Bool { retirement != nil }

    /// What the client was admitted by holds no longer (security rule S19). An idle connection and
    /// a tunnel end now, others after their response, for which they have `timeouts.drain`; a
    /// request that comes meanwhile gets 421, which is safe to repeat on a new connection
    /// (RFC 9110 §15.5.20).
    mutating func retire(_ reason: CloseReason, _ turn: inout Turn) {
        startNoMore(reason, &turn)
        switch state {
        case .readingHead where pending == nil:
            closeReason = reason
            startDraining(sendsCloseNotify: true, &turn)
        case .tunnelling:
            abandon(reason, &turn)
        case .awaitingProxyHeader, .handshaking, .readingHead, .authorizing, .choosingUpstream,
            .relaying, .draining, .lingering, .closed:
            break
        }
    }

    private mutating func startNoMore(_ reason: CloseReason, _ turn: inout Turn) {
        successor = nil
        let end = turn.now.monotonic + turn.environment.timeouts.drain
        retirement = Retirement(end: end, reason: reason)
        deadline = min(deadline, end)
        armIfEarlier(&turn)
    }
}

/// The last phase of a connection that may not go on.
struct Retirement {
    /// When all that goes on must be over.
    let end: Instant
    let reason: CloseReason
}
