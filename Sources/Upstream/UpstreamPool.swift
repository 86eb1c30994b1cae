public import Core

/// The connections of one worker to one upstream: which are idle, who waits, which member is next.
///
/// Pure: it opens and closes nothing and reads no clock. The caller performs what it returns and
/// reports back. Connections are named by slots of the pool's own table; `bind` attaches the
/// caller's token.
///
///     acquire ─▶ connecting ─connectSucceeded─▶ busy ─release─▶ idle ─acquire─▶ busy …
///                    └─connectFailed─▶ free        └─────────▶ free ◀─ idleEnded, expired
public struct UpstreamPool: ~Copyable {
    private enum Phase: UInt8 { case free, connecting, busy, idle }

    private struct Connection {
        var phase = Phase.free
        var member = 0
        var token: UInt64 = 0
        var requests: UInt64 = 0
        var idleSince = Instant(nanoseconds: 0)
        /// Neighbours in the idle list: the one that became idle later, and earlier.
        var later = -1
        var earlier = -1
        /// The same among those of its member.
        var laterOfMember = -1
        var earlierOfMember = -1
    }

    private struct Waiter {
        var id: UInt64
        var deadline: Instant
        var tried: TriedMembers
        var isCancelled = false
    }

    private let options: UpstreamOptions
    private var connections: [Connection]
    private var freeSlots: [Int]
    /// Most and least recently idle connection.
    private var latestIdle = -1
    private var oldestIdle = -1
    private var waiters: [Waiter] = []
    private var firstWaiter = 0
    private var nextMember = 0
    /// The servers, in the order given.
    public private(set) var members: [Member]
    /// Connections that are idle.
    public private(set) var idle = 0
    /// Connections in use or being opened.
    public private(set) var busy = 0
    /// Requests that wait for a connection.
    public private(set) var waiting = 0
    /// Whether idle connections may be left whose member is gone.
    private var hasOrphans = false
    /// Ejections so far.
    public private(set) var ejections: UInt64 = 0

    /// Name of the upstream in the configuration.
    public var name: String { options.name }

    /// A pool without connections.
    public init(_ options: UpstreamOptions) {
        self.options = options
        members = options.members.map(Member.init)
        connections = Array(repeating: Connection(), count: options.maxConnections)
        freeSlots = Array((0..<options.maxConnections).reversed())
        waiters.reserveCapacity(options.queueLimit)
    }

    // MARK: Requests

    /// Finds a connection for a request of `waiter`; a reused one when `fresh` only if
    /// no other can be had.
    ///
    /// After `tried`, attempts to connect that failed before a byte of the request was sent, the
    /// members not tried yet come into question, until `connectRetries` are used up.
    public mutating func acquire(
        waiter: UInt64, fresh: Bool, tried: TriedMembers = TriedMembers(), now: Instant
    ) -> Acquisition {
        guard !members.isEmpty else { return .refused(.noMembers) }
        guard mayTryAnother(than: tried) else { return .refused(.connectsFailed) }
        let member = pick(tried, now)
        if !fresh, members[member].latestIdle >= 0 { return reuse(members[member].latestIdle) }
        if let slot = freeSlots.popLast() { return .connect(UInt32(slot), open(slot, to: member)) }
        guard idle > 0 else { return queue(waiter, tried, now) }
        // With every slot taken, a connection that is idle elsewhere is all there is.
        let other =
            best(tried, .idleAndHealthy, now) ?? best(tried, .idle, now)
        return reuse(other.map { members[$0].latestIdle } ?? latestIdle)
    }

    /// Position of the member that connection `id` is to.
    public func member(of id: UInt32) -> Int { connections[Int(id)].member }

    private func mayTryAnother(than tried: TriedMembers) -> Bool {
        guard tried.count > 0 else { return true }
        return tried.count <= options.connectRetries
            && members.indices.contains { !tried.contains($0) }
    }

    private mutating func reuse(_ slot: Int) -> Acquisition {
        unlinkIdle(slot)
        use(slot)
        return .reuse(UInt32(slot), token: connections[slot].token)
    }

    private mutating func queue(
        _ waiter: UInt64, _ tried: TriedMembers, _ now: Instant
    ) -> Acquisition {
        guard waiting < options.queueLimit else { return .refused(.queueFull) }
        waiters.append(Waiter(id: waiter, deadline: now + options.queueTimeout, tried: tried))
        waiting += 1
        return .queued
    }

    /// The request of `waiter` is gone; it waits no more.
    public mutating func cancel(waiter: UInt64) {
        guard waiting > 0 else { return }
        for index in firstWaiter..<waiters.count
        where waiters[index].id == waiter && !waiters[index].isCancelled {
            waiters[index].isCancelled = true
            waiting -= 1
        }
    }

    // MARK: Connections

    /// Attaches the caller's `token` to a connection being opened.
    public mutating func bind(_ id: UInt32, token: UInt64) {
        precondition(connections[Int(id)].phase == .connecting)
        connections[Int(id)].token = token
    }

