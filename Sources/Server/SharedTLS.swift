import Core
import EventLoop
import GatewayConfiguration
import TLS

/// What the TLS of all workers has in common: the sessions, and whether the fast path works here.
struct SharedTLS: Sendable {
    /// Sessions of the whole process; nil when none are resumed.
    let sessions: SessionStore?
    /// Whether workers use OpenSSL libraries of their own.
    let usesOwnLibraries: Bool
    /// Why, for the log.
    let reason: String

    /// Tries out what `settings` ask for.
    init(_ settings: TLSSettings) {
        sessions = SessionStore(settings.sessions)
        guard settings.fastCertificatePath == .auto else {
            usesOwnLibraries = false
            reason = "off by configuration"
            return
        }
        let found = FastPathSelfTest.libraries(at: Clock.now())
        usesOwnLibraries = found.libraries != nil
        reason = found.reason
    }

    /// What one more worker makes its contexts with.
    func makeWorker() -> WorkerTLS {
        WorkerTLS(
            libraries: usesOwnLibraries ? CryptoLibraries.restricted() ?? .stock : .stock,
            sessions: sessions)
    }
}

/// What the TLS contexts of one worker have in common, from one generation to the next.
struct WorkerTLS: Sendable {
    /// The worker's own. They are never freed, so a reload makes no others.
    let libraries: CryptoLibraries
    /// The process's; nil when none are resumed.
    let sessions: SessionStore?

    /// OpenSSL as it is, and no sessions: to try out a configuration.
    static let stock = WorkerTLS(libraries: .stock, sessions: nil)
}
