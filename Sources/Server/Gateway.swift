import Core
import EventLoop
public import GatewayConfiguration
import Glibc
public import Logging
import Proxy
import Synchronization
import TLS
import Telemetry
import Upstream

/// The running gateway: its workers' threads, and the control plane around them.
public final class Gateway {
    private let settings: GatewaySettings
    private let logger: Logger
    private let assembly: Assembly
    private var threads: [Thread] = []
    private var mailboxes: [Mailbox<ControlMessage>] = []
    private let metrics: [WorkerMetrics]
    private let queues: [AccessLogQueue]
    private let logWriter: AccessLogWriter?
    private let running = Running()
    private var admin: AdminServer?

    /// Counts workers that have not ended.
    private final class Running: Sendable {
        let count = Atomic<Int>(0)
    }

    /// Checks everything that can be checked before a socket is opened.
    public init(settings: GatewaySettings, logger: Logger) throws(GatewayError) {
        self.settings = settings
        self.logger = logger
        assembly = Assembly(settings: settings)
        let wanted =
            settings.workers > 0 ? settings.workers : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let count = max(wanted, 1)
        metrics = (0..<count).map { _ in WorkerMetrics(upstreams: settings.upstreams.count) }
        let logs = settings.accessLogPath != "off"
        queues =
            logs ? metrics.map { _ in AccessLogQueue(capacity: settings.accessLogQueueBytes) } : []
        logWriter = logs ? try AccessLogWriter(path: settings.accessLogPath, queues: queues) : nil
    }

    /// Everything that `run` would load, without opening a socket: what `postern check` does.
    public static func check(_ settings: GatewaySettings) throws(GatewayError) {
        let assembly = Assembly(settings: settings)
        _ = try assembly.hosts()
        _ = try assembly.firewall()
        for listener in settings.listeners { _ = try makeContext(assembly, listener) }
    }

    // MARK: Start

    /// Opens the listeners and starts the workers.
    ///
    /// - Returns: each listener's name and the address it is bound to.
    public func start() throws(GatewayError) -> [(name: String, address: String)] {
        Self.blockSignals()
        raiseLimits()
        let backend = try chooseBackend()
        for listener in settings.listeners { _ = try Self.makeContext(assembly, listener) }
        let sharedTLS = SharedTLS(settings.tls)
        let path = sharedTLS.usesOwnLibraries ? "on" : "off"
        logger.info("fast certificate path: \(path) (\(sharedTLS.reason))")
        let members = settings.upstreams.map { Resolver.addresses(of: $0.members) }
        for (upstream, addresses) in zip(settings.upstreams, members) where addresses.isEmpty {
            logger.warning("upstream '\(upstream.name)' has no member with a known address")
        }
        try logWriter?.start()
        var addresses: [SocketAddress] = []
        var descriptors = metrics.map { _ in [Int32]() }
        for listener in settings.listeners {
            // Every worker has a descriptor for every listener, in the order of the settings: by
            // its place it finds the listener's TLS context and virtual hosts.
            var address = listener.address
            for worker in descriptors.indices {
                if case .unix = address, let first = descriptors[0].last, worker > 0 {
                    descriptors[worker].append(try Self.duplicate(first, of: listener))
                    continue
                }
                let descriptor = try Self.open(
                    listener, at: address, sharing: descriptors.count > 1)
                if let bound = try? Sockets.localAddress(descriptor) { address = bound }
                descriptors[worker].append(descriptor)
            }
            addresses.append(address)
        }
        for index in metrics.indices {
            try startWorker(
                index, backend: backend, members: members, listeners: descriptors[index],
                sharedTLS: sharedTLS)
        }
        if let address = settings.adminAddress {
            admin = try AdminServer(
                address: address, metrics: metrics, upstreams: settings.upstreams.map(\.name))
            logger.info("admin listener", metadata: ["address": "\(admin?.boundAddress ?? "")"])
        }
        return zip(settings.listeners, addresses).map { ($0.name, $1.text) }
    }

    private static func open(
        _ listener: ListenerSettings, at address: SocketAddress, sharing: Bool
    ) throws(GatewayError) -> Int32 {
        var options = Sockets.ListenerOptions()
        options.backlog = Int32(listener.backlog)
        if case .unix = address {} else { options.reusePort = sharing }
        do {
            return try Sockets.makeListener(address, options: options)
        } catch {
            throw GatewayError("listeners.\(listener.name).address: \(address.text): \(error)")
        }
    }

