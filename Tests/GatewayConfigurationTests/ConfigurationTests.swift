import Foundation
import TLS
import Testing

@testable import Core
@testable import GatewayConfiguration

private let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private func load(
    _ text: String, environment: [String: String] = [:], overrides: [String] = []
) throws(DiagnosticList) -> GatewaySettings {
    try ConfigurationLoader.load(
        Array(text.utf8), named: "a.yaml", environment: environment, overrides: overrides)
}

private func minimal() throws -> String {
    try String(contentsOf: root.appendingPathComponent("Config/minimal.yaml"), encoding: .utf8)
}

@Suite struct ConfigurationTests {
    @Test("the minimal file loads, paths start from its folder") func minimalFile() throws {
        let settings = try load(minimal())
        #expect(settings.listeners.map(\.name) == ["edge"])
        #expect(settings.virtualHosts[0].routes[0].requireCertificate)
        let file = root.appendingPathComponent("Config/minimal.yaml").path
        let loaded = try ConfigurationLoader.load(file: file, environment: [:], overrides: [])
        #expect(loaded.virtualHosts[0].trust?.sources == [root.path + "/Config/demo/ca.pem"])
    }

    @Test("the commented file has every key of the table, with its default") func reference() throws
    {
        let file = root.appendingPathComponent("Config/postern.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        let node = try #require(try YAMLReader.read(Array(text.utf8), source: "postern.yaml"))
        var values = ConfigurationValues()
        values.add(node)
        #expect(values.diagnostics.isEmpty)
        for key in KeyTable.keys {
            let entry = values.entries.first {
                key.matches($0.key.split(separator: ".").map(String.init))
            }
            let given = try #require(entry, "\(key.pattern) is missing").value.texts
            let isExample = key.fallback == nil || key.pattern.contains("*") || key.kind.isList
            if !isExample { #expect(given == [key.fallback ?? ""], "\(key.pattern)") }
        }
        _ = try load(text)
    }

    @Test("the comments of the commented file say what the table says") func comments() throws {
        let file = root.appendingPathComponent("Config/postern.yaml")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        let comments = lines.map { $0.drop { $0 == " " } }.map {
            $0.hasPrefix("# ") ? String($0.dropFirst(2)) : "\n"
        }.joined(separator: " ")
        for key in KeyTable.keys {
            let comment = "\(key.help) Allowed: \(key.kind.allowed)."
            #expect(comments.contains(comment), "\(key.pattern): \(comment)")
        }
    }

    @Test("every file that is named is known, with the key that names it") func files() throws {
        let text = try minimal().replacingOccurrences(
            of: "server.key}", with: "server.key, passphraseFile: /etc/secret}")
        let settings = try load(text)
        let base = "virtualHosts.main.certificates.main."
        let found = settings.files.map { "\($0.key) \($0.path) \($0.origin.line)" }.sorted()
        #expect(found.count == 4)
        #expect(found.contains("\(base)passphraseFile /etc/secret 11"), "\(found)")
        #expect(found.contains { $0.hasPrefix(base + "chain demo/server.pem ") }, "\(found)")
        #expect(found.contains { $0.hasPrefix("trustStores.clients.file demo/ca.pem ") })
        #expect(settings.virtualHosts[0].certificates[0].passphraseFile == "/etc/secret")
        #expect(try load(minimal()).virtualHosts[0].certificates[0].passphraseFile == nil)
        let empty = text.replacingOccurrences(of: "/etc/secret", with: "\"\"")
        #expect(try load(empty).virtualHosts[0].certificates[0].passphraseFile == nil)
        #expect(try load(minimal()).reloadWatch)
        #expect(try !load(minimal(), overrides: ["reload.watch=false"]).reloadWatch)
    }

    @Test("a duration may be 0 where the reference says so, and nowhere else") func zero() throws {
        var count = 0
        for key in KeyTable.keys where key.kind.allowed.contains("500ms") {
            count += 1
            let isOfTrust = key.pattern.hasPrefix("trustStores.")
            let path = key.pattern.replacing("*", with: isOfTrust ? "clients" : "backend")
            let mayBeZero = key.kind.allowed.hasSuffix(" or 0")
            let isExternal = KeyTable.externalAuthorizers.contains { $0.pattern == key.pattern }
            let others =
                isExternal
                ? ["authorizers.backend.type=http", "authorizers.backend.upstream=backend"] : []
            let settings = try? load(minimal(), overrides: others + ["\(path)=0"])
            #expect((settings != nil) == mayBeZero, "\(path)")
            #expect(mayBeZero || !key.help.contains("; 0 "), "\(path)")
        }
        #expect(count > 10)
    }

    @Test("a listener believes the balancers that it lists") func proxyProtocol() throws {
        let off = try load(minimal()).listeners[0]
        #expect(off.proxyProtocol == "off" && off.proxyProtocolFrom.isEmpty)
        #expect(!off.proxyProtocolFromUnix)
        let listed = try load(
            minimal(),
            environment: ["POSTERN_LISTENERS__EDGE__PROXY_PROTOCOL": "optional"],
            overrides: ["listeners.edge.proxyProtocolFrom=10.0.0.0/8,unix:,fd00::1"]
        ).listeners[0]
        #expect(listed.proxyProtocol == "optional" && listed.proxyProtocolFromUnix)
        #expect(listed.proxyProtocolFrom.map(\.prefixLength) == [8, 128])
    }

    @Test("flag beats environment beats file beats default") func precedence() throws {
        let file = try minimal() + "timeouts:\n  idle: 1s\n"
        let variable = ["POSTERN_TIMEOUTS__IDLE": "2s"]
        let flag = ["timeouts.idle=3s"]
        #expect(try load(minimal()).timeouts.idle == .seconds(60))
        #expect(try load(file).timeouts.idle == .seconds(1))
        #expect(try load(file, environment: variable).timeouts.idle == .seconds(2))
        let all = try load(file, environment: variable, overrides: flag)
        #expect(all.timeouts.idle == .seconds(3))
    }

    @Test("every key can be named by a variable and by a flag") func names() throws {
        let text = try String(
            contentsOf: root.appendingPathComponent("Config/postern.yaml"), encoding: .utf8)
        let node = try #require(try YAMLReader.read(Array(text.utf8), source: "postern.yaml"))
        var values = ConfigurationValues()
        values.add(node)
        for (path, entry) in values.entries {
            let value = entry.texts.joined(separator: ",")
            var changed = values
            changed.add(environment: [ConfigurationValues.environmentName(path): value])
            #expect(changed.diagnostics.isEmpty, "\(path)")
            #expect(changed.entries[path]?.origin.source == "environment", "\(path)")
            changed.add(overrides: ["\(path)=\(value)"])
            #expect(changed.entries[path]?.origin.source == "--set", "\(path)")
        }
    }

    @Test("random damage to the commented file is an error or not, never a crash") func damage()
        throws
    {
        let file = root.appendingPathComponent("Config/postern.yaml")
        let original = try [UInt8](Data(contentsOf: file))
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 32...126, using: &random), at: place)
                }
            }
            do throws(DiagnosticList) {
                _ = try ConfigurationLoader.load(
                    bytes, named: "damaged", environment: [:], overrides: [])
            } catch {
                #expect(!error.diagnostics.isEmpty)
            }
        }
    }

    /// A change to the minimal file, and the diagnostic it must bring.
    static let mistakes: [(String, String, String)] = [
        (
            "address: 127.0.0.1:8443",
            "address: localhost",
            "a.yaml:5:14: error: listeners.edge.address: 'localhost' is not HOST:PORT, "
                + "[IPV6]:PORT or unix:/path"
        ),
        (
            "listeners:",
            "listener:",
            "a.yaml:3:1: error: unknown key 'listener' (did you mean 'listeners'?)"
        ),
        (
            "clientCertificate: required",
            "clientCertificate: always",
            "a.yaml:12:24: error: virtualHosts.main.clientCertificate: 'always' is not one of"
                + " required, optional, off"
        ),
        (
            "trustStore: clients",
            "trustStore: client",
            "a.yaml:13:17: error: virtualHosts.main.trustStore: there is no trust store "
                + "'client' (did you mean 'clients'?)"
        ),
        (
            "    trustStore: clients\n",
            "",
            "a.yaml:7:3: error: virtualHosts.main.trustStore: is required when "
                + "clientCertificate is 'required'"
        ),
        (
            "upstream: backend",
            "upstream: backed",
            "a.yaml:17:39: error: virtualHosts.main.routes.everything.upstream: there is no "
                + "upstream 'backed' (did you mean 'backend'?)"
        ),
        (
            "path: /,",
            "path: api,",
            "a.yaml:17:26: error: virtualHosts.main.routes.everything.path: must begin with "
                + "'/'"
        ),
        (
            "default: true",
            "default: yes",
            "a.yaml:9:14: error: virtualHosts.main.default: 'yes' is not true or false"
        ),
        (
            "X-Client-Cert-Sub: subject",
            "Content-Length: subject",
            "a.yaml:15:23: error: virtualHosts.main.identityHeaders.Content-Length: "
                + "'Content-Length' cannot be an identity header: letters, digits and '-', and no "
                + "name that frames or routes a message"
        ),
        (
            "X-Client-Cert-Sub: subject",
            "X-Client-Cert-Sub: subjekt",
            "a.yaml:15:26: error: virtualHosts.main.identityHeaders.X-Client-Cert-Sub: there "
                + "is no format 'subjekt' (did you mean 'subject'?)"
        ),
        (
            "[localhost, 127.0.0.1]",
            "[local host]",
            "a.yaml:8:18: error: virtualHosts.main.serverNames: 'local host' is no host name;"
                + " a wildcard is '*.' in front of one"
        ),
        (
            "[\"127.0.0.1:3000\"]",
            "[\"127.0.0.1\"]",
            "a.yaml:22:14: error: upstreams.backend.members: '127.0.0.1' is not HOST:PORT, "
                + "[IPV6]:PORT or unix:/path"
        ),
        (
            "[\"127.0.0.1:3000\"]",
            "[]",
            "a.yaml:22:14: error: upstreams.backend.members: at least one server is required"
        ),
        (
            "    serverNames: [localhost, 127.0.0.1]\n    default: true\n",
            "",
            "a.yaml:7:3: error: virtualHosts.main.serverNames: a virtual host without names "
                + "must be the default"
        ),
        (
            "upstreams:",
            "timeouts: {idle: 1x}\nupstreams:",
            "a.yaml:20:18: error: timeouts.idle: '1x' is not a number with ms, s, m or h, "
                + "such as 500ms or 10s"
        ),
        (
            "upstreams:",
            "timeouts: {idle: 0}\nupstreams:",
            "a.yaml:20:18: error: timeouts.idle: must be longer than 0"
        ),
        (
            "upstreams:",
            "limits: {headBytes: 1KiB}\nupstreams:",
            "a.yaml:1:1: error: "
        ),
        (
            "upstreams:",
            "tuning: {receiveBuffers: 100}\nupstreams:",
            "a.yaml:20:26: error: tuning.receiveBuffers: must be a power of two, not 100"
        ),
        (
            "upstreams:",
            "admin: {address: \"0.0.0.0:9000\"}\nupstreams:",
            "a.yaml:20:18: error: admin.address: '0.0.0.0:9000' is reachable from elsewhere; "
                + "a loopback address or unix:/path is allowed"
        ),
        (
            "upstreams:",
            "http: {trustedProxies: [10.0.0.0/33]}\nupstreams:",
            "a.yaml:20:24: error: http.trustedProxies: '10.0.0.0/33' is no network such as "
                + "10.0.0.0/8 or fd00::/8"
        ),
        (
            "address: 127.0.0.1:8443",
            "address: 127.0.0.1:8443\n    proxyProtocol: required",
            "a.yaml:4:3: error: listeners.edge.proxyProtocolFrom: is required when proxyProtocol "
                + "is 'required': the networks of the balancers"
        ),
        (
            "address: 127.0.0.1:8443",
            "address: 127.0.0.1:8443\n    proxyProtocol: on",
            "a.yaml:6:20: error: listeners.edge.proxyProtocol: 'on' is not one of off, required, "
                + "optional"
        ),
        (
            "address: 127.0.0.1:8443",
            "address: 127.0.0.1:8443\n    proxyProtocolFrom: [10.0.0.0/8]",
            "a.yaml:6:24: error: listeners.edge.proxyProtocolFrom: has no effect: proxyProtocol "
                + "is 'off'"
        ),
        (
            "address: 127.0.0.1:8443",
            "address: 127.0.0.1:8443\n    proxyProtocol: optional\n"
                + "    proxyProtocolFrom: [balancer]",
            "a.yaml:7:24: error: listeners.edge.proxyProtocolFrom: 'balancer' is no network such "
                + "as 10.0.0.0/8 or fd00::/8, nor 'unix:'"
        ),
        (
            "upstreams:",
            "io: [epoll]\nupstreams:",
            "a.yaml:20:5: error: io: a list is not allowed here"
        ),
        (
            "upstreams:",
            "io: epol\nupstreams:",
            "a.yaml:20:5: error: io: 'epol' is not one of auto, io_uring, epoll; did you mean"
                + " 'epoll'?"
        ),
        (
            "upstreams:",
            "upstreams: {}\nupstreams:",
            "a.yaml:21:1: error: the key 'upstreams' stands here a second time"
        ),
        (
            "backend:\n",
            "backend: &a\n",
            "a.yaml:21:12: error: anchors (&name) are not allowed"
        ),
    ]

    @Test(
        "mistakes are named with file, line, column, key and what is allowed", arguments: mistakes)
    func diagnostics(old: String, new: String, expected: String) throws {
        let text = try minimal()
        try #require(text.contains(old))
        let place = try #require(text.range(of: old, options: .backwards))
        let changed = text.replacingCharacters(
            in: old == "listeners:" ? (text.range(of: old) ?? place) : place, with: new)
        do throws(DiagnosticList) {
            _ = try load(changed)
            Issue.record("accepted: \(new)")
        } catch {
            if expected.hasSuffix("error: ") {
                #expect(error.description.contains("limits.uriBytes"))
            } else {
                #expect(error.description.contains(expected), "\(error.description)")
            }
        }
    }

    @Test("all mistakes are reported at once; variables and flags too") func several() throws {
        let text = try minimal().replacing("default: true", with: "default: 1")
            .replacing("upstream: backend", with: "upstream: nowhere")
        do throws(DiagnosticList) {
            _ = try load(
                text, environment: ["POSTERN_TIMEOUTS__IDEL": "1s"], overrides: ["a.b=c", "d"])
            Issue.record("accepted")
        } catch {
            #expect(error.diagnostics.count == 5, "\(error.description)")
            #expect(error.description.contains("did you mean POSTERN_TIMEOUTS__IDLE?"))
        }
    }
}
