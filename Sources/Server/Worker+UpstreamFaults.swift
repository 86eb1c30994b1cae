import Core
import Proxy
import TLS
import Telemetry
import Upstream

// What is counted and logged of TLS to an upstream that failed.
extension Worker where Loop: ~Copyable {
    /// Counts a failure if it is the handshake's, and logs it, at a bounded rate: in the access log
    /// with all that is known, and as a warning of the gateway.
    mutating func record(
        _ handle: SlabHandle, _ fault: ServerFault, _ error: TLSError?, isOfHandshake: Bool
    ) {
        let upstream = connections[handle].upstream
        if isOfHandshake {
            turn.environment.metrics.increment(.tlsHandshakeFailures, upstream: upstream)
        }
        guard let suppressed = upstreamEvents.admit(now: turn.now.monotonic) else { return }
        let event = UpstreamFaultEvent(
            upstream: pools[poolHandle(upstream)].name, member: connections[handle].address.text,
            fault: fault, error: error, suppressed: suppressed)
        notices.post(event.warning)
        guard let log = turn.environment.accessLog else { return }
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        line.time("time", wallSeconds: turn.now.wallSeconds)
        event.append(to: &line)
        line.finish()
        _ = log.append(line.bytes)
    }
}

/// TLS to an upstream that failed, in words.
struct UpstreamFaultEvent {
    let upstream: String
    let member: String
    let fault: ServerFault
    let error: TLSError?
    /// Events like it that were left out before it.
    let suppressed: UInt64

    private var reason: String { error?.reason ?? "\(fault.detail)" }

    /// One line for the operational log.
    var warning: String {
        var text = "upstream '\(upstream)': TLS with \(member) failed: \(reason)"
        if let subject = error?.subjectOfFailedCertificate { text += " (\(subject))" }
        text += "; \(fault.hint)"
        return suppressed > 0 ? text + "; \(suppressed) more were not logged" : text
    }

    /// The members of its line in the access log.
    func append(to line: inout AccessLogLine) {
        line.string("event", ByteView("upstream_tls_failed"))
        append("upstream", upstream, to: &line)
        append("member", member, to: &line)
        append("cause", fault.rawValue, to: &line)
        append("reason", reason, to: &line)
        if let code = error?.x509Code ?? error?.libraryReason {
            line.number("code", UInt64(max(code, 0)))
        }
        if let alert = error?.alert { line.number("alert", UInt64(alert)) }
        line.string("hint", ByteView(fault.hint))
        if let depth = error?.depth { line.number("depth", UInt64(max(depth, 0))) }
        if let subject = error?.subjectOfFailedCertificate {
            append("subject", subject, to: &line)
        }
        if suppressed > 0 { line.number("suppressed", suppressed) }
    }

    private func append(_ key: StaticString, _ text: String, to line: inout AccessLogLine) {
        var text = text
        text.withUTF8 { unsafe line.string(key, ByteView(UnsafeRawBufferPointer($0))) }
    }
}
