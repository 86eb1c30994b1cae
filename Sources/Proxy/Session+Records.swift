import Core
import HTTP
import Identity
import TLS
import Telemetry
import Upstream

// What is counted and logged.
extension Session {
    /// Logs a connection that was refused before TLS.
    func recordRefusedConnection(
        _ event: StaticString, _ reason: StaticString, _ turn: inout Turn
    ) {
        guard let log = turn.environment.accessLog else { return }
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        line.time("time", wallSeconds: turn.now.wallSeconds)
        line.string("event", ByteView(event))
        peer.withText { line.string("client", $0) }
        line.string("reason", ByteView(reason))
        line.finish()
        _ = log.append(line.bytes)
    }

    /// Writes the access-log line of the exchange.
    func writeAccessLog(
        to log: AccessLogQueue, duration: Nanoseconds, _ turn: inout Turn
    ) {
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        line.time("time", wallSeconds: turn.now.wallSeconds)
        appendRequestID(to: &line, turn)
        peer.withText { line.string("client", $0) }
        let host = table.virtualHosts[virtualHost]
        line.string("virtualHost", host.nameText)
        if let route = exchange.route { line.string("route", host.routeName(at: route)) }
        if let head = exchange.head {
            let bytes = head.filled
            line.string("method", bytes[exchange.request.methodRange])
            line.string("host", bytes[exchange.request.host])
            line.string("path", bytes[exchange.request.path])
        }
        line.number("status", UInt64(exchange.status))
        line.number("bytesIn", exchange.bytesIn)
        line.number("bytesOut", exchange.bytesOut)
        line.number("durationMicroseconds", duration.count / 1_000)
        if exchange.attempts > 0 || exchange.tried.count > 0 {
            withBytes(of: table.upstreamNames[exchange.upstream]) {
                line.string("upstream", $0)
            }
        }
        if exchange.attempts > 0 { line.number("reused", exchange.isReusedConnection ? 1 : 0) }
        line.string("tls", ByteView(engine.protocolName))
        withBytes(of: logIdentity) { line.members($0) }
        appendVerdict(to: &line)
        appendDecision(to: &line)
        if let refusal = exchange.refusal {
            line.string("refused", ByteView(refusal.symbol))
            line.string("detail", ByteView(exchange.refusalDetail))
        }
        line.finish()
        _ = log.append(line.bytes)
    }

    /// The id that the upstream sees; of a request that was refused, the one it would have seen.
    private func appendRequestID(to line: inout AccessLogLine, _ turn: borrowing Turn) {
        if let range = exchange.receivedID {
            // The head may have gone with its upstream connection: then nothing is known.
            if let head = exchange.head { line.string("requestId", head.filled[range]) }
        } else if table.addsRequestID, exchange.requestNumber > 0 {
            line.hex(
                "requestId", high: turn.environment.requestIDPrefix, low: exchange.requestNumber)
        }
    }

    /// Renders what every line of this connection says of the client's identity.
    mutating func renderLogIdentity(_ turn: inout Turn) {
        guard let peer = identity.peer else { return }
        turn.staging.removeAll()
        var line = AccessLogLine(into: turn.staging)
        withBytes(of: peer.fingerprint.bytes) { line.hex("fingerprint", $0) }
        let subject = identity.subjectLabel
        if !subject.isEmpty { withBytes(of: subject) { line.string("subject", $0) } }
        logIdentity = line.members.array
    }

    func withBytes(of text: String, _ body: (ByteView) -> Void) {
        // A native string: nothing is copied, or into the caller's frame when it is short.
        var text = text
        text.withUTF8 { unsafe body(ByteView(UnsafeRawBufferPointer($0))) }
    }

    func withBytes(of bytes: [UInt8], _ body: (ByteView) -> Void) {
        unsafe bytes.withUnsafeBytes { unsafe body(ByteView($0)) }
    }
}

extension WorkerMetrics {
    /// Counts the fields of one head that were not forwarded.
    @inline(__always)
    func recordDropped(_ dropped: DroppedFields) {
        if dropped.owned > 0 { add(.fieldsOwnedDropped, UInt64(dropped.owned)) }
        if dropped.suspicious > 0 { add(.fieldsSuspiciousDropped, UInt64(dropped.suspicious)) }
    }
}
