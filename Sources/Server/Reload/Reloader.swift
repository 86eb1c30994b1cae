import Core
import EventLoop
import GatewayConfiguration
import Glibc
import Logging
import TLS
import Telemetry
import Upstream

/// Reads the configuration again, and publishes what came of it to every worker: all of it, or,
/// when anything is wrong, nothing.
struct Reloader: Sendable {
    /// What asks for a reload.
    enum Trigger: Equatable {
        /// The operator.
        case signal
        /// The watcher: a reload only if a file's bytes are not what they were.
        case watch
        /// Who keeps the sources that are fetched: the same, for their sake.
        case sources
    }

    /// A worker, as it is seen from here.
    struct Worker: Sendable {
        let mailbox: Mailbox<ControlMessage>
        let tls: WorkerTLS
    }

    let source: ConfigurationSource
    private let sources: SourceKeepers
    private let workers: [Worker]
    private let admin: AdminServer?
    private let metrics: WorkerMetrics
    private let credentials: AWSCredentialProvider
    private let logger: Logger
    /// What the workers serve by.
    private(set) var assembly: Assembly
    /// What that was made of, keys among it, where trust is fetched: it is published again with
    /// other trust, whatever has become of the files. Nothing elsewhere.
    private var files = FileContents()
    /// When its trust stores were judged, seconds since 1970: what has expired since then is no
    /// reason to take no news of others.
    private var judged = Clock.now().wallSeconds
    private var revocation: LoadedRevocation
    /// Of what the last attempt read of revocation, good or bad.
    private var revocationFingerprint: [UInt8]
    private(set) var generation: UInt64 = 1
    /// Addresses of the upstreams, by place.
    private var addresses: [Int: [ResolvedMember]]
    /// Of everything that the last attempt read, good or bad.
    private var fingerprint: [UInt8]
    /// Of the sources of trust that are fetched, as they were looked at last.
    private var sourceFingerprint: [UInt8]
    /// Whether the last attempt was refused: then it is made again when what it says of revocation
    /// has changed, too.
    private var isRefused = false
    /// Whether the configuration is a file, and not a pipe, whose bytes can be had but once.
    private let isRereadable: Bool
    /// Files and folders of the last attempt that could be read as a configuration, and of the
    /// running one.
    private var named: [String]

    /// How long workers may take to serve by a new generation before that is worth a warning.
    private static let patience = Nanoseconds.seconds(2)

    /// A reloader for a gateway that has just started by `assembly`, made of what has
    /// `fingerprint`. `metrics` are its own.
    init(
        source: ConfigurationSource, sources: SourceKeepers, fingerprint: [UInt8],
        sourceFingerprint: [UInt8], assembly: Assembly, files: FileContents,
        revocation: LoadedRevocation, members: [[ResolvedMember]], workers: [Worker],
        admin: AdminServer?,
        metrics: WorkerMetrics, credentials: AWSCredentialProvider, logger: Logger
    ) {
        self.source = source
        self.sources = sources
        self.sourceFingerprint = sourceFingerprint
        self.assembly = assembly
        self.workers = workers
        self.admin = admin
        self.metrics = metrics
        self.credentials = credentials
        self.logger = logger
        addresses = Dictionary(
            zip(assembly.places, members), uniquingKeysWith: { first, _ in first })
        named = assembly.settings.files.map(\.path)
        self.fingerprint = fingerprint
        self.revocation = revocation
        revocationFingerprint = revocation.fingerprint
        isRereadable = FileContents.isRegular(source.file)
        keep(files)
        publishMetrics()
    }

    /// The files whose changes matter, absolute.
    var watchedPaths: [String] {
        guard assembly.settings.reloadWatch else { return [] }
        let revocation = LoadedRevocation.paths(assembly.settings.revocation)
        let others = isRereadable ? [source.file] + named : []
        // Who keeps the mirrors tells of them.
        let mirrors = Set(assembly.settings.remoteSources.map(\.path))
        return (others + revocation).filter { path in
            !mirrors.contains { path.hasPrefix($0) }
        }.map(FileWatcher.absolute)
    }

    /// Whether anything is fetched.
    var hasSources: Bool { !assembly.settings.remoteSources.isEmpty }

