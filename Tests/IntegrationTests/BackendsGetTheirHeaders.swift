import Foundation
import Testing

@Suite("each backend learns who the client is in the headers that it knows", .serialized)
struct BackendsGetTheirHeaders {
    /// The configuration of `oneVirtualHost` with `sets`, and routes that name them.
    private static func configuration(_ sets: String, _ routes: String)
        -> (String, String) -> String
    {
        { upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing("all: {path: /, upstream: backend}", with: routes)
                + "\nidentitySets:\n" + sets + "\n"
        }
    }

    /// The header fields that the echo backend got.
    private func headers(_ answer: String) throws -> [String: String] {
        let object = try JSONSerialization.jsonObject(with: Data(answer.utf8))
        let fields = (object as? [String: Any])?["requestHeaders"] as? [String: Any] ?? [:]
        return fields.compactMapValues { $0 as? String }
    }

    private func digest() throws -> String {
        let printed = try GatewayUnderTest.shell([
            "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
            GatewayUnderTest.certificates + "/client.pem",
        ]).text
        return (printed.split(separator: "=").last ?? "").replacing(":", with: "")
            .trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
    }

    @Test("S24 by route: presets and templates, and nobody else's", arguments: LoopKind.allCases)
    func routes(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(
            loop,
            configuration: Self.configuration(
                """
                  proxies: {presets: [nginx, rfc9440, aws-alb]}
                  team:
                    headers:
                      X-Team: {template: "{subject.CN}/{verify}", encoding: rfc8941}
                      X-Unit: {template: "{subject.OU}", default: none}
                """,
                """
                all: {path: /, upstream: backend}
                      proxies: {path: /proxies, upstream: backend, identity: proxies}
                      team: {path: /team, upstream: backend, identity: team}
                """))
        let spoofs = [
            "X-Client-Cert-Sub: evil", "X_SSL_Client_Verify: evil", "x-ssl-client-s-dn: evil",
            "Client-Cert: :evil:", "X.Team: evil", "x-team: evil", "X-Unit: evil",
            "X-Amzn-Mtls-Clientcert-Subject: evil", "Connection: X-Team, Client-Cert",
        ].flatMap { ["-H", $0] }
        let proxies = try headers(gateway.curl("/proxies", spoofs).text)
        #expect(proxies["x-ssl-client-verify"] == "SUCCESS")
        #expect(proxies["x-ssl-client-s-dn"] == "CN=client1")
        #expect(proxies["x-amzn-mtls-clientcert-subject"] == "CN=client1")
        #expect(proxies["client-cert"]?.hasPrefix(":MII") == true)
        #expect(proxies["x-client-cert-sub"] == nil && proxies["x-team"] == nil)
        let team = try headers(gateway.curl("/team", spoofs).text)
        #expect(team["x-team"] == "\"client1/SUCCESS\"")
        #expect(team["x-unit"] == "none")
        #expect(team["x-ssl-client-verify"] == nil && team["client-cert"] == nil)
        let all = try headers(gateway.curl("/", spoofs).text)
        #expect(all["x-client-cert-sub"] == "CN=client1")
        for fields in [proxies, team, all] {
            #expect(!fields.values.contains { $0.contains("evil") }, "\(fields)")
        }
    }

    @Test("what is too large gets 431, or is left out and flagged", arguments: LoopKind.allCases)
    func limits(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(
            loop,
            configuration: Self.configuration(
                """
                  strict: {presets: [azure], valueLimit: 100}
                  lax: {presets: [azure], valueLimit: 100, onExcess: omit-and-flag}
                """,
                """
                strict: {path: /strict, upstream: backend, identity: strict}
                      lax: {path: /lax, upstream: backend, identity: lax}
                """))
        let refused = try gateway.curl("/strict", ["-o", "/dev/null", "-w", "%{http_code}"])
        #expect(refused.text == "431")
        let lax = try headers(
            gateway.curl("/lax", ["-H", "X-ARR-ClientCert-Too-Large: 0"]).text)
        #expect(lax["x-arr-clientcert-too-large"] == "1")
        #expect(lax["x-arr-clientcert"] == nil)
    }

