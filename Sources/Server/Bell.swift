import Core
import Glibc

/// Ends the wait of one thread, from any other.
final class Bell: Sendable {
    private let reader: Int32
    private let writer: Int32

    init() throws(GatewayError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            throw GatewayError(unsafe "pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// Ends the wait, or the next one.
    func ring() {
        var byte: UInt8 = 0
        _ = unsafe write(writer, &byte, 1)
    }

    /// Waits until it rings, at most for `length`; nil has no end.
    func wait(_ length: Nanoseconds?) {
        var polled = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        // Rounded up: who wakes too early finds nothing to do, again and again.
        let milliseconds = length.map { Int32(clamping: $0.count / 1_000_000 + 1) }
        guard unsafe poll(&polled, 1, milliseconds ?? -1) > 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(reader, &bytes, bytes.count) > 0 {}
    }
}
