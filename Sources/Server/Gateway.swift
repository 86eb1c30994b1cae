import Core
import Crypto
import EventLoop
import Fetch
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
    /// The logger it was made with, at the level of the configuration.
    public let logger: Logger
    private let source: ConfigurationSource
    private let sources: SourceKeepers
    private let fingerprint: [UInt8]
    private let sourceFingerprint: [UInt8]
    private var assembly: Assembly
    private var threads: [Thread] = []
    private var mailboxes: [Mailbox<ControlMessage>] = []
    private let metrics: [WorkerMetrics]
    /// Of the control plane.
    private let ownMetrics = WorkerMetrics()
    private var controlPlane: ControlPlane?
    private let queues: [AccessLogQueue]
    private let logWriter: AccessLogWriter?
    private let notices = WorkerNotices()
    private let credentials: AWSCredentialProvider
    private let running = Running()
    private var admin: AdminServer?

    /// Counts workers that have not ended.
    private final class Running: Sendable {
        let count = Atomic<Int>(0)
    }

    /// Reads the configuration, and checks what can be checked before a socket is opened.
    public init(source: ConfigurationSource, logger start: Logger) throws(GatewayError) {
        // A reload that is asked for while a source is waited for comes after the start. SIGTERM
        // and SIGINT still end what has not begun to serve.
        Self.block([SIGHUP])
        sources = SourceKeepers(log: SourceLog(start))
        let attempt = Attempt(source, sources)
        let settings = try attempt.settings.get()
        self.settings = settings
        sourceFingerprint = Reloader.sourceFingerprint(settings, attempt.files)
        fingerprint = attempt.fingerprint
        assembly = Assembly(start: settings, files: attempt.files)
        self.source = source
        var logger = start
        logger.logLevel = Logger.Level(rawValue: settings.logLevel) ?? .info
        self.logger = logger
        let wanted =
            settings.workers > 0 ? settings.workers : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let count = max(wanted, 1)
        metrics = (0..<count).map { _ in
            WorkerMetrics(
                upstreams: settings.upstreams.count + UpstreamSlots.spare,
                authorizers: settings.authorizers.count + UpstreamSlots.spare)
        }
        let logs = settings.accessLogPath != "off"
        queues =
            logs ? metrics.map { _ in AccessLogQueue(capacity: settings.accessLogQueueBytes) } : []
        logWriter = logs ? try AccessLogWriter(path: settings.accessLogPath, queues: queues) : nil
        credentials = try AWSCredentialProvider(
            AWSCredentialLoader(environment: source.environment, fetcher: try Self.fetcher()),
            metrics: ownMetrics, logger: logger)
    }

    private static func fetcher() throws(GatewayError) -> Fetcher {
        do throws(FetchError) { return try Fetcher() } catch { throw GatewayError("\(error)") }
    }

    /// How long a start waits for credentials for AWS. Without them what is asked of AWS fails.
    private static let credentialPatience = Nanoseconds.seconds(2)

    /// Everything that `run` would load, without listening: what `postern check` does. Sources are
    /// fetched, and nothing of them is kept.
    public static func check(_ source: ConfigurationSource) throws(GatewayError) -> CheckFindings {
        let said = SaidOfSources()
        let sources = SourceKeepers(
            .check, log: SourceLog { if $0 >= .warning { said.add("warning: " + $1) } })
        // Lists are read later.
        defer { withExtendedLifetime(sources) {} }
        let attempt = Attempt(source, sources)
        let settings = try attempt.settings.get()
        let assembly = Assembly(start: settings, files: attempt.files)
        try assembly.check()
        var findings = CheckFindings()
        findings.warnings = said.lines + assembly.trustStoreWarnings().map(\.description)
        guard settings.needsAWSCredentials else { return findings }
        let loader = AWSCredentialLoader(
            environment: source.environment, fetcher: try fetcher())
        do throws(AWSCredentialProblem) {
            let loaded = try loader.load(at: Clock.now().wallSeconds)
            findings.notes.append("credentials for AWS: \(loaded.credentials), of \(loaded.source)")
        } catch {
            // They may come later: a start does not fail for want of them.
            findings.notes.append("credentials for AWS: none for now: \(error)")
        }
        return findings
    }

    private final class SaidOfSources: Sendable {
        private let said = Mutex<[String]>([])

        var lines: [String] { said.withLock { $0 } }

        func add(_ line: String) { said.withLock { $0.append(line) } }
    }

    // MARK: Start

    /// Opens the listeners and starts the workers.
    ///
    /// - Returns: each listener's name and the address it is bound to.
    public func start() throws(GatewayError) -> [(name: String, address: String)] {
        Self.block([SIGTERM, SIGINT, SIGHUP])
        raiseLimits()
        let backend = try chooseBackend()
        let revocation = try assembly.check()
        for problem in revocation.set.problems {
            logger.warning("revocation: \(settings.naming("\(problem)"))")
        }
        for warning in assembly.trustStoreWarnings() { logger.warning("\(warning.text)") }
        if settings.needsAWSCredentials { credentials.begin(patience: Self.credentialPatience) }
        let sharedTLS = SharedTLS(settings.tls)
        let path = sharedTLS.usesOwnLibraries ? "on" : "off"
        logger.info("fast certificate path: \(path) (\(sharedTLS.reason))")
        let tls = metrics.map { _ in sharedTLS.makeWorker() }
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
        let receipt = Snapshot.Receipt()
        for index in metrics.indices {
            let snapshot = try assembly.snapshot(
                tls[index], members: members, revocation: revocation.set, receipt: receipt)
            try startWorker(
                index, backend: backend, snapshot: snapshot, listeners: descriptors[index])
        }
        for mailbox in mailboxes {
            credentials.subscribe { _ = mailbox.post(.credentials($0)) }
        }
        let files = assembly.files
        assembly = assembly.withoutFiles
        if let address = settings.adminAddress {
            admin = try AdminServer(
                address: address, metrics: metrics + [ownMetrics],
                upstreams: assembly.upstreamNames, authorizers: assembly.slots.authorizers,
                sources: sources, workers: mailboxes)
            logger.info("admin listener", metadata: ["address": "\(admin?.boundAddress ?? "")"])
        }
        controlPlane = try ControlPlane(
            Reloader(
                source: source, sources: sources, fingerprint: fingerprint,
                sourceFingerprint: sourceFingerprint, assembly: assembly, files: files,
                revocation: revocation,
                members: members,
                workers: zip(mailboxes, tls).map { Reloader.Worker(mailbox: $0, tls: $1) },
                admin: admin, metrics: ownMetrics, credentials: credentials, logger: logger),
            notices: notices, logger: logger)
        try sources.start { [controlPlane] in controlPlane?.sourcesHaveChanged() }
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
        _ index: Int, backend: BackendProbe.Outcome, snapshot: Snapshot, listeners: [Int32]
    ) throws(GatewayError) {
        let start = WorkerStart(
            assembly: assembly.withoutFiles, index: index, snapshot: snapshot, listeners: listeners,
            metrics: metrics[index],
            accessLog: queues.isEmpty ? nil : queues[index], notices: notices,
            credentials: credentials)
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

    private static func block(_ wanted: [Int32]) {
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in wanted { unsafe sigaddset(&signals, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal stops at once. SIGHUP reloads.
    public func runUntilSignal() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&signals, signal) }
        var isDraining = false
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
                    post(.drain(within: controlPlane?.drainTimeout ?? settings.timeouts.drain))
                }
            } else if signal == SIGHUP {
                logger.notice("SIGHUP: reloading")
                controlPlane?.reload()
            }
        }
        controlPlane?.stop()
        credentials.stop()
        sources.stop()
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
