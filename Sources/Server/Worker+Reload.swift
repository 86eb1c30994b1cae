import Core
import EventLoop
import Proxy
import TLS
import Telemetry
import Upstream

// A reload, as one worker sees it: between two turns it takes a snapshot whole, then tells its
// connections, some in each turn.
extension Worker where Loop: ~Copyable {
    /// Connections that hear of a new generation in one turn, so that no turn becomes long.
    static var sweepStep: Int { 32 }

    /// Serves new connections by `snapshot`, and begins to move the present ones to it.
    ///
    /// A connection that was admitted under other rules (trust, chain length, mode) starts no
    /// further exchange: see `Session.replaceTable`.
    mutating func apply(_ snapshot: Snapshot) {
        guard !isStopping else { return }
        stopwatch.start()
        turn.environment.timeouts = snapshot.timeouts
        turn.environment.limits = snapshot.limits
        for upstream in snapshot.upstreams { apply(upstream) }
        for (index, replacement) in snapshot.listeners.enumerated() {
            guard let replacement else { continue }
            let left = replacement.context.adoptCaches(of: served[index].context)
            forgotten = forgotten + left
            retired.append(served[index].context)
            replacement.context.revocation = served[index].context.revocation
            replacement.table.sign(by: signing)
            served[index] = replacement
        }
        apply(snapshot.revocation, snapshot.receipt)
    }

    private mutating func apply(_ upstream: Snapshot.Upstream) {
        let place = upstream.place
        guard place >= pools.count else {
            pools[poolHandle(place)].update(members: upstream.options.members)
            secure(place, by: upstream.security)
            expire(pool: place)
            return
        }
        // More than one only when an earlier snapshot did not fit into the mailbox: what it
        // had is named by no table here.
        while pools.count <= place {
            _ = pools.insert(UpstreamPool(upstream.options))
            security.append(upstream.security)
        }
    }

    /// Judges new handshakes by `set`, and begins to judge the present connections if it is new.
    mutating func apply(_ set: RevocationSet, _ receipt: Snapshot.Receipt) {
        guard !isStopping else { return }
        stopwatch.start()
        let isNew = served.contains { $0.context.revocation !== set }
        for listener in served { listener.context.revocation = set }
        for context in retired { context.revocation = set }
        // An earlier sweep that has not ended is included in this one; its receipt stays unsigned.
        sweep = Sweep(slot: 0, judges: isNew || sweep?.judges ?? false, receipt: receipt)
        listsGoStale = set.nextStale(after: turn.now.wallSeconds)
    }

    /// Begins to judge the present connections when a list has gone stale by time alone.
    mutating func judgeWhenStale() {
        guard turn.now.wallSeconds >= listsGoStale, let set = served.first?.context.revocation
        else { return }
        stopwatch.start()
        listsGoStale = set.nextStale(after: turn.now.wallSeconds)
        sweep = Sweep(slot: 0, judges: true, receipt: sweep?.receipt)
    }

    /// Tells the next connections what their listeners serve by now.
    mutating func continueSweep() {
        guard var current = sweep else { return }
        let end = min(current.slot + Self.sweepStep, clients.slotsInUse)
        while current.slot < end {
            if let handle = clients.handle(inSlot: current.slot), !clients[handle].isClosing {
                let listener = served[clients[handle].listener]
                clients[handle].session.replaceTable(listener.table, &turn)
                if current.judges {
                    clients[handle].session.judge(by: listener.context.revocation, &turn)
                }
                perform(for: handle)
            }
            current.slot += 1
        }
        guard current.slot >= clients.slotsInUse else {
            sweep = current
            return
        }
        sweep = nil
        current.receipt?.sign()
    }

    /// Tells the next connections that the gateway is going to stop.
    mutating func continueDraining() {
        guard let start = drainSlot else { return }
        let end = min(start + Self.sweepStep, clients.slotsInUse)
        var slot = start
        while slot < end {
            if let handle = clients.handle(inSlot: slot), !clients[handle].isClosing {
                clients[handle].session.drain(&turn)
                perform(for: handle)
            }
            slot += 1
        }
        drainSlot = end < clients.slotsInUse ? end : nil
    }

    /// Counts the CPU time of a turn in which connections heard of something, and of the one after
    /// the last of these, in which the kernel reports what became of them.
    mutating func measureTurn() {
        stopwatch.lap(isLast: sweep == nil && drainSlot == nil)
        turn.environment.metrics.set(
            .sweepTurnLargest, stopwatch.largest.count / 1_000)
    }

    /// Lets go of contexts that no connection was made with any more.
    mutating func dropRetiredContexts() {
        var index = retired.count - 1
        while index >= 0 {
            if isKnownUniquelyReferenced(&retired[index]) { retired.remove(at: index) }
            index -= 1
        }
    }
}

/// How far a worker has come in telling its connections of a reload.
struct Sweep {
    /// The next slot to look at.
    var slot: Int
    /// Whether their certificates are judged again.
    let judges: Bool
    /// Signed when all have heard; nil when nobody waits for that.
    let receipt: Snapshot.Receipt?
}
