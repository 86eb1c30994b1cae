import Core
import EventLoop
import GatewayConfiguration
import Glibc
import Logging
import Synchronization

/// The thread that does what is slow and concerns all workers: reloads, and the names of upstreams.
///
/// Signals stay with the main thread, so that a slow disk or name server never delays a stop.
final class ControlPlane: Sendable {
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let isStopping = Atomic<Bool>(false)
    private let drainNanoseconds: Atomic<UInt64>

    /// A burst of changes is over when nothing came for this long …
    private static let quiet = Nanoseconds.milliseconds(200)
    /// … or when it has lasted this long.
    private static let burstLimit = Nanoseconds.seconds(2)
    /// Events are looked at no more often, however busy a watched folder is.
    private static let pollInterval: Int32 = 50

    /// How often the workers' warnings are logged.
    private static let noticeInterval: Int32 = 250

    private let notices: WorkerNotices

    /// Starts the thread, which owns `reloader` from now on.
    init(
        _ reloader: Reloader, notices: WorkerNotices, logger: Logger
    ) throws(GatewayError) {
        self.notices = notices
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            throw GatewayError(unsafe "control plane: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wakeReader = ends[0]
        wakeWriter = ends[1]
        drainNanoseconds = Atomic(reloader.assembly.settings.timeouts.drain.count)
        try Thread { [self] in run(reloader, logger) }.detach()
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
    }

    /// How long connections may take to finish, by the configuration that is served.
    var drainTimeout: Nanoseconds { Nanoseconds(drainNanoseconds.load(ordering: .relaxed)) }

    /// Asks for a reload. Returns at once.
    func reload() { wake(.reload) }

    /// Asks for a look at the sources that are fetched. Returns at once.
    func sourcesHaveChanged() { wake(.sources) }

    /// Ends the thread, after what it is at.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake(.stop)
    }

    /// What wakes the thread.
    private enum Call: UInt8 { case stop, reload, sources }

    private func wake(_ call: Call) {
        var byte = call.rawValue
        _ = unsafe write(wakeWriter, &byte, 1)
    }

    // MARK: The thread

    private func run(_ start: Reloader, _ logger: Logger) {
        var reloader = start
        var resolver = schedule(reloader)
        let watcher = makeWatcher(logger)
        watcher?.watch(reloader.watchedPaths)
        // What changed before it was watched is looked at once.
        var isChanged = !reloader.watchedPaths.isEmpty
        var isAsked = false
        var areSourcesChanged = reloader.hasSources
        var isResting = false
        var burst: (since: Instant, until: Instant)?
        while !isStopping.load(ordering: .acquiring) {
            if isChanged || isAsked || areSourcesChanged {
                let watched = reloader.watchedPaths
                let trigger: Reloader.Trigger =
                    isAsked ? .signal : isChanged ? .watch : .sources
                if reloader.reload(trigger) { resolver = applied(reloader) }
                // Other folders may lead to the same files now, and there may be other files, which
                // may have changed between being read and being watched.
                watcher?.watch(reloader.watchedPaths)
                isChanged = reloader.watchedPaths != watched
            }
            let isPaused = isResting || burst != nil
            let news = wait(
                for: isPaused ? nil : watcher,
                milliseconds: isPaused
                    ? Self.pollInterval : isChanged ? 0 : Self.pause(resolver, reloader))
            logNotices(logger)
            isAsked = news.calls.contains(.reload)
            areSourcesChanged = news.calls.contains(.sources)
            isResting = news.hasEvents
            let now = Clock.monotonic()
            if watcher?.drain() ?? false {
                let since = burst?.since ?? now
                burst = (since, min(now + Self.quiet, since + Self.burstLimit))
            }
            if let current = burst, now >= current.until {
                burst = nil
                isChanged = true
                watcher?.watch(reloader.watchedPaths)
            }
            for (place, members) in resolver.due(at: now) { reloader.resolved(place, members) }
        }
        logNotices(logger)
    }

    private func logNotices(_ logger: Logger) {
        for text in notices.take() { logger.warning("\(text)") }
    }

    /// How long there is nothing to do. Workers have something to say of upstreams' TLS, and of
    /// AWS, alone.
    private static func pause(_ resolver: ResolverSchedule, _ reloader: Reloader) -> Int32 {
        let settings = reloader.assembly.settings
        guard settings.needsAWSCredentials || settings.upstreams.contains(where: { $0.tls != nil })
        else { return resolver.pollInterval }
        return resolver.pollInterval < 0
            ? noticeInterval : min(resolver.pollInterval, noticeInterval)
    }

    private func makeWatcher(_ logger: Logger) -> FileWatcher? {
        do throws(SystemError) {
            return try FileWatcher()
        } catch {
            logger.warning("files are not watched, SIGHUP reloads them: \(error)")
            return nil
        }
    }

    private func schedule(_ reloader: Reloader) -> ResolverSchedule {
        ResolverSchedule(
            reloader.assembly.settings.upstreams, places: reloader.assembly.places,
            now: Clock.monotonic())
    }

    /// After a reload: what the new settings say of the control plane itself.
    private func applied(_ reloader: Reloader) -> ResolverSchedule {
        drainNanoseconds.store(
            reloader.assembly.settings.timeouts.drain.count, ordering: .relaxed)
        return schedule(reloader)
    }

    /// Waits for a wake-up, events of `watcher`, or the time.
    private func wait(
        for watcher: FileWatcher?, milliseconds: Int32
    ) -> (calls: Set<Call>, hasEvents: Bool) {
        var polled = [
            pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
            pollfd(fd: watcher?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        guard unsafe poll(&polled, 2, milliseconds) > 0 else { return ([], false) }
        var bytes = [UInt8](repeating: 0, count: 64)
        var calls: Set<Call> = []
        while true {
            let count = unsafe read(wakeReader, &bytes, bytes.count)
            guard count > 0 else { break }
            calls.formUnion(bytes[..<count].compactMap { Call(rawValue: $0) })
        }
        return (calls, polled[1].revents != 0)
    }
}
