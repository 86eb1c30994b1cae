import Core
import EventLoop
import GatewayConfiguration
import Glibc
import Proxy
import Synchronization
import TLS
import Telemetry

/// Starts one worker on its own thread, with the first snapshot of the configuration.
final class WorkerStart: Sendable {
    private let assembly: Assembly
    private let index: Int
    /// Nil once the worker has it: this object lives as long as the worker's thread.
    private let snapshot: Mutex<Snapshot?>
    private let listeners: [Int32]
    private let metrics: WorkerMetrics
    private let accessLog: AccessLogQueue?
    private let notices: WorkerNotices
    private let credentials: AWSCredentialProvider
    private let outcome = Mutex<Result<Mailbox<ControlMessage>, GatewayError>?>(nil)

    init(
        assembly: Assembly, index: Int, snapshot: Snapshot, listeners: [Int32],
        metrics: WorkerMetrics, accessLog: AccessLogQueue?, notices: WorkerNotices,
        credentials: AWSCredentialProvider
    ) {
        self.assembly = assembly
        self.index = index
        self.snapshot = Mutex(snapshot)
        self.listeners = listeners
        self.metrics = metrics
        self.accessLog = accessLog
        self.notices = notices
        self.credentials = credentials
    }

    func runUring() {
        do throws(SystemError) {
            run(on: try UringBackend(options: assembly.loop()))
        } catch {
            report(.failure(GatewayError("io_uring: \(error)")))
        }
    }

    func runEpoll() {
        do throws(SystemError) {
            run(on: try EpollBackend(options: assembly.loop()))
        } catch {
            report(.failure(GatewayError("epoll: \(error)")))
        }
    }

    private func run<Loop: Backend & ~Copyable>(on backend: consuming Loop) {
        TLSLibrary.keepFreedMemory()
        defer { TLSLibrary.releaseKeptMemory() }
        if assembly.settings.tuning.pinWorkers {
            let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            _ = try? WorkerThread.pin(toProcessor: index % max(processors, 1))
        }
        let mailbox = Mailbox<ControlMessage>(capacity: 1_024, wake: backend.wakeHandle())
        var worker = makeWorker(on: backend, mailbox)
        report(.success(mailbox))
        worker.run(listeners: listeners)
    }

    private func makeWorker<Loop: Backend & ~Copyable>(
        on backend: consuming Loop, _ mailbox: Mailbox<ControlMessage>
    ) -> Worker<Loop> {
        guard let snapshot = snapshot.withLock({ $0.take() }) else {
            preconditionFailure("a worker starts once")
        }
        for listener in snapshot.listeners { listener?.context.revocation = snapshot.revocation }
        return Worker(
            loop: backend, options: assembly.worker(), served: snapshot.listeners.compactMap { $0 },
            environment: assembly.environment(metrics: metrics, accessLog: accessLog),
            upstreams: snapshot.upstreams, mailbox: mailbox, notices: notices,
            credentials: credentials)
    }

    private func report(_ result: Result<Mailbox<ControlMessage>, GatewayError>) {
        outcome.withLock { $0 = result }
    }

    /// Waits until the worker runs, or has said why it cannot.
    func waitUntilReady() throws(GatewayError) -> Mailbox<ControlMessage> {
        for _ in 0..<20_000 {
            if let result = outcome.withLock({ $0 }) { return try result.get() }
            usleep(500)
        }
        throw GatewayError("worker \(index) did not start within 10 s")
    }
}
