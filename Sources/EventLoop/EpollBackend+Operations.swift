internal import CLinux
public import Core
internal import Glibc

extension EpollBackend {
    // MARK: Listeners

    /// Takes ownership of a listening descriptor and accepts until paused or closed.
    public mutating func listen(_ descriptor: Int32, owner: UInt64) -> SocketHandle {
        _ = CLinux_set_nonblocking(descriptor)
        let socket = Socket(
            owner: owner, descriptor: descriptor, flags: [.isListener, .wantsInput])
        guard let handle = table.insert(socket) else {
            preconditionFailure("no room for a listener")
        }
        register(handle)
        return SocketHandle(handle)
    }

    /// Stops `.accept` completions.
    public mutating func pauseAccepting(_ listener: SocketHandle) { pause(listener.slab) }

    /// Accepts again.
    public mutating func resumeAccepting(_ listener: SocketHandle) { resume(listener.slab) }

    // MARK: Connections

    /// Takes ownership of a connected descriptor, or closes it when the table is full.
    public mutating func adopt(_ descriptor: Int32, owner: UInt64) -> SocketHandle? {
        let socket = Socket(owner: owner, descriptor: descriptor, flags: [])
        guard let handle = table.insert(socket) else {
            Sockets.close(descriptor)
            return nil
        }
        return SocketHandle(handle)
    }

    /// Makes a socket and starts to connect it.
    public mutating func connect(
        to address: SocketAddress, owner: UInt64
    ) -> Result<SocketHandle, SystemError> {
        switch table.makeConnecting(to: address, owner: owner) {
        case .failure(let error):
            return .failure(error)
        case .success(let handle):
            startConnecting(handle)
            return .success(SocketHandle(handle))
        }
    }

    private mutating func startConnecting(_ handle: SlabHandle) {
        guard let gather = unsafe table.sockets[handle].gather else { return }
        table.statistics.systemCalls += 1
        let result = unsafe CLinux_connect(table.sockets[handle].descriptor, gather)
        table.releaseGather(handle)
        if result == -EINPROGRESS {
            register(handle, forOutput: true)
            return
        }
        table.sockets[handle].flags.remove(.isConnecting)
        table.sockets[handle].flags.insert(.connectDone)
        table.sockets[handle].connectResult = result
        table.enqueue(handle)
    }

    // MARK: Receiving

    /// Delivers received bytes until paused.
    public mutating func startReceiving(_ socket: SocketHandle) { resume(socket.slab) }

    /// No receive completion from here on.
    public mutating func pauseReceiving(_ socket: SocketHandle) { pause(socket.slab) }

    /// Delivers kept bytes first, then new ones.
    public mutating func resumeReceiving(_ socket: SocketHandle) { resume(socket.slab) }

