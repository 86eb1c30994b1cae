import Core
import Crypto
import EventLoop
import Fetch
import GatewayConfiguration
import Logging
import Synchronization
import TLS

extension SourceKeeper {
    /// The state on disk says to this many seconds when the source was last heard.
    private static let notedInterval: Int64 = 600

    /// Asks the source once, at most for `limit`, and takes what is good.
    ///
    /// - Returns: whether that is new.
    func poll(within limit: Nanoseconds? = nil) -> Bool {
        var generator = SystemRandomNumberGenerator()
        let random = Double.random(in: 0...1, using: &generator)
        var isNew = false
        var failure: SourceProblem?
        do throws(SourceProblem) { isNew = try ask(within: limit) } catch { failure = error }
        // What was cut off by that says nothing of the source.
        if failure != nil, isStopping.load(ordering: .acquiring) { return false }
        let now = Clock.monotonic()
        let earlier = state.withLock { state in
            let earlier = state.failure
            state.failure = failure?.reason
            if isNew { state.updates += 1 }
            if failure != nil { state.failures += 1 }
            let pause =
                failure == nil
                ? state.schedule.succeed(random: random) : state.schedule.fail(random: random)
            // A version never changes: there is nothing more to ask.
            let isOver = source.address.isPinned && state.held != nil
            state.nextPoll = isOver ? .distantFuture : now + pause
            return earlier
        }
        if let failure {
            if Self.gist(failure.reason) != earlier.map(Self.gist) { tell(failure) }
        } else if earlier != nil {
            say(.notice, "the source is good again")
        }
        return isNew
    }

    /// What failures have in common that differ in a length of time, or in a port.
    private static func gist(_ reason: String) -> String { reason.filter { !$0.isNumber } }

    private func tell(_ failure: SourceProblem) {
        let now = Clock.monotonic()
        let age = state.withLock { state in
            state.held == nil ? nil : state.confirmation?.age(at: now)
        }
        guard let age else {
            say(.error, failure.reason)
            return
        }
        let seconds = Int64(clamping: age.count / 1_000_000_000)
        say(
            .error,
            "\(failure.reason); its last good copy, heard of \(seconds.ageText) ago, goes on")
    }

    private func ask(within limit: Nanoseconds?) throws(SourceProblem) -> Bool {
        let held = state.withLock { $0.held }
        // What somebody has cleared away is fetched again.
        let isThere = held != nil && mirror.isThere
        if source.address.isPinned, isThere { return false }
        do throws(Mirror.Unusable) { try Mirror.prepare(settings.stateDirectory) } catch {
            throw SourceProblem(reason: error.reason)
        }
        let asking = SourceRequest(
            address: source.address, settings: settings, limit: contents.limit)
        var request = asking.request(
            after: isThere ? held : nil, credentials: try credentials(), at: Clock.now().wallSeconds
        )
        if let limit { request.timeout = min(limit, request.timeout) }
        let answer: FetchAnswer
        do throws(FetchError) { answer = try fetcher.fetch(request) } catch {
            throw SourceProblem(reason: "cannot be fetched (\(error.reason))")
        }
        if [401, 403].contains(answer.status) {
            // Others may have come in their place.
            state.withLock { $0.credentials.refused(now: Clock.now()) }
        }
        switch try asking.outcome(of: answer) {
        case .unchanged:
            guard let held, isThere else {
                throw SourceProblem(reason: "the answer is 304, and nothing was asked for that")
            }
            try confirm(held, isSame: true)
            return false
        case .changed(let bytes, let tag, let modified, let version):
            let next = Mirror.State(
                digest: Mirror.digest(bytes), tag: tag, modified: modified, version: version,
                checked: Clock.now().wallSeconds)
            guard next.digest != held?.digest else {
                let isSame = isThere && next.tag == held?.tag
                try confirm(next, isSame: isSame, again: isThere ? nil : bytes)
                return !isThere
            }
            try take(bytes, next, after: held)
            return true
        }
    }

