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

    /// The libraries of one more worker.
    func makeLibraries() -> CryptoLibraries {
        usesOwnLibraries ? CryptoLibraries.restricted() ?? .stock : .stock
    }
}
