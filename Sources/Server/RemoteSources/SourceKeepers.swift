import Core
import Fetch
import GatewayConfiguration
import Glibc
import Logging
import Synchronization
import Telemetry

/// The keepers of all sources that a configuration, or the one before it, names.
final class SourceKeepers: Sendable {
    /// What for.
    enum Purpose {
        /// To serve by: sources are asked before the start.
        case serving
        /// To find out whether a gateway would start: the same, away from a running one's copies.
        case check
        /// To find out what a gateway does: only what has no copy is asked.
        case explanation
    }

    private struct State {
        var keepers: [SourceKeeper] = []
        var trial: TrialFolder?
        /// Set when they have threads.
        var announce: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let log: SourceLog
    private let purpose: Purpose

    /// How long a reload waits for a source that is new.
    private static let patience = Nanoseconds.seconds(10)
    /// How long a start, or a check, waits for a source of which it has a copy.
    private static let copyPatience = Nanoseconds.seconds(3)

    /// Keepers of nothing. Readies what fetches, so before there are other threads.
    init(_ purpose: Purpose = .serving, log: SourceLog) {
        self.log = log
        self.purpose = purpose
        // OpenSSL writes to a socket that the peer has closed, as to any other.
        signal(SIGPIPE, SIG_IGN)
        Fetcher.prepare()
    }

    private var keepers: [SourceKeeper] { state.withLock { $0.keepers } }

    /// Folder of the mirrors, where they must not be those of a gateway; nil for theirs.
    func folder(for settings: GatewaySettings) throws(GatewayError) -> String? {
        guard purpose != .serving, !settings.remoteSources.isEmpty else { return nil }
        let trial = try TrialFolder(settings)
        state.withLock { $0.trial = trial }
        return trial.path
    }

    // MARK: Whom to keep

    /// Keeps the sources of `settings` too, those that are new after a look at each.
    ///
    /// - Returns: what is missing.
    func follow(_ settings: GatewaySettings) -> [Diagnostic] {
        var missing: [Diagnostic] = []
        for source in settings.remoteSources {
            func report(_ reason: String) {
                missing.append(
                    Diagnostic(
                        origin: source.origin, path: source.key,
                        message: "\(source.shown): \(reason)"))
            }
            do throws(GatewayError) {
                let keeper = try keeper(of: source, settings.sources)
                if !keeper.isUsable, source.isRequired {
                    report(
                        "\(keeper.failure ?? "not fetched"); there is no earlier copy of it")
                }
            } catch {
                report("\(error)")
            }
        }
        return missing
    }

    /// The keeper of `source`: by the rules before, as long as there is a copy to go by and
    /// nobody knows whether a configuration with these will be served (`settle`).
    private func keeper(
        of source: RemoteSource, _ settings: SourceSettings
    ) throws(GatewayError) -> SourceKeeper {
        let known = keepers.first { $0.source.path == source.path }
        if let known, known.isUsable || known.keeps(source, settings) { return known }
        return try replace(known, source, settings)
    }

    /// A keeper of `source` by these settings in place of `known`: the copy stays, and is judged by
    /// them from now on.
    private func replace(
        _ known: SourceKeeper?, _ source: RemoteSource, _ settings: SourceSettings
    ) throws(GatewayError) -> SourceKeeper {
        let isRunning = state.withLock { $0.announce != nil }
        known?.stop()
        let keeper = try SourceKeeper(source.withoutPlace, settings, log: log)
        // A running gateway waits for what it has no copy of; its thread looks after the others.
        let isWaitedFor = isRunning || purpose == .explanation ? !keeper.isUsable : true
        if isWaitedFor {
            _ = keeper.poll(
                within: isRunning ? Self.patience : keeper.isUsable ? Self.copyPatience : nil)
        }
        _ = keeper.judge()
        let announce = state.withLock { state in
            state.keepers.removeAll { $0 === known }
            state.keepers.append(keeper)
            return state.announce
        }
        guard let announce else { return keeper }
        do throws(GatewayError) { try keeper.start(announce) } catch {
            // Made anew the next time.
            state.withLock { $0.keepers.removeAll { $0 === keeper } }
            throw error
        }
        return keeper
    }

    /// Keeps the sources of `settings` alone, and by their rules, from now on.
    func settle(_ settings: GatewaySettings) {
        for source in settings.remoteSources {
            let known = keepers.first { $0.source.path == source.path }
            guard let known, !known.keeps(source, settings.sources) else { continue }
            let wasSuspended = known.isSuspended
            do throws(GatewayError) {
                let keeper = try replace(known, source, settings.sources)
                guard keeper.isSuspended != wasSuspended else { continue }
                state.withLock { $0.announce }?()
            } catch {
                log.say(.error, "\(source.owner): \(source.shown): \(error)")
            }
        }
        let wanted = Set(settings.remoteSources.map(\.path))
        let gone = state.withLock { state in
            let gone = state.keepers.filter { !wanted.contains($0.source.path) }
            state.keepers.removeAll { !wanted.contains($0.source.path) }
            return gone
        }
        for keeper in gone { keeper.stop() }
    }

    // MARK: Life

    /// Gives every keeper its thread, those that come later too. `announce` is called by any of
    /// them when what counts has changed.
    func start(_ announce: @escaping @Sendable () -> Void) throws(GatewayError) {
        let waiting = state.withLock { state in
            state.announce = announce
            return state.keepers
        }
        for keeper in waiting { try keeper.start(announce) }
    }

    /// Asks every source now. Returns at once.
    func pollSoon() { for keeper in keepers { keeper.pollSoon() } }

    /// Ends every thread.
    func stop() { for keeper in keepers { keeper.stop() } }

    // MARK: What is known

    /// Paths of the mirrors by which nobody is to be trusted for now (S20).
    var suspended: Set<String> {
        Set(keepers.filter(\.isSuspended).map(\.source.path))
    }

    /// Numbers for `/metrics`.
    var readings: [SourceReading] { keepers.map(\.reading) }
}

extension RemoteSource {
    /// The same wherever it stands in the file.
    var withoutPlace: RemoteSource {
        var source = self
        source.key = ""
        source.origin = Origin(source: "")
        return source
    }
}