    /// Whose keys sign; nil for nobody's.
    private func credentials() throws(SourceProblem) -> SignatureV4.Credentials? {
        guard case .object = source.address, settings.credentials == .environment else {
            return nil
        }
        let now = Clock.now()
        let known = state.withLock { state in
            state.credentials.isDue(now) ? nil : state.credentials.credentials
        }
        if let known { return known }
        let random = SecureRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        do throws(AWSCredentialProblem) {
            let loader = AWSCredentialLoader(environment: settings.environment, fetcher: fetcher)
            let loaded = try loader.load(at: now.wallSeconds)
            state.withLock { state in
                _ = state.credentials.obtained(
                    loaded.credentials, isStatic: loaded.source.isStatic, now: now, random: random)
            }
            return loaded.credentials
        } catch {
            let earlier = state.withLock { state in
                state.credentials.failed(now: now, random: random)
                return state.credentials.credentials
            }
            if let earlier, earlier.isValid(at: now.wallSeconds) { return earlier }
            throw SourceProblem(
                reason: "there are no credentials (\(error)); for a public object set "
                    + "sources.s3.credentials: anonymous")
        }
    }

    /// The source says that what is kept is still what counts. `bytes` is that, where it has to be
    /// put on disk again.
    private func confirm(
        _ said: Mirror.State, isSame: Bool, again bytes: [UInt8]? = nil
    ) throws(SourceProblem) {
        let now = Clock.now()
        var said = said
        said.checked = now.wallSeconds
        let isNoted = state.withLock { state in
            state.held = said
            state.confirmation = Confirmation(at: now.wallSeconds, seen: now)
            let span = min(
                Self.notedInterval,
                state.freshness.map { Int64(clamping: $0.maxStale.count / 20_000_000_000) }
                    ?? Self.notedInterval)
            return isSame && (0..<max(span, 1)).contains(now.wallSeconds - state.noted)
        }
        guard !isNoted else { return }
        do throws(Mirror.Unusable) {
            if let bytes { try mirror.store(bytes, said, previous: nil) }
            if bytes == nil { try mirror.confirm(said) }
        } catch {
            throw SourceProblem(reason: error.reason)
        }
        state.withLock { $0.noted = now.wallSeconds }
    }

    /// Judges `bytes`, and keeps them if they are good.
    private func take(
        _ bytes: [UInt8], _ next: Mirror.State, after held: Mirror.State?
    ) throws(SourceProblem) {
        let certificates = try judged(bytes, after: held)
        let present = state.withLock { $0.certificates }
        let change = BundleChange(from: present, to: certificates)
        if case .trust(let policy) = source.use, held != nil {
            let refusal = change.refusal(of: present.count, digest: next.digest, policy)
            if let refusal { throw SourceProblem(reason: "the new bundle is refused: \(refusal)") }
        }
        do throws(Mirror.Unusable) { try mirror.store(bytes, next, previous: held) } catch {
            throw SourceProblem(reason: error.reason)
        }
        let now = Clock.now()
        state.withLock { state in
            state.held = next
            state.certificates = certificates
            state.confirmation = Confirmation(at: next.checked, seen: now)
            state.noted = next.checked
        }
        let version = next.version.isEmpty ? "" : ", version \(next.version)"
        say(.notice, "fetched \(bytes.count) bytes (sha256:\(next.digest)\(version))")
        for line in change.lines { say(.notice, line) }
    }

    private func judged(
        _ bytes: [UInt8], after held: Mirror.State?
    ) throws(SourceProblem) -> [TrustBundle.Certificate] {
        let candidate = "\(source.path).candidate"
        let isFile = if case .revocation = source.use { true } else { false }
        if isFile {
            do throws(Mirror.Unusable) { try Mirror.replace(candidate, by: bytes) } catch {
                throw SourceProblem(reason: error.reason)
            }
        }
        defer { if isFile { Mirror.remove(candidate) } }
        do throws(SourceProblem) {
            return try contents.certificates(
                in: bytes, at: candidate, after: held == nil ? nil : source.path,
                wallSeconds: Clock.now().wallSeconds)
        } catch {
            throw SourceProblem(reason: "what was fetched is refused: \(error.reason)")
        }
    }
}
