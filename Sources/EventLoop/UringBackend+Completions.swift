internal import CLinux
internal import Core
internal import Glibc

extension UringBackend {
    /// Reports what a queued socket has kept.
    mutating func report(_ handle: SlabHandle) -> Completion? {
        guard table.isOpen(handle) else { return nil }
        guard table.sockets[handle].has(.isListener) else { return reportHeld(handle) }
        let completion = table.takeHeldConnection(handle)
        if table.sockets[handle].has(.wantsInput), table.sockets[handle].held.isEmpty {
            arm(handle)
        }
        return completion
    }

    /// Delivers kept bytes; the kernel receives again only when none are left, for else what is
    /// kept would grow with each short resumption.
    private mutating func reportHeld(_ handle: SlabHandle) -> Completion? {
        guard table.sockets[handle].has(.wantsInput) else { return nil }
        if table.sockets[handle].held.isEmpty, !table.sockets[handle].has(.hasEnd) {
            arm(handle)
            return nil
        }
        let completion = table.takeHeldInput(handle)
        table.enqueue(handle)
        return completion
    }

    /// Turns one entry of the completion queue into a completion, if there is one to report.
    mutating func handle(_ entry: CLinux_completion) -> Completion? {
        let token = Token(rawValue: entry.user_data)
        let handle = token.handle
        switch token.kind {
        case .wake: return handleWake(entry.result)
        case .cancelWake, nil: return nil
        default: break
        }
        guard table.sockets.contains(handle) else {
            // Cannot happen: slots are freed after their last completion. Never trust it.
            table.statistics.staleEvents += 1
            let buffer = CLinux_completion_buffer(entry.flags)
            if buffer >= 0 { ring.recycle(buffer) }
            return nil
        }
        if CLinux_completion_more(entry.flags) == 0 { table.sockets[handle].inFlight -= 1 }
        let isClosing = table.sockets[handle].has(.isClosing)
        switch token.kind {
        case .receive where !isClosing:
            return handleReceive(handle, entry)
        case .send where !isClosing:
            return handleSend(handle, entry.result)
        case .accept where !isClosing:
            return handleAccept(handle, entry)
        case .connect where !isClosing:
            table.releaseGather(handle)
            table.sockets[handle].flags.remove(.isConnecting)
            return Completion(
                .connect, owner: table.sockets[handle].owner, result: entry.result)
        case .close:
            return table.remove(handle)
        default:
            if isClosing { discard(handle, token, entry) }
            return nil
        }
    }

    /// Drops what arrived for a closing socket, and closes it after its last completion.
    private mutating func discard(
        _ handle: SlabHandle, _ token: Token, _ entry: CLinux_completion
    ) {
        if token.kind == .receive {
            let buffer = CLinux_completion_buffer(entry.flags)
            if buffer >= 0 { ring.recycle(buffer) }
        } else if token.kind == .accept && entry.result >= 0 {
            Sockets.close(entry.result)
        }
        if table.sockets[handle].inFlight == 0 { submitClose(handle) }
    }

    private mutating func handleWake(_ result: Int32) -> Completion? {
        isWakeArmed = false
        guard !isShutDown, let wake else { return nil }
        armWake()
        guard result > 0 else { return nil }
        wake.lower()
        return Completion(.wake, owner: 0, result: 0)
    }

    // MARK: Receiving

    private mutating func handleReceive(
        _ handle: SlabHandle, _ entry: CLinux_completion
    ) -> Completion? {
        let more = CLinux_completion_more(entry.flags) != 0
        let buffer = CLinux_completion_buffer(entry.flags)
        if !more { table.sockets[handle].flags.remove([.isArmed, .isCancelling]) }
        guard entry.result > 0, buffer >= 0 else {
            if buffer >= 0 { ring.recycle(buffer) }
            return handleReceiveEnd(handle, entry.result)
        }
        table.statistics.receivedBytes += UInt64(entry.result)
        if Int(entry.result) == bufferSize {
            table.sockets[handle].flags.insert(.lastWasFull)
        } else {
            table.sockets[handle].flags.remove(.lastWasFull)
        }
        let bytes = ring.bytes(ofBuffer: buffer, count: entry.result)
        let wantsInput = table.sockets[handle].has(.wantsInput)
        if wantsInput && table.sockets[handle].held.isEmpty {
            if !more { rearm(handle) }
            lentBuffer = buffer
            return Completion(
                .receive, owner: table.sockets[handle].owner, result: entry.result, bytes: bytes)
        }
        table.held.append(bytes, to: &table.sockets[handle].held)
        ring.recycle(buffer)
        cancelArmed(handle)
        if wantsInput { table.enqueue(handle) }
        return nil
    }

    private mutating func handleReceiveEnd(_ handle: SlabHandle, _ result: Int32) -> Completion? {
        switch -result {
        case ENOBUFS:
            table.statistics.bufferExhaustions += 1
            if table.sockets[handle].has(.wantsInput), table.sockets[handle].held.isEmpty {
                rearm(handle)
            }
            return nil
        case ECANCELED, EINTR, EAGAIN:
            if table.sockets[handle].has(.wantsInput), table.sockets[handle].held.isEmpty {
                rearm(handle)
            }
            return nil
        default:
            table.sockets[handle].end = result
            table.sockets[handle].flags.insert(.hasEnd)
            guard table.sockets[handle].has(.wantsInput) else { return nil }
            if table.sockets[handle].held.isEmpty { return table.deliverEnd(handle) }
            table.enqueue(handle)
            return nil
        }
    }

    /// Starts the multishot operation again after the kernel ended it.
    private mutating func rearm(_ handle: SlabHandle) {
        table.statistics.rearms += 1
        arm(handle)
    }

    // MARK: Accepting

    private mutating func handleAccept(
        _ handle: SlabHandle, _ entry: CLinux_completion
    ) -> Completion? {
        let wantsInput = table.sockets[handle].has(.wantsInput)
        table.sockets[handle].flags.remove([.isArmed, .isCancelling])
        if wantsInput && !Self.pausesListener(entry.result) { arm(handle) }
        if entry.result >= 0 {
            table.statistics.accepted += 1
            guard wantsInput else {
                table.holdConnection(handle, entry.result)
                return nil
            }
        } else {
            guard wantsInput, Self.pausesListener(entry.result) else { return nil }
            table.sockets[handle].flags.remove(.wantsInput)
        }
        return Completion(.accept, owner: table.sockets[handle].owner, result: entry.result)
    }

    /// Whether an accept failed for a reason that would repeat at once.
    private static func pausesListener(_ result: Int32) -> Bool {
        switch -result {
        case ...0, ECANCELED, EINTR, EAGAIN, ECONNABORTED: false
        default: true
        }
    }

    // MARK: Sending

    private mutating func handleSend(_ handle: SlabHandle, _ result: Int32) -> Completion? {
        if result > 0 {
            table.statistics.sentBytes += UInt64(result)
            table.sockets[handle].advanceSend(by: Int(result))
            if table.sockets[handle].sendRemaining == 0 {
                let total = Int32(truncatingIfNeeded: table.sockets[handle].sendTotal)
                return table.finishSend(handle, result: total)
            }
            table.statistics.shortSends += 1
            submitSend(handle)
            return nil
        }
        switch -result {
        case EINTR, EAGAIN, ECANCELED:
            submitSend(handle)
            return nil
        case 0:
            return table.finishSend(handle, result: -EPIPE)
        default:
            return table.finishSend(handle, result: result)
        }
    }
}