    /// Tells all workers the addresses that an upstream's names were found to have.
    mutating func resolved(_ place: Int, _ members: [ResolvedMember]) {
        addresses[place] = members
        for worker in workers { _ = worker.mailbox.post(.members(upstream: place, members)) }
    }

    /// Reads everything again, and publishes what has changed. What is revoked counts even while
    /// the configuration cannot be read.
    ///
    /// - Returns: whether there is a new generation.
    mutating func reload(_ trigger: Trigger) -> Bool {
        if trigger == .signal {
            credentials.refresh()
            sources.pollSoon()
        }
        // Of a file that is not watched, its sources tell nothing.
        let isDue = trigger != .sources || assembly.settings.reloadWatch
        if trigger == .signal || (isRereadable && isDue), reloadConfiguration(trigger) {
            return true
        }
        if refreshTrust() { return true }
        refreshRevocation(trigger)
        return false
    }

    /// Publishes what sources of trust say now, by the configuration and the other files that are
    /// served by: it counts even while there are no others, or none are looked for.
    private mutating func refreshTrust() -> Bool {
        let settings = assembly.settings
        let mirrors = FileContents(
            reading: settings.remoteSources.filter(\.isOfTrust).map(\.path),
            suspended: sources.suspended)
        let current = Self.sourceFingerprint(settings, mirrors)
        guard current != sourceFingerprint else { return false }
        let next = accepted(mirrors)
        guard next.fingerprint != files.fingerprint else {
            sourceFingerprint = current
            return false
        }
        do throws(GatewayError) {
            try publish(settings, next, nil)
            sourceFingerprint = current
            report([])
            publishMetrics()
            return true
        } catch {
            say(error)
            metrics.increment(.configurationReloadFailures)
            return false
        }
    }

    private func say(_ error: GatewayError) {
        for line in error.lines { logger.error("sources: \(assembly.settings.naming(line))") }
    }

    /// What is served by, with `mirrors`: with all of them, or with each that a store can be made
    /// with, for one that spoils its store must not hold up the others.
    private func accepted(_ mirrors: FileContents) -> FileContents {
        func problem(_ files: FileContents) -> GatewayError? {
            let trial = Assembly(
                settings: assembly.settings, files: files, places: assembly.places,
                slots: assembly.slots, time: judged)
            do throws(GatewayError) { try trial.check(keeping: revocation) } catch { return error }
            return nil
        }
        let whole = files.with(mirrors)
        guard problem(whole) != nil else { return whole }
        var taken = files.with(mirrors.only([]))
        taken.suspended = mirrors.suspended
        for path in mirrors.paths.sorted() where mirrors.bytes(path) != files.bytes(path) {
            var one = mirrors.only([path])
            one.suspended = mirrors.suspended
            if let error = problem(taken.with(one)) {
                say(error)
                logger.error(
                    "sources: \(assembly.settings.naming(path)) goes on as it was before")
                metrics.increment(.configurationReloadFailures)
            } else {
                taken = taken.with(one)
            }
        }
        return taken
    }

    /// Keeps what is served by, if it may have to be published again.
    private mutating func keep(_ files: FileContents) {
        let isFetched = assembly.settings.remoteSources.contains(where: \.isOfTrust)
        self.files = isFetched ? files : FileContents()
    }

    /// Changes with the sources of trust that are fetched, as `files` has them.
    static func sourceFingerprint(_ settings: GatewaySettings, _ files: FileContents) -> [UInt8] {
        files.only(settings.remoteSources.filter(\.isOfTrust).map(\.path)).fingerprint
    }

    private mutating func reloadConfiguration(_ trigger: Trigger) -> Bool {
        let attempt = Attempt(source, sources)
        if case .success(let wanted) = attempt.settings {
            // Of a configuration that is refused, too: a file that makes it good is waited for.
            let files = assembly.settings.files + wanted.files
            named = Set(files.map(\.path) + attempt.files.paths).sorted()
        }
        // Before the files are used: what changes meanwhile is seen the next time.
        let whole = attempt.fingerprint + attempt.revocationFingerprint
        let current = isRefused ? whole : attempt.fingerprint
        guard trigger == .signal || current != fingerprint else { return false }
        do throws(GatewayError) {
            let wanted = try attempt.settings.get()
            let change = LiveChange(from: assembly.settings, to: wanted)
            try publish(change.settings, attempt.files, trigger)
            report(change.atNextStart)
            fingerprint = attempt.fingerprint
            isRefused = false
            publishMetrics()
            return true
        } catch {
            for line in error.lines {
                logger.error("reload failed: \(assembly.settings.naming(line))")
            }
            logger.error("nothing has changed: generation \(generation) goes on")
            // Whoever is alarmed by these finds the reason in the log.
            metrics.increment(.configurationReloadFailures)
            metrics.set(.configurationLastReloadSuccessful, 0)
            fingerprint = whole
            isRefused = true
            return false
        }
    }

