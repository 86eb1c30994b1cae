import Core
import EventLoop
import Proxy
import TLS
import Telemetry
import Upstream

// The upstream's side: pools, connecting, and completions.
extension Worker where Loop: ~Copyable {
    mutating func acquire(upstream: Int, for user: Owner, fresh: Bool) {
        let pool = poolHandle(upstream)
        let tried = triedMembers(of: user)
        let result = pools[pool].acquire(
            waiter: user.rawValue, fresh: fresh, tried: tried, now: turn.now.monotonic)
        switch result {
        case .reuse(let id, let token):
            turn.environment.metrics.increment(.upstreamReuses)
            hand(Owner(rawValue: token).handle, poolID: id, to: user)
        case .connect(let id, let address):
            connect(upstream: upstream, poolID: id, address: address, for: user)
        case .queued:
            nextTick = min(nextTick, turn.now.monotonic + .milliseconds(20))
        case .refused(.connectsFailed):
            tellExhausted(user)
        case .refused(.noMembers):
            tellUnavailable(user, .upstreamUnavailable)
        case .refused(.queueFull):
            tellUnavailable(user, .queueFull)
        }
    }

    /// The request of `client` waits no more. Only a connect that took too long (`timedOut`) is
    /// held against the server: a client that goes away must not have a member ejected.
    mutating func cancelAcquisition(for client: SlabHandle, timedOut: Bool) {
        if let handle = clients[client].upstream {
            cancelConnecting(handle, for: Owner(.client, client), timedOut: timedOut)
            return
        }
        let waiter = Owner(.client, client).rawValue
        for index in 0..<pools.count { pools[poolHandle(index)].cancel(waiter: waiter) }
    }

    /// Gives up the connection `handle` that is being opened, and belongs to nobody else yet.
    mutating func cancelConnecting(_ handle: SlabHandle, for user: Owner, timedOut: Bool) {
        assign(nil, to: user)
        connections[handle].user = nil
        if timedOut { noteTimeout(of: handle) }
        connectionFailed(handle, isServersFault: timedOut)
    }

    /// Gives an idle connection to `user`.
    private mutating func hand(_ handle: SlabHandle, poolID: UInt32, to user: Owner) {
        precondition(connections[handle].poolID == poolID && connections[handle].user == nil)
        connections[handle].user = user
        connections[handle].isReused = true
        assign(handle, to: user)
        tellReady(user, isReused: true)
    }

    private mutating func connect(
        upstream: Int, poolID: UInt32, address: SocketAddress, for user: Owner
    ) {
        turn.environment.metrics.increment(.upstreamConnects)
        if triedMembers(of: user).count > 0 {
            turn.environment.metrics.increment(.upstreamRetries)
        }
        let member = pools[poolHandle(upstream)].member(of: poolID)
        tellConnecting(user, member: member)
        guard let handle = connections.nextHandle else {
            pools[poolHandle(upstream)].connectNeverStarted(poolID, now: turn.now.monotonic)
            tellUnavailable(user, .internalError)
            return
        }
        let owner = Owner(.upstream, handle).rawValue
        switch loop.connect(to: address, owner: owner) {
        case .success(let socket):
            _ = connections.insert(
                UpstreamConnection(
                    socket: socket, upstream: upstream, poolID: poolID, user: user,
                    address: address))
            pools[poolHandle(upstream)].bind(poolID, token: owner)
            assign(handle, to: user)
        case .failure:
            countConnectError(of: upstream)
            // No socket to be had: another member would fail for the same reason.
            pools[poolHandle(upstream)].connectNeverStarted(poolID, now: turn.now.monotonic)
            tellUnavailable(user, .upstreamConnectFailed)
        }
    }

    mutating func sendUpstream(for client: SlabHandle) {
        guard let handle = clients[client].upstream else { return }
        guard !connections[handle].isSecure else {
            sendSecure(handle, for: client)
            return
        }
        let socket = connections[handle].socket
        switch clients[client].session.nextUpstreamSend() {
        case .head: loop.send(socket, clients[client].session.upstreamHead)
        case .chunk(let bytes): loop.send(socket, bytes)
        }
    }