    /// The connection is open, and busy with the request that asked for it.
    public mutating func connectSucceeded(_ id: UInt32, now: Instant) {
        let slot = Int(id)
        precondition(connections[slot].phase == .connecting)
        connections[slot].phase = .busy
        connections[slot].requests = 1
    }

    /// The connection could not be opened, or is not wanted any more (`isServersFault` false).
    public mutating func connectFailed(
        _ id: UInt32, isServersFault: Bool = true, now: Instant
    ) -> PoolAction {
        connectNeverStarted(id, isServersFault: isServersFault, now: now)
        return connectForNextWaiter(now)
    }

    /// The connection could not even be begun, for want of a descriptor, say. Whoever waits is left
    /// to `connectForNextWaiter`: trying at once would fail the whole queue for the same reason.
    public mutating func connectNeverStarted(
        _ id: UInt32, isServersFault: Bool = false, now: Instant
    ) {
        let slot = Int(id)
        precondition(connections[slot].phase == .connecting)
        if isServersFault { recordFailure(of: slot, now) }
        free(slot)
    }

    /// The exchange on a connection is over.
    ///
    /// - Parameters:
    ///   - reusable: whether the connection can carry another.
    ///   - healthy: whether the server behaved.
    public mutating func release(
        _ id: UInt32, reusable: Bool, healthy: Bool, now: Instant
    ) -> PoolAction {
        let slot = Int(id)
        if connections[slot].phase == .connecting { return connectFailed(id, now: now) }
        precondition(connections[slot].phase == .busy)
        if healthy {
            // The member may be gone: names were resolved anew while the exchange went on.
            let member = connections[slot].member
            if reusable, member < members.count { members[member].succeeded() }
        } else {
            recordFailure(of: slot, now)
        }
        let limit = options.maxRequestsPerConnection
        let isSpent = limit > 0 && connections[slot].requests >= limit
        guard reusable else {
            free(slot)
            return connectForNextWaiter(now)
        }
        guard !isSpent, connections[slot].member < members.count else {
            free(slot)
            let next = connectForNextWaiter(now)
            return next == .none ? .close : next
        }
        if let waiter = nextWaiter() {
            connections[slot].requests += 1
            return .handOver(waiter: waiter.id)
        }
        guard idle < options.maxIdle else {
            free(slot)
            return .close
        }
        linkIdle(slot, now)
        return .keepIdle
    }

    /// An idle connection was closed by the server.
    public mutating func idleEnded(_ id: UInt32) {
        let slot = Int(id)
        precondition(connections[slot].phase == .idle)
        unlinkIdle(slot)
        connections[slot].phase = .free
        freeSlots.append(slot)
    }

    /// Takes out an idle connection that is not to be used any more, and is to be closed.
    ///
    /// - Returns: the token bound to it; nil when none is idle.
    public mutating func dropIdle() -> UInt64? {
        guard oldestIdle >= 0 else { return nil }
        let slot = oldestIdle
        idleEnded(UInt32(slot))
        return connections[slot].token
    }

    /// The next connection or waiter whose time is over at `now`; nil when there is none.
    public mutating func nextExpired(now: Instant) -> PoolExpiry? {
        if oldestIdle >= 0 {
            let slot = oldestIdle
            if now >= connections[slot].idleSince + options.idleTimeout {
                idleEnded(UInt32(slot))
                return .idleConnection(token: connections[slot].token)
            }
        }
        if hasOrphans {
            let orphan = connections.firstIndex {
                $0.phase == .idle && $0.member >= members.count
            }
            if let orphan {
                idleEnded(UInt32(orphan))
                return .idleConnection(token: connections[orphan].token)
            }
            hasOrphans = false
        }
        while firstWaiter < waiters.count {
            let waiter = waiters[firstWaiter]
            guard waiter.isCancelled || now >= waiter.deadline else { break }
            popWaiter()
            guard !waiter.isCancelled else { continue }
            waiting -= 1
            return .waiter(waiter.id)
        }
        return nil
    }

    /// Replaces the servers, from a new resolution of their names. Connections to servers that
    /// stay keep their health; connections to others are closed when their exchange ends, and idle
    /// ones by `nextExpired`.
    public mutating func update(members addresses: [SocketAddress]) {
        guard addresses != members.map(\.address) else { return }
        let old = members
        members = addresses.map { address in
            old.first { $0.address == address } ?? Member(address: address)
        }
        for index in members.indices {
            members[index].busy = 0
            members[index].latestIdle = -1
        }
        for slot in connections.indices where connections[slot].phase != .free {
            let address =
                connections[slot].member < old.count
                ? old[connections[slot].member].address : nil
            let index = members.firstIndex { $0.address == address }
            connections[slot].member = index ?? Int.max
            if index == nil { hasOrphans = true }
            if let index, connections[slot].phase != .idle { members[index].busy += 1 }
        }
        var slot = oldestIdle
        while slot >= 0 {
            if connections[slot].member < members.count { linkToMember(slot) }
            slot = connections[slot].later
        }
    }

