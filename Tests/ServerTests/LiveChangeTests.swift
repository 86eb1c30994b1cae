import Core
import GatewayConfiguration
import Testing
import Upstream

@testable import Server

private let text = """
    listeners:
      edge: {address: 127.0.0.1:8443}
      local: {address: "unix:/tmp/a.sock", virtualHosts: [main]}
    virtualHosts:
      main:
        default: true
        certificates: {main: {chain: a.pem, key: a.key}}
        clientCertificate: off
        routes: {all: {path: /, upstream: backend}}
    upstreams:
      backend: {members: ["127.0.0.1:1"]}
    """

private func settings(
    _ text: String = text, _ overrides: [String] = []
) throws -> GatewaySettings {
    try ConfigurationSource(file: "a.yaml", environment: [:], overrides: overrides).load(
        Array(text.utf8))
}

@Suite struct LiveChangeTests {
    @Test(
        "what needs a restart is named, and stays as it was",
        arguments: [
            (["timeouts.idle=1s", "http.via=true", "limits.bodyBytes=5"], []),
            (["workers=3"], ["workers"]), (["io=epoll"], ["io"]),
            (["log.level=debug"], ["log.level"]), (["accessLog.path=stdout"], ["accessLog.path"]),
            (["admin.address=127.0.0.1:1"], ["admin.address"]),
            (
                ["limits.headBytes=32KiB", "limits.headerCount=5"],
                ["limits.headBytes", "limits.headerCount"]
            ),
            (["tuning.relayBuffers=64"], ["tuning.relayBuffers"]),
            (
                ["limits.handshakeFailuresPerSource=5", "tls.fastCertificatePath=off"],
                ["limits.handshakeFailuresPerSource", "tls.fastCertificatePath"]
            ),
            (
                [
                    "tls.sessionResumption=off", "tls.sessionCapacity=5", "tls.sessionLifetime=5s",
                    "tls.sessionsPerCertificate=5",
                ],
                [
                    "tls.sessionResumption", "tls.sessionCapacity", "tls.sessionsPerCertificate",
                    "tls.sessionLifetime",
                ]
            ),
            (
                [
                    "listeners.edge.proxyProtocol=required",
                    "listeners.edge.proxyProtocolFrom=unix:",
                ], []
            ),
            (["listeners.edge.address=127.0.0.1:1"], ["listeners.edge.address"]),
            (["listeners.edge.backlog=7"], ["listeners.edge.backlog"]),
            (["listeners.new.address=127.0.0.1:1"], ["listeners.new (added)"]),
        ])
    func fixed(overrides: [String], keys: [String]) throws {
        let running = try settings()
        let wanted = try settings(text, overrides)
        let change = LiveChange(from: running, to: wanted)
        #expect(change.atNextStart == keys)
        // Taking the change twice finds nothing more to take.
        let again = LiveChange(from: change.settings, to: wanted)
        #expect(again.atNextStart == keys)
        #expect(change.settings.workers == running.workers && change.settings.io == running.io)
        #expect(change.settings.limits.headBytes == running.limits.headBytes)
        #expect(change.settings.listeners.map(\.name) == ["edge", "local"])
        #expect(change.settings.listeners[0].address == running.listeners[0].address)
        #expect(
            change.settings.listeners[0].proxyProtocol == wanted.listeners[0].proxyProtocol)
        #expect("\(change.settings.tls.sessions)" == "\(running.tls.sessions)")
        #expect(change.settings.timeouts.idle == wanted.timeouts.idle)
        #expect(change.settings.limits.bodyBytes == wanted.limits.bodyBytes)
    }

    @Test("a listener that is removed goes on with what it has, and may come back")
    func removed() throws {
        let running = try settings()
        let edge = text.split(separator: "\n").filter { !$0.contains("local:") }
            .joined(separator: "\n")
        let change = LiveChange(from: running, to: try settings(edge))
        #expect(change.atNextStart == ["listeners.local (removed)"])
        #expect(change.settings.listeners.map(\.virtualHosts) == [[0], []])
        let back = LiveChange(from: change.settings, to: running)
        #expect(back.atNextStart == [])
        #expect(back.settings.listeners.map(\.virtualHosts) == [[0], [0]])
    }
}

@Suite struct UpstreamSlotsTests {
    private func upstream(_ name: String, queue: Int = 1, members: Int = 1) -> UpstreamOptions {
        var options = UpstreamOptions(
            name: name, members: (0..<members).map { .ipv4(1, port: UInt16($0)) })
        options.queueLimit = queue
        return options
    }

    @Test("a place never comes to mean another upstream") func places() throws {
        var slots = UpstreamSlots()
        #expect(slots.assign([upstream("a"), upstream("b")]) == [0, 1])
        #expect(slots.assign([upstream("b"), upstream("a", members: 3)]) == [1, 0])
        #expect(slots.assign([upstream("c"), upstream("b")]) == [2, 1])
        #expect(slots.assign([upstream("c", queue: 2), upstream("a")]) == [3, 0])
        #expect(slots.assign([upstream("c")]) == [2])
        #expect(slots.names == ["a", "b", "c", "c"])
    }

    @Test("places run out, and then nothing is taken") func limit() throws {
        var slots = UpstreamSlots()
        #expect(slots.assign([upstream("a")]) == [0])
        for queue in 1...UpstreamSlots.spare {
            #expect(slots.assign([upstream("b", queue: queue)]) == [queue])
        }
        #expect(slots.assign([upstream("b", queue: 0)]) == nil)
        #expect(slots.names.count == UpstreamSlots.spare + 1)
        #expect(slots.assign([upstream("a")]) == [0])
    }
}
