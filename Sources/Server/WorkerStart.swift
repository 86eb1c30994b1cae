import Core
import EventLoop
import GatewayConfiguration
import Glibc
import Proxy
import Synchronization
import TLS
import Telemetry

/// Starts one worker on its own thread: what belongs to a worker is made there and stays there.
final class WorkerStart: Sendable {
    private let assembly: Assembly
    private let index: Int
    private let members: [[SocketAddress]]
    private let listeners: [Int32]
    private let metrics: WorkerMetrics
    private let accessLog: AccessLogQueue?
    private let sharedTLS: SharedTLS
    private let outcome = Mutex<Result<Mailbox<ControlMessage>, GatewayError>?>(nil)

    init(
        assembly: Assembly, index: Int, members: [[SocketAddress]], listeners: [Int32],
        metrics: WorkerMetrics, accessLog: AccessLogQueue?, sharedTLS: SharedTLS
    ) {
        self.assembly = assembly
        self.index = index
        self.members = members
        self.listeners = listeners
        self.metrics = metrics
        self.accessLog = accessLog
        self.sharedTLS = sharedTLS
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
        var backend = backend
        let parts: Parts
        do throws(GatewayError) {
            parts = try makeParts()
        } catch {
            backend.shutdown()
            report(.failure(error))
            return
        }
        let mailbox = Mailbox<ControlMessage>(capacity: 1_024, wake: backend.wakeHandle())
        var worker = Worker(
            loop: backend, options: assembly.worker(), contexts: parts.contexts,
            hostBases: parts.hostBases, environment: parts.environment,
            upstreams: zip(assembly.settings.upstreams, members).map {
                assembly.upstream($0, members: $1)
            }, mailbox: mailbox)
        report(.success(mailbox))
        worker.run(listeners: listeners)
    }

    /// What may fail to be made.
    private struct Parts {
        let contexts: [ServerTLSContext]
        let hostBases: [Int]
        let environment: SessionEnvironment
    }

    private func makeParts() throws(GatewayError) -> Parts {
        let libraries = sharedTLS.makeLibraries()
        var contexts: [ServerTLSContext] = []
        for listener in assembly.settings.listeners {
            do throws(TLSConfigurationError) {
                contexts.append(
                    try ServerTLSContext(
                        assembly.tlsOptions(listener), libraries: libraries,
                        sessions: sharedTLS.sessions, at: Clock.now().wallSeconds))
            } catch {
                throw GatewayError("listener '\(listener.name)': \(error)")
            }
        }
        let hosts = try assembly.hosts()
        return Parts(
            contexts: contexts, hostBases: hosts.bases,
            environment: try assembly.environment(
                hosts: hosts.hosts, metrics: metrics, accessLog: accessLog))
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
