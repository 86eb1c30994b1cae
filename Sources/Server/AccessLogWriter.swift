import Core
import Glibc
import Synchronization
import Telemetry

/// Empties the workers' log queues into a file, on a thread of its own.
///
/// A pipe that nobody reads blocks that thread and nothing else: the queues are bounded, and what
/// finds no room in them is dropped and counted there.
final class AccessLogWriter: Sendable {
    private let descriptor: Int32
    private let queues: [AccessLogQueue]
    private let stopping = Atomic<Bool>(false)
    private let ended = Atomic<Bool>(false)
    /// A line was cut off by a failed write: what comes next has to begin on a new one.
    private let endsInsideLine = Atomic<Bool>(false)

    /// Writes to `path`, or to standard output.
    init(path: String, queues: [AccessLogQueue]) throws(GatewayError) {
        self.queues = queues
        guard path != "stdout" else {
            descriptor = STDOUT_FILENO
            return
        }
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            throw GatewayError("accessLog.path: '\(path)' cannot be opened: \(reason)")
        }
    }

    func start() throws(GatewayError) { _ = try Thread { [self] in serve() } }

    /// Writes what is still queued, for at most `limit`.
    ///
    /// - Returns: false when the limit came first. The thread is left behind then, in its write.
    func stop(within limit: Nanoseconds) -> Bool {
        stopping.store(true, ordering: .releasing)
        for _ in 0..<(limit.count / 5_000_000) {
            if ended.load(ordering: .acquiring) { return true }
            usleep(5_000)
        }
        return ended.load(ordering: .acquiring)
    }

    private func serve() {
        var isLast = false
        while !isLast {
            // Read before the queues are: nothing is appended any more once it is set.
            isLast = stopping.load(ordering: .acquiring)
            for queue in queues { drain(queue) }
            if !isLast { usleep(50_000) }
        }
        ended.store(true, ordering: .releasing)
    }

    private func drain(_ queue: AccessLogQueue) {
        var hasFailed = false
        queue.drain { bytes in
            // The second piece may begin inside the line that the first one ends with.
            let rest = hasFailed ? bytes : write(bytes)
            guard !rest.isEmpty else { return }
            hasFailed = true
            queue.countLost(in: rest)
        }
    }

    /// Returns what could not be written.
    private func write(_ bytes: ByteView) -> ByteView {
        if endsInsideLine.load(ordering: .relaxed) {
            guard writeSome(ByteView("\n")) == 1 else { return bytes }
            endsInsideLine.store(false, ordering: .relaxed)
        }
        var rest = bytes
        while !rest.isEmpty {
            let count = writeSome(rest)
            guard count > 0 else {
                let written = bytes.count - rest.count
                let isCut = written > 0 && bytes[written - 1] != UInt8(ascii: "\n")
                endsInsideLine.store(isCut, ordering: .relaxed)
                return rest
            }
            rest = rest.dropFirst(count)
        }
        return rest
    }

    /// How many bytes were written; waits where standard output is a non-blocking pipe.
    private func writeSome(_ bytes: ByteView) -> Int {
        while true {
            let count = unsafe Glibc.write(descriptor, bytes.raw.baseAddress, bytes.count)
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&poller, 1, 1_000)
            default: return 0
            }
        }
    }
}
