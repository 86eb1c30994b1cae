import Core
import Crypto
import EventLoop
import Fetch
import GatewayConfiguration
import Logging
import Synchronization
import TLS
import Telemetry

/// Keeps the mirror of one source up to date, on a thread of its own: one that hangs holds up
/// neither the control plane nor another source.
final class SourceKeeper: Sendable {
    /// What is known of the source.
    struct State {
        /// What is kept; nil without a copy that can be used.
        var held: Mirror.State?
        /// The certificates in it.
        var certificates: [TrustBundle.Certificate] = []
        /// When the source last said that it counts.
        var confirmation: Confirmation?
        /// What of that is on disk, seconds since 1970.
        var noted: Int64 = 0
        /// When it is asked next.
        var nextPoll = Instant(nanoseconds: 0)
        var schedule: PollSchedule
        /// Whose keys sign.
        var credentials = AWSCredentialRefresh()
        /// Of trust only: revocation lists say themselves until when they hold.
        var freshness: Freshness?
        var standing = Freshness.Standing.fresh
        var failure: String?
        var failures: UInt64 = 0
        var updates: UInt64 = 0
    }

    /// That a source said what counts. Its age goes by the monotonic clock, once it is known here.
    struct Confirmation {
        let wallSeconds: Int64
        private let seen: Instant
        private let ageThen: Nanoseconds

        /// One of `wallSeconds`, looked at `now`. A clock that was ahead then is not believed.
        init(at wallSeconds: Int64, seen now: Now) {
            self.wallSeconds = min(wallSeconds, now.wallSeconds)
            seen = now.monotonic
            ageThen = .seconds(UInt64(now.wallSeconds - self.wallSeconds))
        }

        func age(at now: Instant) -> Nanoseconds {
            Nanoseconds(now.since(seen).count &+ ageThen.count)
        }
    }

    let source: RemoteSource
    let settings: SourceSettings
    let log: SourceLog
    let fetcher: Fetcher
    let contents: SourceContents
    let mirror: Mirror
    let state: Mutex<State>
    private let bell: Bell
    private let isAsked = Atomic<Bool>(false)
    let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// A keeper with what is on disk, if that can be used.
    init(
        _ source: RemoteSource, _ settings: SourceSettings, log: SourceLog
    ) throws(GatewayError) {
        self.source = source
        self.settings = settings
        self.log = log
        bell = try Bell()
        do throws(FetchError) { fetcher = try Fetcher() } catch {
            throw GatewayError("\(source.shown): \(error)")
        }
        contents = SourceContents(source: source)
        mirror = Mirror(path: source.path, source: source.text, limit: contents.limit)
        var start = State(schedule: PollSchedule(interval: settings.pollInterval))
        if case .trust(let policy) = source.use, !source.address.isPinned {
            start.freshness = Freshness(maxStale: policy.maxStale)
        }
        state = Mutex(start)
        load()
    }

    func say(_ level: Logger.Level, _ text: String) {
        log.say(level, "\(source.owner): \(source.shown): \(text)")
    }

    /// Takes what is on disk, if it is good.
    private func load() {
        let now = Clock.now()
        do throws(Mirror.Unusable) {
            let (bytes, held) = try mirror.load()
            let certificates: [TrustBundle.Certificate]
            do throws(SourceProblem) {
                certificates = try contents.certificates(
                    in: bytes, at: source.path, after: nil, wallSeconds: now.wallSeconds)
            } catch {
                throw Mirror.Unusable(reason: error.reason)
            }
            state.withLock {
                $0.held = held
                $0.certificates = certificates
                $0.noted = held.checked
                $0.confirmation = Confirmation(at: held.checked, seen: now)
            }
        } catch {
            if !error.isMissing {
                say(.warning, "the last good copy is of no use: \(error.reason)")
            }
        }
    }

    // MARK: What others ask

    /// Whether it keeps `source` by these settings.
    func keeps(_ source: RemoteSource, _ settings: SourceSettings) -> Bool {
        self.source == source.withoutPlace && self.settings == settings
    }

    /// Whether there is a copy to go by.
    var isUsable: Bool { state.withLock { $0.held != nil } }

    /// Why the last fetch brought nothing; nil when it did.
    var failure: String? { state.withLock { $0.failure } }

    /// Whether nobody is to be trusted by this source until it is heard again (S20).
    var isSuspended: Bool {
        guard case .trust(let policy) = source.use, policy.refusesWhenStale else { return false }
        return state.withLock { $0.standing == .stale }
    }

    /// Numbers for `/metrics`.
    var reading: SourceReading {
        let now = Clock.now()
        return state.withLock { state in
            SourceReading(owner: source.owner, source: source.shown) { metric in
                switch metric {
                case .lastSuccess:
                    UInt64(clamping: state.confirmation?.wallSeconds ?? 0)
                case .age: (state.confirmation?.age(at: now.monotonic).count ?? 0) / 1_000_000_000
                case .stale: state.standing.rawValue
                case .failures: state.failures
                case .updates: state.updates
                }
            }
        }
    }

    // MARK: The thread

    /// Looks after the source from now on. `announce` is called when what counts has changed.
    func start(_ announce: @escaping @Sendable () -> Void) throws(GatewayError) {
        let started = try Thread { [self] in run(announce) }
        thread.withLock { $0 = started }
    }

    /// Asks the source now, and not when it would be its turn. Returns at once.
    func pollSoon() {
        isAsked.store(true, ordering: .releasing)
        bell.ring()
    }

    /// Ends the thread: at once, whatever it waits for.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        fetcher.cancel()
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    private func run(_ announce: @Sendable () -> Void) {
        while !isStopping.load(ordering: .acquiring) {
            let isAsked = isAsked.exchange(false, ordering: .acquiring)
            let next = state.withLock { $0.nextPoll }
            var isNew = false
            if isAsked || Clock.monotonic() >= next { isNew = poll() }
            if judge() || isNew { announce() }
            bell.wait(pause)
        }
    }

    /// How long there is nothing to do; nil for ever.
    private var pause: Nanoseconds? {
        let now = Clock.monotonic()
        return state.withLock { state in
            let age = state.confirmation?.age(at: now)
            let change = age.flatMap { state.freshness?.remaining(age: $0) }
            if state.nextPoll == .distantFuture { return change }
            return min(state.nextPoll.since(now), change ?? Nanoseconds(.max))
        }
    }

    /// Looks at how old the source's last word is, and warns when that is too much.
    ///
    /// - Returns: whether it begins, or ends, to count for nothing.
    func judge() -> Bool {
        let now = Clock.monotonic()
        let wasSuspended = isSuspended
        let alert: (standing: Freshness.Standing, age: Nanoseconds)? = state.withLock { state in
            guard let age = state.confirmation?.age(at: now), let freshness = state.freshness
            else { return nil }
            state.standing = freshness.standing(age: age)
            let isDue = state.freshness?.isAlertDue(state.standing, at: now) ?? false
            return isDue ? (state.standing, age) : nil
        }
        if let alert { warn(alert.standing, Int64(clamping: alert.age.count / 1_000_000_000)) }
        return isSuspended != wasSuspended
    }

    private func warn(_ standing: Freshness.Standing, _ seconds: Int64) {
        let silence = "the source has not been heard for \(seconds.ageText)"
        if standing == .ageing {
            say(.warning, "\(silence), more than half of maxStale")
        } else if isSuspended {
            say(.error, "\(silence), longer than maxStale: nobody is trusted by it (whenStale)")
        } else {
            say(.error, "\(silence), longer than maxStale: it may hold what is no longer trusted")
        }
    }
}
