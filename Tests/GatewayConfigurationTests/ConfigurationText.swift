import Foundation
import GatewayConfiguration
import Testing

/// Whole files that differ in what a test is about. Diagnostics name lines: keep them where they
/// are.
enum ConfigurationText {
    /// One host without client certificates and one upstream, with `keys` from line 11 on.
    static func upstream(_ keys: String, members: String = "\"127.0.0.1:1\"") -> String {
        """
        listeners: {edge: {address: "127.0.0.1:8443"}}
        virtualHosts:
          main:
            default: true
            certificates: {main: {chain: a.pem, key: a.key}}
            clientCertificate: off
            routes: {all: {upstream: backend}}
        upstreams:
          backend:
            members: [\(members)]
            \(keys)
        """
    }

    /// One host whose clients need a certificate, with one identity header.
    static func identityHeader(_ header: String) -> String {
        """
        listeners: {edge: {address: "127.0.0.1:8443"}}
        virtualHosts:
          main:
            default: true
            certificates: {main: {chain: a.pem, key: a.key}}
            trustStore: clients
            identityHeaders: {\(header)}
            routes: {all: {upstream: backend}}
        trustStores: {clients: {file: ca.pem}}
        upstreams: {backend: {members: ["127.0.0.1:1"]}}
        """
    }

    /// The minimal file of `Config`, with `keys` in its route.
    static func minimal(route keys: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("Config/minimal.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacing("upstream: backend", with: "upstream: backend, \(keys)")
        try #require(changed != text)
        return changed
    }

    /// What `text` says, as the file `a.yaml`.
    static func load(
        _ text: String, environment: [String: String] = [:], overrides: [String] = []
    ) throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationLoader.load(
            Array(text.utf8), named: "a.yaml", environment: environment, overrides: overrides)
    }
}