    private func publishMetrics() {
        publishRevocationMetrics()
        metrics.set(.configurationGeneration, generation)
        metrics.set(.configurationLastReloadSuccessful, isRefused ? 0 : 1)
        metrics.set(.configurationLastReload, UInt64(clamping: Clock.now().wallSeconds))
    }

    private func report(_ atNextStart: [String]) {
        logger.notice("reloaded: generation \(generation) serves")
        for key in atNextStart {
            logger.warning("\(key) has changed, which takes effect at the next start")
        }
    }

    /// Makes every worker's snapshot, then posts them: nothing can fail in between. Without a
    /// trigger what is revoked stays as it is.
    private mutating func publish(
        _ settings: GatewaySettings, _ files: FileContents, _ trigger: Trigger?
    ) throws(GatewayError) {
        var slots = assembly.slots
        let places = slots.assign(settings.upstreams.map { Assembly.upstream($0, members: []) })
        guard let places else {
            throw GatewayError(
                "upstreams have been added or changed more than \(UpstreamSlots.spare) times "
                    + "since the start: restart to go on")
        }
        guard slots.assign(authorizers: settings.externalAuthorizerNames) else {
            throw GatewayError(
                "more than \(UpstreamSlots.spare) external authorizers have been added since the "
                    + "start: restart to go on")
        }
        let time = trigger == nil ? judged : Clock.now().wallSeconds
        let next = Assembly(
            settings: settings, files: files, places: places, slots: slots, time: time)
        let revocation =
            trigger == nil
            ? try next.check(keeping: revocation)
            : try next.check(after: revocation, isForced: trigger == .signal)
        let members = resolve(next)
        let receipt = Snapshot.Receipt()
        var snapshots: [Snapshot] = []
        for worker in workers {
            snapshots.append(
                try next.snapshot(
                    worker.tls, members: members, revocation: revocation.set, receipt: receipt))
        }
        for warning in next.trustStoreWarnings() { logger.warning("\(warning.text)") }
        if settings.needsAWSCredentials { credentials.begin() }
        generation += 1
        assembly = next.withoutFiles
        judged = time
        keep(files)
        sourceFingerprint = Self.sourceFingerprint(settings, files)
        sources.settle(settings)
        take(revocation)
        for (place, found) in zip(places, members) { addresses[place] = found }
        admin?.setNames(upstreams: next.upstreamNames, authorizers: slots.authorizers)
        for (index, worker) in workers.enumerated() { post(.reload(snapshots[index]), to: worker) }
        snapshots = []
        awaitWorkers(receipt)
    }

    /// Loads what is revoked, if that has changed, and publishes it alone.
    private mutating func refreshRevocation(_ trigger: Trigger) {
        let options = assembly.settings.revocation
        guard !options.isEmpty else { return }
        let current = LoadedRevocation.fingerprint(options)
        guard trigger == .signal || current != revocationFingerprint else { return }
        revocationFingerprint = current
        do throws(TLSConfigurationError) {
            take(try LoadedRevocation(options, after: revocation, isForced: true))
        } catch {
            logger.error("revocation: \(assembly.settings.naming("\(error)"))")
            logger.error("what is revoked has not changed")
            metrics.increment(.configurationReloadFailures)
            metrics.set(.revocationProblems, 1)
            return
        }
        let receipt = Snapshot.Receipt()
        for worker in workers { post(.revocation(revocation.set, receipt), to: worker) }
        awaitWorkers(receipt)
        logger.notice("revocation: generation \(revocation.set.generation) is in force")
        publishRevocationMetrics()
    }