    /// A path can be bound once only, so workers share the socket.
    private static func duplicate(
        _ descriptor: Int32, of listener: ListenerSettings
    ) throws(GatewayError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            throw GatewayError("listeners.\(listener.name).address: \(reason)")
        }
        return copy
    }

    private static func makeContext(
        _ assembly: Assembly, _ listener: ListenerSettings
    ) throws(GatewayError) -> ServerTLSContext {
        do {
            return try ServerTLSContext(assembly.tlsOptions(listener))
        } catch {
            throw GatewayError("listener '\(listener.name)': \(error)")
        }
    }

    private func raiseLimits() {
        let perWorker = assembly.loop().socketLimit
        let wanted = UInt64(perWorker * metrics.count + 256)
        guard let limit = try? Sockets.raiseDescriptorLimit(to: wanted) else { return }
        if limit < Int64(clamping: wanted) {
            logger.warning(
                "open files are limited to \(limit), the configuration may need \(wanted)"
            )
        }
        _ = try? Sockets.raiseMemlockLimit()
    }

    private func chooseBackend() throws(GatewayError) -> BackendProbe.Outcome {
        do {
            let choice = IOChoice(rawValue: settings.io) ?? .auto
            let outcome = try BackendProbe.probe(choice, options: assembly.loop())
            switch outcome {
            case .uring(let reason): logger.info("event loop: io_uring (\(reason))")
            case .epoll(let reason): logger.info("event loop: epoll (\(reason))")
            }
            return outcome
        } catch {
            throw GatewayError("io: io_uring was chosen but does not work here: \(error)")
        }
    }

    private func startWorker(
        _ index: Int, backend: BackendProbe.Outcome, members: [[SocketAddress]],
        listeners: [Int32], sharedTLS: SharedTLS
    ) throws(GatewayError) {
        let start = WorkerStart(
            assembly: assembly, index: index, members: members, listeners: listeners,
            metrics: metrics[index],
            accessLog: queues.isEmpty ? nil : queues[index], sharedTLS: sharedTLS)
        let running = running
        running.count.wrappingAdd(1, ordering: .relaxed)
        threads.append(
            try Thread {
                switch backend {
                case .uring: start.runUring()
                case .epoll: start.runEpoll()
                }
                running.count.wrappingSubtract(1, ordering: .releasing)
            })
        mailboxes.append(try start.waitUntilReady())
    }

    // MARK: Run

    private static func blockSignals() {
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&signals, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal stops at once.
    public func runUntilSignal() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&signals, signal) }
        var isDraining = false
        var resolver = ResolverSchedule(settings.upstreams, now: Clock.monotonic())
        while running.count.load(ordering: .acquiring) > 0 {
            var pause = timespec(tv_sec: 0, tv_nsec: isDraining ? 10_000_000 : 100_000_000)
            let signal = unsafe sigtimedwait(&signals, nil, &pause)
            if signal == SIGTERM || signal == SIGINT {
                if isDraining {
                    logger.notice("second signal: stopping now")
                    post(.stop)
                } else {
                    logger.notice("draining")
                    isDraining = true
                    admin?.isReady = false
                    post(.drain(within: settings.timeouts.drain))
                }
            } else if signal == SIGHUP {
                logger.notice("SIGHUP: this version does not reload; restart to change settings")
            }
            for (upstream, addresses) in resolver.due(at: Clock.monotonic()) {
                post(.members(upstream: upstream, addresses))
            }
        }
        for thread in threads { thread.join() }
        admin?.stop()
        if let logWriter, !logWriter.stop(within: .seconds(1)) {
            logger.warning("the access log takes no more lines: the last ones are lost")
        }
        logger.notice("stopped")
    }

    private func post(_ message: ControlMessage) {
        for mailbox in mailboxes { _ = mailbox.post(message) }
    }
}

/// When the names of which upstream are to be resolved again.
///
/// Resolution runs on a thread of its own: a slow name server delays nothing else.
private struct ResolverSchedule {
    private final class Results: Sendable {
        let ready = Mutex<[(Int, [SocketAddress])]>([])
        let isBusy = Atomic<Bool>(false)
    }

    private let upstreams: [UpstreamSettings]
    private var next: [Instant]
    private let results = Results()

    init(_ upstreams: [UpstreamSettings], now: Instant) {
        self.upstreams = upstreams
        next = upstreams.map { upstream in
            Resolver.hasNames(upstream.members) && upstream.resolveInterval > .zero
                ? now + upstream.resolveInterval : .distantFuture
        }
    }

    mutating func due(at now: Instant) -> [(Int, [SocketAddress])] {
        // Whoever has waited longest comes first, or slow names would starve the others.
        let isDue = next.contains { now >= $0 }
        let order = isDue ? upstreams.indices.sorted { next[$0] < next[$1] } : []
        for index in order where now >= next[index] {
            guard !results.isBusy.load(ordering: .acquiring) else { break }
            next[index] = now + upstreams[index].resolveInterval
            results.isBusy.store(true, ordering: .releasing)
            let results = results
            let members = upstreams[index].members
            let started = try? Thread {
                let addresses = Resolver.addresses(of: members)
                // A name server that is down does not empty an upstream.
                if !addresses.isEmpty { results.ready.withLock { $0.append((index, addresses)) } }
                results.isBusy.store(false, ordering: .releasing)
            }
            started?.detach()
            if started == nil { results.isBusy.store(false, ordering: .releasing) }
        }
        return results.ready.withLock { ready in
            defer { ready = [] }
            return ready
        }
    }
}
