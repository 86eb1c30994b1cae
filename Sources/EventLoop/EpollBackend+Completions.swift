internal import CLinux
internal import Core
internal import Glibc

extension EpollBackend {
    /// Notes what a socket is ready for, and queues it if that leads anywhere.
    mutating func note(_ event: CLinux_event) {
        let handle = Token(rawValue: event.user_data).handle
        guard table.isOpen(handle) else {
            table.statistics.staleEvents += 1
            return
        }
        let failed = event.events & UInt32(CLinux_epoll_error | CLinux_epoll_hang_up) != 0
        let canWrite = failed || event.events & UInt32(CLinux_epoll_out) != 0
        if table.sockets[handle].has(.isConnecting) {
            if canWrite { finishConnecting(handle) }
            return
        }
        if failed || event.events & UInt32(CLinux_epoll_read_hang_up) != 0 {
            table.sockets[handle].flags.insert([.isReadable, .readsEnd])
        } else if event.events & UInt32(CLinux_epoll_in) != 0 {
            table.sockets[handle].flags.insert(.isReadable)
        }
        if canWrite && table.sockets[handle].has(.isSendParked) {
            table.sockets[handle].flags.remove(.isSendParked)
            continueSend(handle)
        }
        if table.sockets[handle].has(.isReadable) && table.sockets[handle].has(.wantsInput) {
            table.enqueue(handle)
        }
    }

    private mutating func finishConnecting(_ handle: SlabHandle) {
        table.statistics.systemCalls += 1
        let result = CLinux_socket_error(table.sockets[handle].descriptor)
        table.sockets[handle].flags.remove(.isConnecting)
        table.sockets[handle].flags.insert(.connectDone)
        table.sockets[handle].connectResult = result
        // Whatever else this edge announced is seen by trying.
        table.sockets[handle].flags.insert(.isReadable)
        table.enqueue(handle)
    }

    /// Reports one thing of a queued socket, and queues it again for the others.
    mutating func report(_ handle: SlabHandle) -> Completion? {
        let flags = table.sockets[handle].flags
        if flags.contains(.isClosing) {
            return flags.contains(.closeDone) ? table.remove(handle) : nil
        }
        if flags.contains(.isListener) { return accept(handle) }
        if flags.contains(.connectDone) {
            table.sockets[handle].flags.remove(.connectDone)
            requeueIfReadable(handle)
            return Completion(
                .connect, owner: table.sockets[handle].owner,
                result: table.sockets[handle].connectResult)
        }
        if flags.contains(.sendDone) {
            requeueIfReadable(handle)
            return table.finishSend(handle, result: table.sockets[handle].sendResult)
        }
        if let completion = table.takeHeldInput(handle) {
            requeueIfReadable(handle)
            return completion
        }
        return receive(handle)
    }

    private mutating func requeueIfReadable(_ handle: SlabHandle) {
        guard table.sockets[handle].has(.wantsInput) else { return }
        let mayReport = table.sockets[handle].flags.intersection([.hasEnd, .isReadable])
        if !mayReport.isEmpty || !table.sockets[handle].held.isEmpty { table.enqueue(handle) }
    }

    // MARK: Receiving

    /// Reads once. A full read goes on in the next turn, so that no socket starves the others.
    private mutating func receive(_ handle: SlabHandle) -> Completion? {
        let flags = table.sockets[handle].flags
        guard flags.contains(.wantsInput), flags.contains(.isReadable) else { return nil }
        let owner = table.sockets[handle].owner
        table.statistics.systemCalls += 1
        let result = unsafe CLinux_receive(
            table.sockets[handle].descriptor, readBuffer, readSize)
        if result > 0 {
            table.statistics.receivedBytes += UInt64(result)
            if Int(result) < readSize && !flags.contains(.readsEnd) {
                table.sockets[handle].flags.remove(.isReadable)
            } else {
                table.enqueueDeferred(handle)
            }
            let bytes = unsafe ByteView(base: readBuffer, count: Int(result))
            return Completion(
                .receive, owner: owner, result: Int32(truncatingIfNeeded: result), bytes: bytes)
        }
        if result == -Int64(EAGAIN) {
            table.sockets[handle].flags.remove(.isReadable)
            return nil
        }
        table.sockets[handle].end = Int32(truncatingIfNeeded: result)
        return table.deliverEnd(handle)
    }

    // MARK: Accepting

    /// Accepts one connection; the next one in its turn after the other ready sockets.
    private mutating func accept(_ handle: SlabHandle) -> Completion? {
        let flags = table.sockets[handle].flags
        guard flags.contains(.wantsInput), flags.contains(.isReadable) else { return nil }
        let turn = table.statistics.turns
        if table.sockets[handle].acceptTurn != turn {
            table.sockets[handle].acceptTurn = turn
            table.sockets[handle].acceptCount = 0
        }
        guard table.sockets[handle].acceptCount < acceptBudget else {
            table.enqueueDeferred(handle)
            return nil
        }
        table.sockets[handle].acceptCount += 1
        table.statistics.systemCalls += 1
        let result = CLinux_accept(table.sockets[handle].descriptor)
        if result == -EAGAIN {
            table.sockets[handle].flags.remove(.isReadable)
            return nil
        }
        if result >= 0 {
            table.statistics.accepted += 1
            table.enqueue(handle)
        } else {
            // Would repeat at once: paused until `resumeAccepting`.
            table.sockets[handle].flags.remove(.wantsInput)
        }
        return Completion(.accept, owner: table.sockets[handle].owner, result: result)
    }
}