    private func publishRevocationMetrics() {
        metrics.set(.revocationGeneration, revocation.set.generation)
        metrics.set(.revocationProblems, UInt64(revocation.set.problems.count))
    }

    private mutating func take(_ loaded: LoadedRevocation) {
        if loaded.set !== revocation.set {
            for problem in loaded.set.problems {
                logger.warning("revocation: \(assembly.settings.naming("\(problem)"))")
            }
            // What the source said before goes on.
            if !loaded.set.problems.isEmpty { metrics.increment(.configurationReloadFailures) }
        }
        revocation = loaded
        revocationFingerprint = loaded.fingerprint
    }

    private func post(_ message: ControlMessage, to worker: Worker) {
        if !worker.mailbox.post(message) { logger.warning("a worker's mailbox is full") }
    }

    /// The addresses of each upstream. Names that were resolved before keep their addresses until
    /// the resolver's next round; only new ones are waited for.
    private func resolve(_ next: Assembly) -> [[ResolvedMember]] {
        let running = assembly
        return next.settings.upstreams.indices.map { index in
            let members = next.settings.upstreams[index].members
            let name = next.settings.upstreams[index].name
            let earlier = running.settings.upstreams.firstIndex {
                $0.name == name && $0.members == members
            }
            if let earlier, let known = addresses[running.places[earlier]], !known.isEmpty {
                return known
            }
            let found = Resolver.addresses(of: members)
            if found.isEmpty {
                logger.warning("upstream '\(name)' has no member with a known address")
            }
            return found
        }
    }

    private func awaitWorkers(_ receipt: Snapshot.Receipt) {
        let deadline = Clock.monotonic() + Self.patience
        while receipt.signatures < workers.count, Clock.monotonic() < deadline { usleep(500) }
        let count = workers.count - receipt.signatures
        if count > 0 { logger.warning("\(count) workers have not taken the new generation yet") }
    }
}

/// One reading of the configuration and of the files it names.
struct Attempt {
    /// The settings, or what is wrong with the configuration file.
    let settings: Result<GatewaySettings, GatewayError>
    /// The files that the settings name.
    let files: FileContents
    /// Changes with every byte that was read.
    let fingerprint: [UInt8]

    /// Changes with every byte of what the settings say of revocation, which is read by itself.
    var revocationFingerprint: [UInt8] {
        (try? settings.get()).map { LoadedRevocation.fingerprint($0.revocation) } ?? []
    }

    /// Reads what `source` says, and what it says is fetched from `sources`.
    init(_ source: ConfigurationSource, _ sources: SourceKeepers) {
        let configuration = FileContents(reading: [source.file])
        guard let text = configuration.bytes(source.file) else {
            let reason = configuration.failure(source.file) ?? ""
            settings = .failure(
                GatewayError([
                    Diagnostic(
                        origin: Origin(source: source.file), path: "",
                        message: "cannot be read: \(reason)")
                ]))
            files = FileContents()
            fingerprint = configuration.fingerprint
            return
        }
        do throws(GatewayError) {
            let settings = try Self.settings(source, text, sources)
            let missing = sources.follow(settings)
            guard missing.isEmpty else { throw GatewayError(missing) }
            files = Self.files(of: settings, sources)
            self.settings = .success(settings)
        } catch {
            settings = .failure(error)
            files = FileContents()
        }
        fingerprint = configuration.fingerprint + files.fingerprint
    }

    private static func settings(
        _ source: ConfigurationSource, _ text: [UInt8], _ sources: SourceKeepers
    ) throws(GatewayError) -> GatewaySettings {
        do throws(DiagnosticList) {
            let settings = try source.load(text)
            guard let folder = try? sources.folder(for: settings) else { return settings }
            return try source.keepingSources(in: folder).load(text)
        } catch {
            throw GatewayError(error.diagnostics)
        }
    }

    /// The files that `settings` name, as they are now.
    static func files(of settings: GatewaySettings, _ sources: SourceKeepers) -> FileContents {
        FileContents(
            reading: settings.files.filter { !$0.isOfRevocation }.map(\.path),
            trusted: settings.virtualHosts.flatMap { $0.trust?.sources ?? [] }
                + settings.authorizers.flatMap { authorizer in
                    authorizer.rules.flatMap(\.trustStores).flatMap(\.sources)
                }, suspended: sources.suspended)
    }
}