    @Test(
        "S25 X-Forwarded-Client-Cert goes on from a listed hop only", arguments: LoopKind.allCases)
    func hops(loop: LoopKind) throws {
        let digest = try digest()
        let gateway = try GatewayUnderTest(
            loop,
            configuration: Self.configuration(
                """
                  append:
                    presets: [xfcc-short]
                    forwardClientCert: appendForward
                    trustedHops: ["sha256:\(digest)"]
                    proxyURIs: ["spiffe://edge.test/gateway"]
                  keep: {forwardClientCert: forwardOnly, trustedHops: ["sha256:\(digest)"]}
                  set: {presets: [xfcc-short]}
                """,
                """
                append: {path: /append, upstream: backend, identity: append}
                      keep: {path: /keep, upstream: backend, identity: keep}
                      set: {path: /set, upstream: backend, identity: set}
                """))
        let outer = ["-H", "X-Forwarded-Client-Cert: By=a;Hash=outer"]
        func received(_ path: String, _ certificate: String) throws -> String? {
            let answer = try gateway.curl(path, certificate: certificate, outer).text
            return try headers(answer)["x-forwarded-client-cert"]
        }
        let own = #"By=spiffe://edge.test/gateway;Hash=\#(digest);Subject="CN=client1";URI="#
        #expect(try received("/append", "client") == "By=a;Hash=outer," + own)
        #expect(try received("/keep", "client") == "By=a;Hash=outer")
        #expect(try received("/set", "client")?.hasPrefix("By=;Hash=\(digest);") == true)
        let other = try #require(try received("/append", "p384"))
        #expect(other.hasPrefix("By=spiffe://edge.test/gateway;Hash=") && !other.contains("outer"))
        #expect(try received("/keep", "p384") == nil)
    }

    @Test("S24 a client without a certificate is nobody", arguments: LoopKind.allCases)
    func anonymous(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop) { upstream, folder in
            Self.configuration(
                "  proxies: {presets: [ingress-nginx, gcp]}",
                "open: {path: /, upstream: backend, identity: proxies, requireCertificate: false}"
            )(upstream, folder)
            .replacing("clientCertificate: required", with: "clientCertificate: optional")
        }
        let spoofs = [
            "SSL-Client-Verify: SUCCESS", "ssl_client_subject_dn: CN=admin",
            "X-Client-Cert-SPIFFE: spiffe://a/admin", "X-Forwarded-Client-Cert: Hash=admin",
        ].flatMap { ["-H", $0] }
        let nobody = try headers(gateway.curl("/", certificate: nil, spoofs).text)
        #expect(nobody["ssl-client-verify"] == "NONE")
        #expect(nobody["x-client-cert-present"] == "false")
        #expect(nobody["ssl-client-subject-dn"] == nil && nobody["x-client-cert-spiffe"] == nil)
        #expect(!nobody.values.contains { $0.contains("admin") }, "\(nobody)")
        let client = try headers(gateway.curl("/", spoofs).text)
        #expect(client["ssl-client-verify"] == "SUCCESS")
        #expect(client["ssl-client-subject-dn"] == "CN=client1")
    }

    @Test("explain prints every attribute and preset, formats an example of each")
    func listings() throws {
        let gateway = try GatewayUnderTest(
            .epoll,
            configuration: Self.configuration(
                "  small: {presets: [azure], valueLimit: 64}",
                "small: {path: /small, upstream: backend, identity: small}"))
        func explain(_ arguments: [String]) throws -> GatewayUnderTest.Output {
            try GatewayUnderTest.shell(
                [
                    GatewayUnderTest.binary, "explain", "--config",
                    gateway.folder + "/postern.yaml", "--sni", "localhost", "--cert",
                    GatewayUnderTest.certificates + "/client.pem", "--json",
                ] + arguments)
        }
        let answer = try explain([])
        #expect(answer.status == 0)
        let object =
            try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any] ?? [:]
        let attributes = object["attributes"] as? [String: String] ?? [:]
        #expect(attributes["subject"] == "CN=client1")
        #expect(attributes["fingerprint.sha256"] == (try digest()))
        let presets = object["presets"] as? [String: [String: String]] ?? [:]
        #expect(presets.count == 18)
        #expect(presets["nginx"]?["X-SSL-Client-Verify"] == "SUCCESS")
        #expect(presets["aws-sample"]?["X-Client-Cert-Sub"] == "CN=client1")
        let small = try explain(["--path", "/small"])
        #expect(small.status == 3)
        #expect(small.text.contains(#""cause":"head_too_large""#), "\(small.text.prefix(400))")
        #expect(small.text.contains(#""status":431"#))
        let formats = try GatewayUnderTest.shell([GatewayUnderTest.binary, "formats"])
        #expect(formats.status == 0)
        for name in presets.keys { #expect(formats.text.contains("- preset: \(name)\n")) }
        #expect(formats.text.contains("- X-SSL-Client-Serial: 0A1B2C\n"))
    }
}
