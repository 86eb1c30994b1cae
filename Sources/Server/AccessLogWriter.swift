import Core
import Glibc
import Telemetry

/// Empties the workers' log queues into a file. Runs on the control thread.
struct AccessLogWriter {
    private let descriptor: Int32
    private let queues: [AccessLogQueue]

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

    /// Writes what is queued.
    func drain() {
        for queue in queues { queue.drain { write($0) } }
    }

    private func write(_ bytes: ByteView) {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe Glibc.write(descriptor, rest.raw.baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
