internal import CLinux
internal import Core
internal import Glibc

/// Connections under way: outgoing ones, and those accepted while their listener was paused.
extension SocketTable {
    /// Makes the socket for an outgoing connection; its `gather` block keeps the address.
    mutating func makeConnecting(
        to address: SocketAddress, owner: UInt64
    ) -> Result<SlabHandle, SystemError> {
        guard !sockets.isFull else {
            return .failure(SystemError(errno: ENOBUFS, operation: "connect"))
        }
        let gather = unsafe takeGather()
        var result = unsafe Sockets.store(address, in: gather)
        if result >= 0 {
            statistics.systemCalls += 1
            result = unsafe CLinux_socket(gather)
        }
        guard result >= 0 else {
            unsafe giveGather(gather)
            return .failure(SystemError(errno: -result, operation: "socket"))
        }
        if address.port != nil {
            statistics.systemCalls += 1
            _ = CLinux_set_no_delay(result, 1)
        }
        var socket = Socket(owner: owner, descriptor: result, flags: .isConnecting)
        unsafe socket.gather = gather
        statistics.openSockets += 1
        return .success(sockets.insert(socket))
    }

    /// Keeps a connection that was accepted although the listener is paused.
    mutating func holdConnection(_ handle: SlabHandle, _ descriptor: Int32) {
        var descriptor = descriptor
        unsafe withUnsafeBytes(of: &descriptor) {
            unsafe held.append(ByteView($0), to: &sockets[handle].held)
        }
    }

    /// The oldest kept connection, if it may be reported now.
    mutating func takeHeldConnection(_ handle: SlabHandle) -> Completion? {
        guard sockets[handle].has(.wantsInput) else { return nil }
        guard let descriptor = popHeldConnection(handle) else { return nil }
        if !sockets[handle].held.isEmpty { enqueue(handle) }
        return Completion(.accept, owner: sockets[handle].owner, result: descriptor)
    }

    /// Closes the kept connections of a listener.
    mutating func closeHeldConnections(_ handle: SlabHandle) {
        while let descriptor = popHeldConnection(handle) { Sockets.close(descriptor) }
    }

    private mutating func popHeldConnection(_ handle: SlabHandle) -> Int32? {
        var descriptor: Int32 = -1
        let isComplete = unsafe withUnsafeMutableBytes(of: &descriptor) {
            unsafe held.move(to: $0, from: &sockets[handle].held)
        }
        return isComplete ? descriptor : nil
    }
}