    /// Keeps the unconsumed rest of the completion being handled, and pauses.
    public mutating func hold(_ remainder: ByteView, for socket: SocketHandle) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.held.prepend(remainder, to: &table.sockets[handle].held)
        table.sockets[handle].flags.remove(.wantsInput)
    }

    private mutating func pause(_ handle: SlabHandle) {
        guard table.isOpen(handle) else { return }
        table.sockets[handle].flags.remove(.wantsInput)
    }

    private mutating func resume(_ handle: SlabHandle) {
        guard table.isOpen(handle), !table.sockets[handle].has(.endDelivered) else { return }
        guard !table.sockets[handle].has(.wantsInput) else { return }
        table.sockets[handle].flags.insert(.wantsInput)
        let mayReport = table.sockets[handle].flags.intersection([.hasEnd, .isReadable])
        if !mayReport.isEmpty || !table.sockets[handle].held.isEmpty { table.enqueue(handle) }
        if !table.sockets[handle].has(.isRegistered) { register(handle) }
    }

    // MARK: Readiness

    /// Registers for input, and for output where a send or a connect waits. What is ready now is
    /// reported by the next turn.
    mutating func register(_ handle: SlabHandle, forOutput: Bool = false) {
        var events = UInt32(CLinux_epoll_in | CLinux_epoll_read_hang_up)
        if forOutput { events |= UInt32(CLinux_epoll_out) }
        let token = Token(.receive, handle).rawValue
        let descriptor = table.sockets[handle].descriptor
        table.statistics.systemCalls += 1
        let result =
            table.sockets[handle].has(.isRegistered)
            ? CLinux_epoll_modify(epoll, descriptor, events, token)
            : CLinux_epoll_add(epoll, descriptor, events, token)
        table.sockets[handle].flags.insert(.isRegistered)
        if forOutput { table.sockets[handle].flags.insert(.isRegisteredForOutput) }
        if result < 0 { failRegistration(handle, result) }
    }

    /// Without readiness the connection cannot go on: it ends with the error (ENOMEM, ENOSPC).
    private mutating func failRegistration(_ handle: SlabHandle, _ result: Int32) {
        if table.sockets[handle].has(.isConnecting) {
            table.sockets[handle].flags.remove(.isConnecting)
            table.sockets[handle].flags.insert(.connectDone)
            table.sockets[handle].connectResult = result
        } else if table.sockets[handle].has(.isSendParked) {
            table.sockets[handle].flags.remove(.isSendParked)
            table.sockets[handle].flags.insert(.sendDone)
            table.sockets[handle].sendResult = result
        } else {
            table.sockets[handle].end = result
            table.sockets[handle].flags.insert(.hasEnd)
        }
        table.enqueue(handle)
    }

    // MARK: Sending

    /// Sends all of `bytes`.
    public mutating func send(_ socket: SocketHandle, _ bytes: ByteView) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.beginSend(handle, bytes)
        continueSend(handle)
    }

    /// Sends all segments in order.
    public mutating func send(_ socket: SocketHandle, _ segments: borrowing SegmentList) {
        if segments.count == 1 {
            send(socket, segments[0])
            return
        }
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.beginSend(handle, segments)
        continueSend(handle)
    }

    /// Sends what is left; parks the send when the socket is full.
    mutating func continueSend(_ handle: SlabHandle) {
        let descriptor = table.sockets[handle].descriptor
        let remaining = table.sockets[handle].sendRemaining
        table.statistics.systemCalls += 1
        let result: Int64
        if let gather = unsafe table.sockets[handle].gather {
            result = unsafe CLinux_send_gather(descriptor, gather)
        } else {
            result = unsafe CLinux_send(descriptor, table.sockets[handle].sendBase, remaining)
        }
        if result > 0 {
            table.statistics.sentBytes += UInt64(result)
            table.sockets[handle].advanceSend(by: Int(result))
            if Int(result) < remaining { table.statistics.shortSends += 1 }
        }
        if Int(result) == remaining {
            table.sockets[handle].sendResult =
                Int32(truncatingIfNeeded: table.sockets[handle].sendTotal)
        } else if result >= 0 || result == -Int64(EAGAIN) {
            table.sockets[handle].flags.insert(.isSendParked)
            if !table.sockets[handle].has(.isRegisteredForOutput) {
                register(handle, forOutput: true)
            }
            return
        } else {
            table.sockets[handle].sendResult = Int32(truncatingIfNeeded: result)
        }
        table.sockets[handle].flags.insert(.sendDone)
        table.enqueue(handle)
    }

    /// Tells the peer that no further bytes follow.
    public mutating func shutdownWrite(_ socket: SocketHandle) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        precondition(!table.sockets[handle].has(.isSending), "a send is in flight")
        table.statistics.systemCalls += 1
        _ = CLinux_shutdown_write(table.sockets[handle].descriptor)
    }

    // MARK: Closing

    /// Closes at once; the completion follows in this turn or the next.
    public mutating func close(_ socket: SocketHandle, reset: Bool) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.sockets[handle].flags.insert([.isClosing, .closeDone])
        table.discardInput(handle)
        table.statistics.systemCalls += 1
        if reset {
            table.statistics.systemCalls += 1
            _ = CLinux_set_reset_on_close(table.sockets[handle].descriptor)
        }
        _ = CLinux_close(table.sockets[handle].descriptor)
        table.enqueue(handle)
    }
}
