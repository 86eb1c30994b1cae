import Core
import Identity
import TLS
import Telemetry

// What is counted and logged of a handshake that failed.
extension Session {
    /// Counts a failed handshake by cause, and logs all that is known of it: so that whoever runs
    /// the gateway need not ask the client. The client learns no more than the alert.
    func recordHandshakeFailure(_ error: TLSError, _ turn: inout Turn) {
        let diagnosis = error.diagnosis
        let failure = HandshakeFailure(rawValue: diagnosis.cause.rawValue) ?? .other
        turn.environment.metrics.recordHandshakeFailure(failure)
        guard let log = turn.environment.accessLog else { return }
        guard var line = beginEvent("handshake_failed", &turn) else { return }
        withBytes(of: diagnosis.cause.rawValue) { line.string("cause", $0) }
        withBytes(of: error.reason) { line.string("reason", $0) }
        if let code = error.x509Code ?? error.libraryReason {
            line.number("code", UInt64(max(code, 0)))
        }
        if let alert = error.alert { line.number("alert", UInt64(alert)) }
        withBytes(of: diagnosis.hint) { line.string("hint", $0) }
        if let depth = error.depth { line.number("depth", UInt64(max(depth, 0))) }
        if let subject = error.subjectOfFailedCertificate {
            withBytes(of: subject) { line.string("subject", $0) }
        }
        if let leaf = error.certificate ?? identity.peer?.leaf { append(leaf, to: &line) }
        line.finish()
        _ = log.append(line.bytes)
    }

    /// Logs a verified client whose names no header can carry.
    func recordRefusedIdentity(
        _ error: IdentityError, _ leaf: PeerCertificate?, _ turn: inout Turn
    ) {
        turn.environment.metrics.increment(.identityRefused)
        guard let log = turn.environment.accessLog,
            var line = beginEvent("identity_refused", &turn)
        else { return }
        withBytes(of: error.explanation) { line.string("reason", $0) }
        line.string("hint", ByteView(Self.identityHint))
        if let leaf { append(leaf, to: &line) }
        line.finish()
        _ = log.append(line.bytes)
    }

    /// What would mend a certificate whose names no header can carry.
    public static var identityHint: StaticString {
        "issue it with shorter names, of printable text without control characters"
    }

    /// The begin of a line that says whose handshake it was; nil when there were too many of late.
    private func beginEvent(_ event: StaticString, _ turn: inout Turn) -> AccessLogLine? {
        guard let suppressed = turn.handshakeEvents.admit(now: turn.now.monotonic) else {
            turn.environment.metrics.increment(.handshakeEventsSuppressed)
            return nil
        }
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        line.time("time", wallSeconds: turn.now.wallSeconds)
        line.string("event", ByteView(event))
        peer.withText { line.string("client", $0) }
        if suppressed > 0 { line.number("suppressed", suppressed) }
        if let name = engine.serverName { withBytes(of: name) { line.string("sni", $0) } }
        let version = ByteView(engine.protocolName)
        if !version.isEmpty { line.string("tls", version) }
        return line
    }

    /// The leaf that was presented. Its names are what a stranger wrote: printable, and cut.
    private func append(_ leaf: PeerCertificate, to line: inout AccessLogLine) {
        withBytes(of: leaf.printableSubject) { line.string("leafSubject", $0) }
        withBytes(of: leaf.printableIssuer) { line.string("leafIssuer", $0) }
        withBytes(of: Array(leaf.serialNumber.prefix(64))) { line.hex("leafSerial", $0) }
        withBytes(of: leaf.sha256Fingerprint) { line.hex("leafFingerprint", $0) }
    }
}