    mutating func upstreamCompleted(_ handle: SlabHandle, _ completion: Completion) {
        guard connections.contains(handle) else { return }
        if completion.operation == .close {
            removeUpstream(handle)
            return
        }
        guard !connections[handle].isClosing else {
            if connections[handle].isEnding, completion.operation == .send { hangUp(handle) }
            return
        }
        if completion.operation == .connect {
            connected(handle, completion.result)
            return
        }
        guard !connections[handle].isSecure else {
            secureCompleted(handle, completion)
            return
        }
        guard let user = connections[handle].user else {
            // Idle: whatever comes now, bytes or an end, makes the connection useless.
            closeIdle(handle)
            return
        }
        switch completion.operation {
        case .receive where completion.result > 0:
            let bytes = completion.bytes
            let taken = tellReceived(user, bytes)
            if taken < bytes.count {
                loop.hold(bytes.dropFirst(taken), for: connections[handle].socket)
            }
        case .receive:
            tellEnded(user, code: completion.result)
        case .send:
            tellSent(user, code: completion.result)
        case .accept, .connect, .close, .wake:
            preconditionFailure("not an operation of an upstream's socket")
        }
        perform(for: user)
    }

    /// The connection is open, or could not be opened. Where the upstream speaks TLS, its server
    /// is verified before the connection is ready.
    private mutating func connected(_ handle: SlabHandle, _ result: Int32) {
        guard result >= 0 else {
            connectFailed(handle)
            return
        }
        loop.startReceiving(connections[handle].socket)
        if security[connections[handle].upstream] == nil {
            becameReady(handle)
        } else {
            beginHandshake(handle)
        }
    }

    /// A new connection can carry a request: the one place that gives it to who asked for it.
    mutating func becameReady(_ handle: SlabHandle) {
        connections[handle].isConnecting = false
        pools[poolHandle(connections[handle].upstream)].connectSucceeded(
            connections[handle].poolID, now: turn.now.monotonic)
        guard let user = connections[handle].user else { return }
        tellReady(user, isReused: false)
        perform(for: user)
    }

    /// A connection could not be made ready: who asked for it may try another member.
    mutating func connectFailed(_ handle: SlabHandle, by fault: ServerFault? = nil) {
        countConnectError(of: connections[handle].upstream)
        let user = connections[handle].user
        if let user {
            connections[handle].user = nil
            assign(nil, to: user)
        }
        connectionFailed(handle)
        if let user {
            tellConnectFailed(user, by: fault)
            perform(for: user)
        }
    }

    private mutating func noteTimeout(of handle: SlabHandle) {
        countConnectError(of: connections[handle].upstream)
        if connections[handle].isSecure {
            record(handle, .timeout, nil, isOfHandshake: true)
        }
    }

    private func countConnectError(of upstream: Int) {
        turn.environment.metrics.increment(.upstreamConnectFailures)
        turn.environment.metrics.increment(.connectErrors, upstream: upstream)
    }

    /// A connection that never came about: tells the pool, serves who waits, closes the socket.
    private mutating func connectionFailed(_ handle: SlabHandle, isServersFault: Bool = true) {
        let action = pools[poolHandle(connections[handle].upstream)].connectFailed(
            connections[handle].poolID, isServersFault: isServersFault, now: turn.now.monotonic)
        let upstream = connections[handle].upstream
        closeUpstream(handle)
        follow(action, upstream: upstream, idle: nil)
    }

    /// The exchange is over: back to the pool, on to the next waiter, or closed.
    mutating func release(for client: SlabHandle, reusable: Bool, healthy: Bool) {
        guard let handle = clients[client].upstream else { return }
        clients[client].upstream = nil
        let reusable = reusable && (connections[handle].isOrdinary || isReusable(handle))
        if !reusable {
            connections[handle].pinned = clients[client].session.takePinnedBuffers()
            connections[handle].pinnedObject = clients[client].session.pinnedIdentity
        }
        free(handle, reusable: reusable, healthy: healthy)
    }

