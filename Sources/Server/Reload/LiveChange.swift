import Core
import GatewayConfiguration
import TLS

/// What of a new configuration a running gateway can take, and what needs a restart.
struct LiveChange {
    /// The new settings, with those of the running gateway where they cannot change. A listener
    /// that the new ones do not have has no virtual hosts here: it goes on with what it has.
    let settings: GatewaySettings
    /// Keys whose new value takes effect at the next start, in the order of the reference.
    let atNextStart: [String]

    /// Settings that threads, sockets and buffers were made by.
    private static let fixed: [(key: String, value: @Sendable (GatewaySettings) -> String)] = [
        ("io", { $0.io }), ("workers", { "\($0.workers)" }), ("log.level", { $0.logLevel }),
        ("accessLog.path", { $0.accessLogPath }),
        ("accessLog.queueBytes", { "\($0.accessLogQueueBytes)" }),
        ("admin.address", { $0.adminAddress?.text ?? "" }),
        ("limits.headBytes", { "\($0.limits.headBytes)" }),
        ("limits.headerCount", { "\($0.limits.headerCount)" }),
        ("limits.connections", { "\($0.limits.connections)" }),
        ("limits.handshakesInFlight", { "\($0.limits.handshakesInFlight)" }),
        ("limits.handshakeFailuresPerSource", { "\($0.limits.handshakeFailuresPerSource)" }),
        ("tls.fastCertificatePath", { $0.tls.fastCertificatePath.rawValue }),
        ("tls.sessionResumption", { "\($0.tls.sessions.isEnabled)" }),
        ("tls.sessionCapacity", { "\($0.tls.sessions.capacity)" }),
        ("tls.sessionsPerCertificate", { "\($0.tls.sessions.mostPerCertificate)" }),
        ("tls.sessionLifetime", { "\($0.tls.sessions.lifetime)" }),
        ("tuning.ringEntries", { "\($0.tuning.ringEntries)" }),
        ("tuning.completionEntries", { "\($0.tuning.completionEntries)" }),
        ("tuning.receiveBuffers", { "\($0.tuning.receiveBuffers)" }),
        ("tuning.receiveBufferBytes", { "\($0.tuning.receiveBufferBytes)" }),
        ("tuning.relayBuffers", { "\($0.tuning.relayBuffers)" }),
        ("tuning.pinWorkers", { "\($0.tuning.pinWorkers)" }),
    ]

    /// The change from `running` to `wanted`.
    init(from running: GatewaySettings, to wanted: GatewaySettings) {
        var settings = wanted
        settings.io = running.io
        settings.workers = running.workers
        settings.logLevel = running.logLevel
        settings.accessLogPath = running.accessLogPath
        settings.accessLogQueueBytes = running.accessLogQueueBytes
        settings.adminAddress = running.adminAddress
        settings.limits.headBytes = running.limits.headBytes
        settings.limits.headerCount = running.limits.headerCount
        settings.limits.connections = running.limits.connections
        settings.limits.handshakesInFlight = running.limits.handshakesInFlight
        settings.limits.handshakeFailuresPerSource = running.limits.handshakeFailuresPerSource
        settings.tls.fastCertificatePath = running.tls.fastCertificatePath
        settings.tls.sessions = running.tls.sessions
        settings.tuning = running.tuning
        var keys = Self.fixed.filter { $0.value(running) != $0.value(wanted) }.map(\.key)
        settings.listeners = running.listeners.map { listener in
            var kept = listener
            kept.virtualHosts = []
            guard let other = wanted.listeners.first(where: { $0.name == listener.name }) else {
                keys.append("listeners.\(listener.name) (removed)")
                return kept
            }
            kept.virtualHosts = other.virtualHosts
            kept.proxyProtocol = other.proxyProtocol
            kept.proxyProtocolFrom = other.proxyProtocolFrom
            kept.proxyProtocolFromUnix = other.proxyProtocolFromUnix
            if other.address != listener.address { keys.append("listeners.\(other.name).address") }
            if other.backlog != listener.backlog { keys.append("listeners.\(other.name).backlog") }
            return kept
        }
        for listener in wanted.listeners
        where !running.listeners.contains(where: { $0.name == listener.name }) {
            keys.append("listeners.\(listener.name) (added)")
        }
        self.settings = settings
        atNextStart = keys
    }
}