    // MARK: Private

    private mutating func open(_ slot: Int, to member: Int) -> SocketAddress {
        connections[slot] = Connection(phase: .connecting, member: member)
        members[member].busy += 1
        busy += 1
        takeTurn(member)
        return members[member].address
    }

    /// Which members come into question.
    private enum Choice { case healthy, any, idleAndHealthy, idle }

    /// The next member that was not tried and is not ejected. When all of them are ejected, that
    /// would only add an outage; when all were tried, another attempt is better than none.
    private func pick(_ tried: TriedMembers, _ now: Instant) -> Int {
        best(tried, .healthy, now) ?? best(tried, .any, now) ?? nextMember % members.count
    }

    /// The best by balancing among the members that come into question. Members may have an idle
    /// connection or not: it is the load that is balanced, not the connecting.
    private func best(_ tried: TriedMembers, _ choice: Choice, _ now: Instant) -> Int? {
        var best: Int?
        for offset in members.indices {
            let index = (nextMember + offset) % members.count
            let isEligible =
                switch choice {
                case .healthy: !members[index].isEjected(at: now)
                case .any: true
                case .idleAndHealthy:
                    members[index].latestIdle >= 0 && !members[index].isEjected(at: now)
                case .idle: members[index].latestIdle >= 0
                }
            guard isEligible, !tried.contains(index) else { continue }
            if options.balancing == .roundRobin { return index }
            if let other = best, members[other].busy <= members[index].busy { continue }
            best = index
        }
        return best
    }

    private mutating func takeTurn(_ member: Int) {
        if member < members.count { nextMember = (member + 1) % members.count }
    }

    private mutating func use(_ slot: Int) {
        connections[slot].phase = .busy
        connections[slot].requests += 1
        busy += 1
        let member = connections[slot].member
        if member < members.count { members[member].busy += 1 }
        takeTurn(member)
    }

    private mutating func free(_ slot: Int) {
        busy -= 1
        let member = connections[slot].member
        if member < members.count { members[member].busy -= 1 }
        connections[slot].phase = .free
        freeSlots.append(slot)
    }

    private mutating func recordFailure(of slot: Int, _ now: Instant) {
        let member = connections[slot].member
        guard member < members.count else { return }
        if members[member].failed(at: now, options.ejection) { ejections += 1 }
    }

    private mutating func nextWaiter() -> Waiter? {
        while firstWaiter < waiters.count {
            let waiter = waiters[firstWaiter]
            popWaiter()
            guard !waiter.isCancelled else { continue }
            waiting -= 1
            return waiter
        }
        return nil
    }

    private mutating func popWaiter() {
        firstWaiter += 1
        if firstWaiter == waiters.count {
            waiters.removeAll(keepingCapacity: true)
            firstWaiter = 0
        } else if firstWaiter >= options.queueLimit {
            waiters.removeFirst(firstWaiter)
            firstWaiter = 0
        }
    }

    /// Opens a connection for who waits first, if there is a free slot.
    public mutating func connectForNextWaiter(_ now: Instant) -> PoolAction {
        guard !members.isEmpty, let slot = freeSlots.last, let waiter = nextWaiter() else {
            return .none
        }
        freeSlots.removeLast()
        return .connect(UInt32(slot), open(slot, to: pick(waiter.tried, now)), waiter: waiter.id)
    }

    private mutating func linkIdle(_ slot: Int, _ now: Instant) {
        busy -= 1
        members[connections[slot].member].busy -= 1
        idle += 1
        connections[slot].phase = .idle
        connections[slot].idleSince = now
        connections[slot].earlier = latestIdle
        connections[slot].later = -1
        if latestIdle >= 0 { connections[latestIdle].later = slot } else { oldestIdle = slot }
        latestIdle = slot
        linkToMember(slot)
    }

    private mutating func linkToMember(_ slot: Int) {
        let member = connections[slot].member
        let latest = members[member].latestIdle
        connections[slot].earlierOfMember = latest
        connections[slot].laterOfMember = -1
        if latest >= 0 { connections[latest].laterOfMember = slot }
        members[member].latestIdle = slot
    }

    private mutating func unlinkIdle(_ slot: Int) {
        idle -= 1
        let (later, earlier) = (connections[slot].later, connections[slot].earlier)
        if later >= 0 { connections[later].earlier = earlier } else { latestIdle = earlier }
        if earlier >= 0 { connections[earlier].later = later } else { oldestIdle = later }
        let member = connections[slot].member
        // A member that is gone has no list.
        guard member < members.count else { return }
        let laterOfMember = connections[slot].laterOfMember
        let earlierOfMember = connections[slot].earlierOfMember
        if laterOfMember >= 0 {
            connections[laterOfMember].earlierOfMember = earlierOfMember
        } else {
            members[member].latestIdle = earlierOfMember
        }
        if earlierOfMember >= 0 { connections[earlierOfMember].laterOfMember = laterOfMember }
    }
}
