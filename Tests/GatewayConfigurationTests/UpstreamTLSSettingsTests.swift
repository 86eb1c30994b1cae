import Core
import Testing

@testable import GatewayConfiguration

@Suite struct UpstreamTLSSettingsTests {
    private static func load(
        _ keys: String, members: String = "\"backend.test:8443\"", overrides: [String] = [],
        environment: [String: String] = [:]
    ) throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationText.load(
            ConfigurationText.upstream(keys, members: members), environment: environment,
            overrides: overrides)
    }

    @Test(
        "mistakes are errors where they stand",
        arguments: [
            ("tls:", "9:3: error: upstreams.backend.tls.trust: is required: a file path"),
            ("tls: {}", "9:3: error: upstreams.backend.tls.trust: is required: a file path"),
            ("tls: {sessionReuse: off}", "9:3: error: upstreams.backend.tls.trust: is required"),
            ("tls: {trust: \"\"}", "11:18: error: upstreams.backend.tls.trust: is required"),
            ("tls: true", "11:10: error: upstreams.backend.tls: keys are expected here, not a"),
            (
                "tls: {trust: ca.pem, verify: off}",
                "11:26: error: upstreams.backend.tls: unknown key 'verify' (allowed: trust, "
                    + "serverName, sni, certificate, key, passphraseFile, minimumVersion, "
                    + "sessionReuse)"
            ),
            (
                "tls: {trust: ca.pem, serverName: \"*.test\"}",
                "11:38: error: upstreams.backend.tls.serverName: '*.test' is neither a host name"
            ),
            (
                "tls: {trust: ca.pem, serverName: \"a b\"}",
                "11:38: error: upstreams.backend.tls.serverName: 'a b' is neither a host name nor"
            ),
            (
                "tls: {trust: ca.pem, serverName: \"\"}",
                "11:38: error: upstreams.backend.tls.serverName: '' is neither a host name nor"
            ),
            (
                "tls: {trust: ca.pem, serverName: a.test, sni: 10.0.0.1}",
                "11:51: error: upstreams.backend.tls.sni: '10.0.0.1' is no host name"
            ),
            (
                "tls: {trust: ca.pem, sni: a.test}",
                "11:31: error: upstreams.backend.tls.sni: needs serverName"
            ),
            (
                "tls: {trust: ca.pem, certificate: own.pem}",
                "9:3: error: upstreams.backend.tls.key: is required: a file path"
            ),
            (
                "tls: {trust: ca.pem, key: own.key}",
                "9:3: error: upstreams.backend.tls.certificate: is required: a file path"
            ),
            (
                "tls: {trust: ca.pem, minimumVersion: 1.1}",
                "11:42: error: upstreams.backend.tls.minimumVersion: '1.1' is not one of 1.2, 1.3"
            ),
            (
                "tls: {trust: ca.pem, sessionReuse: yes}",
                "11:40: error: upstreams.backend.tls.sessionReuse: 'yes' is not one of on, off"
            ),
        ])
    func mistakes(keys: String, expected: String) throws {
        let error = #expect(throws: DiagnosticList.self) { _ = try Self.load(keys) }
        let descriptions = try #require(error).diagnostics.map(\.description)
        #expect(descriptions.count == 1)
        #expect(descriptions[0].hasPrefix("a.yaml:" + expected), "\(descriptions)")
    }

    @Test("a socket in the file system has no name to verify") func unixSocket() throws {
        let error = #expect(throws: DiagnosticList.self) {
            _ = try Self.load(
                "tls: {trust: ca.pem}", members: "\"a.test:1\", \"unix:/run/b.sock\"")
        }
        let descriptions = try #require(error).diagnostics.map(\.description)
        #expect(
            descriptions == [
                "a.yaml:9:3: error: upstreams.backend.tls.serverName: is required: no certificate "
                    + "is for the member unix:/run/b.sock"
            ])
        let named = try Self.load(
            "tls: {trust: ca.pem, serverName: B.test}", members: "\"unix:/run/b.sock\"")
        #expect(named.upstreams[0].tls?.serverName == "b.test")
    }

    @Test("everything that is given is there, and the defaults are") func values() throws {
        #expect(try Self.load("maxIdle: 1").upstreams[0].tls == nil)
        let least = try #require(try Self.load("tls: {trust: ca.pem}").upstreams[0].tls)
        #expect(least.trust == "ca.pem" && least.serverName == nil && least.sni == nil)
        #expect(least.certificate == nil && least.minimumVersion == "1.2" && least.sessionReuse)
        let settings = try Self.load(
            "tls: {trust: /ca.pem, serverName: \"::1\", certificate: own.pem, key: own.key, "
                + "passphraseFile: secret, minimumVersion: 1.3, sessionReuse: off}")
        let all = try #require(settings.upstreams[0].tls)
        #expect(all.serverName == "::1" && all.minimumVersion == "1.3" && !all.sessionReuse)
        let certificate = try #require(all.certificate)
        #expect(certificate.chain == "own.pem" && certificate.key == "own.key")
        #expect(certificate.passphraseFile == "secret")
        let files = settings.files.filter { $0.key.hasPrefix("upstreams.backend.tls.") }
        #expect(files.map(\.path).sorted() == ["/ca.pem", "own.key", "own.pem", "secret"])
    }

    @Test("a flag or a variable begins it as well as the file") func otherSources() throws {
        let flag = try Self.load("maxIdle: 1", overrides: ["upstreams.backend.tls.trust=ca.pem"])
        #expect(flag.upstreams[0].tls?.trust == "ca.pem")
        let variable = try Self.load(
            "maxIdle: 1",
            environment: ["POSTERN_UPSTREAMS__BACKEND__TLS__TRUST": "ca.pem"])
        #expect(variable.upstreams[0].tls?.trust == "ca.pem")
        let error = #expect(throws: DiagnosticList.self) {
            _ = try Self.load("maxIdle: 1", overrides: ["upstreams.backend.tls.sessionReuse=off"])
        }
        #expect(try #require(error).description.contains("tls.trust: is required"))
    }
}
