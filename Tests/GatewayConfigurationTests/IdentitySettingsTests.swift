import Identity
import Testing

@testable import GatewayConfiguration

@Suite struct IdentitySettingsTests {
    private static func load(_ set: String, host: String = "", route: String = "") throws
        -> GatewaySettings
    {
        let text = """
            listeners: {edge: {address: "127.0.0.1:8443"}}
            identitySets:
              one: \(set)
              plain: {headers: {X-A: {template: "{subject.CN}"}}}
            virtualHosts:
              main:
                default: true
                certificates: {main: {chain: a.pem, key: a.key}}
                trustStore: clients
                identityHeaders: {X-Who: subject}
                \(host)
                routes: {all: {upstream: backend, \(route)}}
            trustStores: {clients: {file: ca.pem}}
            upstreams: {backend: {members: ["127.0.0.1:1"]}}
            """
        return try ConfigurationLoader.load(
            Array(text.utf8), named: "a.yaml", environment: [:], overrides: [])
    }

    private func message(_ set: String, host: String = "", route: String = "") throws -> String {
        let error = #expect(throws: DiagnosticList.self) {
            _ = try Self.load(set, host: host, route: route)
        }
        let diagnostics = try #require(error).diagnostics.map(\.description)
        #expect(diagnostics.count == 1, "\(diagnostics)")
        return diagnostics[0]
    }

    @Test("a set has presets, templates and formats; a host adds it to its own headers")
    func sets() throws {
        let settings = try Self.load(
            """
            {presets: [rfc9440, xfcc], valueLimit: 4KiB, totalLimit: 8KiB, onExcess: omit-and-flag,
                    headers: {X-Team: {template: "{subject.OU}", encoding: url, default: none},
                              X-Sub: {format: subjectBase64}},
                    forwardClientCert: appendForward, trustedHops: ["spiffe://a/b"],
                    proxyURIs: ["spiffe://a/c"]}
            """, host: "identity: one", route: "identity: plain")
        let host = settings.virtualHosts[0]
        #expect(
            host.identity.headers.map(\.name) == [
                "X-Who", "Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-Team",
                "X-Sub",
            ])
        #expect(host.identity.limits.valueBytes == 4_096)
        #expect(host.identity.limits.totalBytes == 8_192)
        #expect(host.identity.limits.excess == .omitAndFlag)
        #expect(host.identity.forwarding.mode == .appendForward)
        #expect(host.identity.forwarding.trustedHops == [.spiffe("spiffe://a/b")])
        #expect(host.routes[0].identity?.headers.map(\.name) == ["X-A"])
        #expect(settings.identityNames.contains("Client-Cert-Chain-Too-Large"))
        #expect(settings.identityNames.contains("X-A"))
    }

    @Test("a host's own header is a format, or a template") func inline() throws {
        func load(_ value: String) throws -> GatewaySettings {
            try ConfigurationText.load(ConfigurationText.identityHeader("X-Team: \(value)"))
        }
        let host = try load("\"{subject.OU}\"").virtualHosts[0]
        let same = try IdentityHeader(name: "X-Team", template: "{subject.OU}")
        #expect(host.identity == IdentityHeaderSet([same]))
        let error = #expect(throws: DiagnosticList.self) { _ = try load("\"a{subject.OU\"") }
        #expect(
            error?.diagnostics.map(\.description) == [
                "a.yaml:7:31: error: virtualHosts.main.identityHeaders.X-Team: character 2: '{' has"
                    + " no '}'; for a brace write '{{'"
            ])
    }

    @Test("without a set, hosts and routes have their own headers only") func without() throws {
        let host = try Self.load("{presets: [nginx]}").virtualHosts[0]
        #expect(host.identity.headers.map(\.name) == ["X-Who"])
        #expect(host.routes[0].identity == nil)
    }

    @Test(
        "mistakes say where they stand and what is allowed",
        arguments: [
            (
                "{presets: [ngnix]}",
                "a.yaml:3:18: error: identitySets.one.presets: there is no preset 'ngnix' "
                    + "(did you mean 'nginx'?)"
            ),
            (
                "{presets: [nginx, haproxy]}",
                "a.yaml:3:3: error: identitySets.one: two of its headers are called "
                    + "'X-SSL-Client-Verify'; one is allowed"
            ),
            (
                "{headers: {X-T: {template: \"a{subject.OX}\"}}}",
                "a.yaml:3:35: error: identitySets.one.headers.X-T.template: character 2: there is "
                    + "no variable 'subject.OX'; known are certificate.base64, "
            ),
            (
                "{headers: {X-T: {encoding: hex}}}",
                "a.yaml:3:19: error: identitySets.one.headers.X-T: needs either a template or a "
                    + "format"
            ),
            (
                "{headers: {X-T: {format: subject, default: a}}}",
                "a.yaml:3:51: error: identitySets.one.headers.X-T.default: belongs to a template"
            ),
            (
                "{headers: {X-T: {format: subjekt}}}",
                "a.yaml:3:33: error: identitySets.one.headers.X-T.format: there is no format"
            ),
            (
                "{headers: {X-T: {template: a, default: \" \"}}}",
                "a.yaml:3:47: error: identitySets.one.headers.X-T.default: must be printable ASCII"
            ),
            (
                "{headers: {Host: {template: a}}}",
                "a.yaml:3:19: error: identitySets.one.headers.Host: 'Host' cannot be an identity "
                    + "header"
            ),
            (
                "{headers: {X-T: {template: a, encoding: gzip}}}",
                "a.yaml:3:48: error: identitySets.one.headers.X-T.encoding: 'gzip' is not one of "
                    + "raw, base64, url, hex, rfc8941"
            ),
            (
                "{presets: [xfcc], forwardClientCert: appendForward}",
                "a.yaml:3:3: error: identitySets.one.trustedHops: is required when "
                    + "forwardClientCert is 'appendForward'"
            ),
            (
                "{presets: [xfcc], trustedHops: [\"spiffe://a/b\"]}",
                "a.yaml:3:39: error: identitySets.one.trustedHops: has no effect: "
                    + "forwardClientCert is 'sanitizeSet'"
            ),
            (
                "{forwardClientCert: forwardOnly, trustedHops: [10.0.0.1]}",
                "a.yaml:3:54: error: identitySets.one.trustedHops: '10.0.0.1' is neither 'sha256:'"
            ),
            (
                "{forwardClientCert: appendForward, trustedHops: [\"spiffe://a/b\"]}",
                "a.yaml:3:28: error: identitySets.one.forwardClientCert: has nothing to append: "
            ),
            (
                "{presets: [xfcc], proxyURIs: [\"a b\"]}",
                "a.yaml:3:37: error: identitySets.one.proxyURIs: 'a b' is no URI"
            ),
            (
                "{presets: [xfcc], valueLimit: 1}",
                "a.yaml:3:38: error: identitySets.one.valueLimit: '1' is not bytes, or a number"
            ),
        ])
    func mistakes(set: String, expected: String) throws {
        let message = try message(set)
        #expect(message.hasPrefix(expected), "\(message)")
    }

    @Test("names of sets are checked, and headers that a host has twice") func references() throws {
        let set = "{headers: {x-who: {format: subject}}}"
        #expect(
            try message(set, host: "identity: two")
                == "a.yaml:11:15: error: virtualHosts.main.identity: there is no identity set "
                + "'two' (allowed: one, plain)")
        #expect(
            try message(set, route: "identity: plan")
                == "a.yaml:12:49: error: virtualHosts.main.routes.all.identity: there is no "
                + "identity set 'plan' (did you mean 'plain'?)")
        #expect(
            try message(set, host: "identity: one")
                == "a.yaml:11:15: error: virtualHosts.main.identity: two headers are called "
                + "'x-who'; one is allowed")
    }
}
