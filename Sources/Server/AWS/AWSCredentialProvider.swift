import Core
import Crypto
import EventLoop
import Glibc
import Logging
import Synchronization
import Telemetry

/// Keeps the process's credentials for AWS fresh, on a thread of its own: a metadata service that
/// hangs holds up neither a reload nor the end.
///
/// The thread runs from the first `begin` on. Workers get new credentials through `publish`; other
/// threads of the control plane ask for `current`.
final class AWSCredentialProvider: Sendable {
    private struct State {
        var current: SignatureV4.Credentials?
        var isBegun = false
        var hasTried = false
        var publish: [@Sendable (SignatureV4.Credentials) -> Void] = []
    }

    private let loader: AWSCredentialLoader
    private let metrics: WorkerMetrics
    private let logger: Logger
    private let state = Mutex(State())
    private let bell: Bell
    private let isRefused = Atomic<Bool>(false)
    private let isWanted = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    private let isRunning = Atomic<Bool>(false)

    /// How long an end waits for the thread.
    private static let patience = Nanoseconds.seconds(1)

    /// A provider that has not begun. `metrics` are the control plane's.
    init(
        _ loader: AWSCredentialLoader, metrics: WorkerMetrics, logger: Logger
    ) throws(GatewayError) {
        bell = try Bell()
        self.loader = loader
        self.metrics = metrics
        self.logger = logger
    }

    /// Begins to read credentials, if that has not begun.
    ///
    /// - Parameter patience: how long the first attempt is waited for.
    func begin(patience: Nanoseconds = .zero) {
        let isFirst = state.withLock { state in
            defer { state.isBegun = true }
            return !state.isBegun
        }
        if isFirst {
            isRunning.store(true, ordering: .releasing)
            do throws(GatewayError) {
                try Thread { [self] in run() }.detach()
            } catch {
                isRunning.store(false, ordering: .releasing)
                logger.error("credentials for AWS: \(error)")
                return
            }
        }
        let deadline = Clock.monotonic() + patience
        while !state.withLock({ $0.hasTried }), Clock.monotonic() < deadline { usleep(1_000) }
    }

    /// Has `publish` called with the credentials that there are, and with all that come, in their
    /// order. It must not block, nor call this object.
    func subscribe(_ publish: @escaping @Sendable (SignatureV4.Credentials) -> Void) {
        state.withLock { state in
            state.publish.append(publish)
            if let current = state.current { publish(current) }
        }
    }

    /// The credentials to sign by at `wallSeconds`; nil when there are none that have not expired.
    func current(at wallSeconds: Int64) -> SignatureV4.Credentials? {
        state.withLock { $0.current }.flatMap { $0.isValid(at: wallSeconds) ? $0 : nil }
    }

    /// AWS has refused what was signed by the present credentials: they are read again, though not
    /// more often than every half a minute. From any thread; takes no lock.
    func refused() {
        isRefused.store(true, ordering: .releasing)
        bell.ring()
    }

    /// The operator wants them read again.
    func refresh() {
        isWanted.store(true, ordering: .releasing)
        bell.ring()
    }

    /// Ends the thread, and what it waits for: no library is to be in use when the process ends.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        loader.cancel()
        bell.ring()
        let deadline = Clock.monotonic() + Self.patience
        while isRunning.load(ordering: .acquiring), Clock.monotonic() < deadline { usleep(1_000) }
    }

    // MARK: The thread

    private func run() {
        var schedule = AWSCredentialRefresh()
        var report = Report()
        while !isStopping.load(ordering: .acquiring) {
            if isWanted.exchange(false, ordering: .acquiring) { schedule.expedite() }
            if isRefused.exchange(false, ordering: .acquiring) {
                schedule.refused(now: Clock.now())
            }
            if schedule.isDue(Clock.now()) { read(&schedule, &report) }
            bell.wait(schedule.pause(Clock.now()))
        }
        isRunning.store(false, ordering: .releasing)
    }

    /// What the log was told last.
    private struct Report {
        var problem: String?
        var source: AWSCredentialSource?
    }

    private func read(_ schedule: inout AWSCredentialRefresh, _ report: inout Report) {
        let random = SecureRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        do throws(AWSCredentialProblem) {
            let loaded = try loader.load(at: Clock.now().wallSeconds)
            let isNew = schedule.obtained(
                loaded.credentials, isStatic: loaded.source.isStatic, now: Clock.now(),
                random: random)
            if report.problem != nil || isNew || report.source != loaded.source {
                logger.notice("credentials for AWS: \(loaded.credentials), of \(loaded.source)")
            }
            report.problem = nil
            report.source = loaded.source
            metrics.set(.credentialsExpiry, UInt64(clamping: loaded.credentials.expiry ?? 0))
            if isNew { publish(loaded.credentials) }
        } catch {
            guard !isStopping.load(ordering: .acquiring) else { return }
            schedule.failed(now: Clock.now(), random: random)
            metrics.increment(.credentialsFailures)
            // Once for each reason, however often it is tried.
            if report.problem != error.description {
                logger.error("credentials for AWS: \(error)")
                report.problem = error.description
            }
        }
        state.withLock { $0.hasTried = true }
    }

    private func publish(_ credentials: SignatureV4.Credentials) {
        state.withLock { state in
            state.current = credentials
            for publish in state.publish { publish(credentials) }
        }
    }
}