    /// The connection works for nobody any more.
    mutating func free(_ handle: SlabHandle, reusable: Bool, healthy: Bool) {
        connections[handle].user = nil
        let upstream = connections[handle].upstream
        let reusable = reusable && (connections[handle].isOrdinary || isReusable(handle))
        let action = pools[poolHandle(upstream)].release(
            connections[handle].poolID, reusable: reusable, healthy: healthy,
            now: turn.now.monotonic)
        if !reusable { closeUpstream(handle) }
        follow(action, upstream: upstream, idle: reusable ? handle : nil)
    }

    /// Does what the pool decided about a connection that became free (`idle`) or went away (nil).
    private mutating func follow(_ action: PoolAction, upstream: Int, idle: SlabHandle?) {
        switch action {
        case .keepIdle:
            break
        case .close:
            if let idle { closeUpstream(idle) }
        case .none:
            break
        case .handOver(let waiter):
            guard let idle, let user = waiting(waiter) else { return }
            serveLater(user) { worker in
                worker.hand(idle, poolID: worker.connections[idle].poolID, to: user)
            }
        case .connect(let id, let address, let waiter):
            if let idle { closeUpstream(idle) }
            guard let user = waiting(waiter) else { return }
            serveLater(user) { worker in
                worker.connect(upstream: upstream, poolID: id, address: address, for: user)
            }
        }
    }

    private func waiting(_ waiter: UInt64) -> Owner? {
        let user = Owner(rawValue: waiter)
        return isThere(user) ? user : nil
    }

    /// Runs `body` for another user than the client whose actions are being performed, whose own
    /// remaining actions are put aside meanwhile.
    private mutating func serveLater(
        _ user: Owner, _ body: (inout Worker) -> Void
    ) {
        let remaining = turn.actions
        turn.actions = ActionList()
        body(&self)
        perform(for: user)
        turn.actions = remaining
    }

    /// Whether, as far as a connection that is not ordinary goes, it can carry another exchange.
    private mutating func isReusable(_ handle: SlabHandle) -> Bool {
        !connections[handle].isStale && connections[handle].tls?.isReusable ?? false
    }

    mutating func closeIdle(_ handle: SlabHandle) {
        pools[poolHandle(connections[handle].upstream)].idleEnded(connections[handle].poolID)
        closeUpstream(handle)
    }

    mutating func closeUpstream(_ handle: SlabHandle) {
        guard !connections[handle].isClosing else { return }
        connections[handle].isClosing = true
        if connections[handle].isSecure, sayFarewell(handle) { return }
        hangUp(handle)
    }

    mutating func hangUp(_ handle: SlabHandle) {
        connections[handle].isEnding = false
        loop.close(connections[handle].socket, reset: false)
    }

    private mutating func removeUpstream(_ handle: SlabHandle) {
        var connection = connections.remove(handle)
        turn.environment.heads.give(&connection.pinned.head)
        turn.environment.chunks.give(&connection.pinned.chunk)
        turn.environment.questions.give(&connection.pinned.question)
        connection.tls?.releaseBuffers(turn.environment.chunks)
    }

    /// Closes idle connections over their time, refuses waiters over theirs, and opens connections
    /// for others where an earlier attempt could not even begin.
    mutating func expire(pool index: Int) {
        let now = turn.now.monotonic
        while let expired = pools[poolHandle(index)].nextExpired(now: now) {
            switch expired {
            case .idleConnection(let token):
                closeUpstream(Owner(rawValue: token).handle)
            case .waiter(let waiter):
                guard let user = waiting(waiter) else { continue }
                tellUnavailable(user, .queueTimeout)
                perform(for: user)
            }
        }
        guard pools[poolHandle(index)].waiting > 0 else { return }
        follow(pools[poolHandle(index)].connectForNextWaiter(now), upstream: index, idle: nil)
    }
}
