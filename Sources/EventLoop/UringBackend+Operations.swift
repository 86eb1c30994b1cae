internal import CLinux
public import Core
internal import Glibc

extension UringBackend {
    // MARK: Listeners

    /// Takes ownership of a listening descriptor and accepts until paused or closed.
    public mutating func listen(_ descriptor: Int32, owner: UInt64) -> SocketHandle {
        let socket = Socket(
            owner: owner, descriptor: descriptor, flags: [.isListener, .wantsInput])
        guard let handle = table.insert(socket) else {
            preconditionFailure("no room for a listener")
        }
        arm(handle)
        return SocketHandle(handle)
    }

    /// Stops `.accept` completions.
    public mutating func pauseAccepting(_ listener: SocketHandle) {
        let handle = listener.slab
        guard table.isOpen(handle) else { return }
        table.sockets[handle].flags.remove(.wantsInput)
        cancelArmed(handle)
    }

    /// Accepts again.
    public mutating func resumeAccepting(_ listener: SocketHandle) {
        resume(listener.slab)
    }

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
            if let gather = unsafe table.sockets[handle].gather {
                table.sockets[handle].inFlight += 1
                unsafe ring.connect(
                    table.sockets[handle].descriptor, gather, Token(.connect, handle))
            }
            return .success(SocketHandle(handle))
        }
    }

    // MARK: Receiving

    /// Delivers received bytes until paused.
    public mutating func startReceiving(_ socket: SocketHandle) { resume(socket.slab) }

    /// No receive completion from here on.
    public mutating func pauseReceiving(_ socket: SocketHandle) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.sockets[handle].flags.remove(.wantsInput)
        if table.sockets[handle].has(.lastWasFull) { cancelArmed(handle) }
    }

    /// Delivers kept bytes first, then new ones.
    public mutating func resumeReceiving(_ socket: SocketHandle) { resume(socket.slab) }

    /// Keeps the unconsumed rest of the completion being handled, and pauses.
    public mutating func hold(_ remainder: ByteView, for socket: SocketHandle) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.held.prepend(remainder, to: &table.sockets[handle].held)
        pauseReceiving(socket)
    }

    private mutating func resume(_ handle: SlabHandle) {
        guard table.isOpen(handle), !table.sockets[handle].has(.endDelivered) else { return }
        guard !table.sockets[handle].has(.wantsInput) else { return }
        table.sockets[handle].flags.insert(.wantsInput)
        if !table.sockets[handle].held.isEmpty || table.sockets[handle].has(.hasEnd) {
            table.enqueue(handle)
            return
        }
        arm(handle)
    }

    /// Starts the receive or accept unless it runs, or the stream has ended. Receives are
    /// multishot; accepts are not, for one would take the whole backlog while all others wait.
    mutating func arm(_ handle: SlabHandle) {
        let flags = table.sockets[handle].flags
        guard flags.isDisjoint(with: [.isArmed, .hasEnd]) else { return }
        table.sockets[handle].flags.insert(.isArmed)
        table.sockets[handle].inFlight += 1
        if flags.contains(.isListener) {
            ring.accept(table.sockets[handle].descriptor, Token(.accept, handle))
        } else {
            ring.receive(table.sockets[handle].descriptor, Token(.receive, handle))
        }
    }

    /// Asks the kernel to end that operation; its last completion still follows.
    mutating func cancelArmed(_ handle: SlabHandle) {
        let flags = table.sockets[handle].flags
        guard flags.contains(.isArmed), !flags.contains(.isCancelling) else { return }
        table.sockets[handle].flags.insert(.isCancelling)
        table.sockets[handle].inFlight += 1
        let kind: Token.Kind = flags.contains(.isListener) ? .accept : .receive
        ring.cancel(Token(kind, handle), Token(.cancel, handle))
    }

    // MARK: Sending

    /// Sends all of `bytes`.
    public mutating func send(_ socket: SocketHandle, _ bytes: ByteView) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.beginSend(handle, bytes)
        submitSend(handle)
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
        submitSend(handle)
    }

    mutating func submitSend(_ handle: SlabHandle) {
        table.sockets[handle].inFlight += 1
        let descriptor = table.sockets[handle].descriptor
        let token = Token(.send, handle)
        if let gather = unsafe table.sockets[handle].gather {
            unsafe ring.send(descriptor, gather, token)
        } else {
            unsafe ring.send(
                descriptor, table.sockets[handle].sendBase, table.sockets[handle].sendRemaining,
                token)
        }
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

    /// Cancels what is in flight, then closes.
    public mutating func close(_ socket: SocketHandle, reset: Bool) {
        let handle = socket.slab
        guard table.isOpen(handle) else { return }
        table.sockets[handle].flags.insert(.isClosing)
        if table.sockets[handle].has(.isListener) {
            table.closeHeldConnections(handle)
        }
        table.discardInput(handle)
        if reset {
            table.statistics.systemCalls += 1
            _ = CLinux_set_reset_on_close(table.sockets[handle].descriptor)
        }
        if table.sockets[handle].inFlight > 0 {
            // Counted, so that the descriptor is not closed, and its number reused, before the
            // kernel has looked it up.
            table.sockets[handle].inFlight += 1
            ring.cancelAll(table.sockets[handle].descriptor, Token(.cancel, handle))
        } else {
            submitClose(handle)
        }
    }

    mutating func submitClose(_ handle: SlabHandle) {
        table.sockets[handle].inFlight += 1
        ring.close(table.sockets[handle].descriptor, Token(.close, handle))
    }
}
