import Foundation
import Testing

@Suite("the rules of a route decide who may pass", .serialized)
struct RulesDecideWhoMayPass {
    /// Conditions that the target meets and the other client does not, by name of a route.
    private static func conditions(_ clients: RuleClients) -> [(name: String, yaml: String)] {
        [
            ("fingerprint", "certificate: [\"sha256:\(clients.targetFingerprint)\"]"),
            ("key", "certificate: [\"spki-sha256:\(clients.targetKey)\"]"),
            ("serial", "certificate: ['issuer:\"CN=Target CA\" serial:01AB']"),
            ("issuer", "issuer: [CN=Target CA]"),
            ("authority", "authority: [\"sha256:\(clients.authorityFingerprint)\"]"),
            ("store", "trustStore: [first]"), ("cn", "subject: {CN: [targ*]}"),
            ("ou", "subject: {OU: [Targets]}"), ("dns", "dns: [\"*.target.test\"]"),
            ("uri", "uri: [\"spiffe://target.test/*\"]"), ("email", "email: [\"*@target.test\"]"),
            ("ip", "ip: [192.0.2.1]"), ("domain", "spiffeTrustDomain: [target.test]"),
            ("path", "spiffePath: [/ns/prod]"), ("usage", "extendedKeyUsage: [codeSigning]"),
            ("policy", "policy: [1.3.6.1.4.1.99999.7]"), ("curve", "minimumECBits: 384"),
            ("age", "maximumAge: 48h"),
        ]
    }

    @Test("by each kind of condition; anonymous clients meet none", arguments: LoopKind.allCases)
    func kinds(loop: LoopKind) throws {
        let clients = try RuleClients()
        let conditions = Self.conditions(clients)
        let routes = conditions.flatMap { condition in
            ["deny", "allow"].map { effect in
                "\(effect)-\(condition.name): {path: /\(effect)/\(condition.name), "
                    + "upstream: backend, requireCertificate: false, "
                    + "authorize: \(effect)-\(condition.name)}"
            }
        }
        let authorizers = conditions.flatMap { condition in
            [
                "  deny-\(condition.name): {rules: {stop: {effect: deny, \(condition.yaml)}, "
                    + "rest: {effect: allow, client: verified}}}",
                "  allow-\(condition.name): {rules: {go: {effect: allow, \(condition.yaml)}}}",
            ]
        }
        let gateway = try GatewayUnderTest(
            loop,
            configuration: clients.configuration(
                routes: routes.joined(separator: "\n"),
                authorizers: "authorizers:\n" + authorizers.joined(separator: "\n")))
        for (name, _) in conditions {
            #expect(try clients.status(gateway, "/deny/\(name)", "target") == "403", "\(name)")
            #expect(try clients.status(gateway, "/deny/\(name)", "other") == "200", "\(name)")
            #expect(try clients.status(gateway, "/allow/\(name)", "target") == "200", "\(name)")
            #expect(try clients.status(gateway, "/allow/\(name)", "other") == "403", "\(name)")
        }
        #expect(try clients.status(gateway, "/deny/cn", nil) == "403")
        #expect(try clients.status(gateway, "/allow/cn", nil) == "403")
    }

    private static let routes = """
        open: {path: /open, upstream: backend, requireCertificate: false, authorize: open}
        closed: {path: /closed, upstream: backend, authorize: open}
        staff: {path: /staff, upstream: backend, authorize: staff}
        trial: {path: /trial, upstream: backend, authorize: trial}
        strong: {path: /strong, upstream: backend, assurance: strong, authorize: staff}
        free: {path: /free, upstream: backend}
        """
    private static let authorizers = """
        authorizers:
          open: {rules: {strangers: {effect: allow, client: anonymous}}}
          staff:
            rules:
              watched: {effect: deny, reportOnly: true, subject: {CN: [target]}}
              targets: {effect: allow, subject: {OU: [Targets]}}
          trial: {reportOnly: true, rules: {targets: {effect: allow, subject: {OU: [Targets]}}}}
          strong: {rules: {curve: {effect: allow, minimumECBits: 384}}}
        """

    @Test(
        "the log says which rule decided, and what would have; the metrics count",
        arguments: LoopKind.allCases)
    func logged(loop: LoopKind) throws {
        let clients = try RuleClients()
        let admin = clients.folder + "/admin.sock"
        let log = clients.folder + "/log"
        let gateway = try GatewayUnderTest(
            loop, ["accessLog.path=\(log)", "admin.address=unix:\(admin)"],
            configuration: clients.configuration(
                routes: Self.routes, authorizers: Self.authorizers))
        let cases: [(path: String, client: String?, status: String, log: [String: String])] = [
            ("/open", nil, "200", ["authorizer": "open", "rule": "strangers"]),
            (
                "/open", "other", "403",
                ["authorizer": "open", "rule": "(none)", "refused": "not_authorized"]
            ),
            ("/closed", nil, "403", ["refused": "certificate_required"]),
            (
                "/staff", "target", "200",
                ["authorizer": "staff", "rule": "targets", "reported": "watched"]
            ),
            (
                "/staff", "other", "403",
                ["authorizer": "staff", "rule": "(none)", "refused": "not_authorized"]
            ),
            (
                "/trial", "other", "200",
                ["authorizer": "trial", "rule": "(none)", "reported": "(none)"]
            ),
            ("/trial", "target", "200", ["authorizer": "trial", "rule": "targets"]),
            (
                "/strong", "other", "403",
                ["assurance": "strong", "assuranceRule": "(none)", "refused": "assurance_unmet"]
            ),
            (
                "/strong", "target", "200",
                [
                    "assurance": "strong", "assuranceRule": "curve", "authorizer": "staff",
                    "rule": "targets", "reported": "watched",
                ]
            ),
            ("/free", "other", "200", [:]),
        ]
        let keys = [
            "authorizer", "rule", "reported", "assurance", "assuranceRule", "assuranceReported",
            "refused",
        ]
        for (index, request) in cases.enumerated() {
            let status = try clients.status(gateway, request.path, request.client)
            #expect(status == request.status, "\(request)")
            let line = try #require(try Self.line(index, of: log))
            let found = line.filter { keys.contains($0.key) }.compactMapValues { $0 as? String }
            #expect(found == request.log, "\(request)")
        }
        let metrics = try GatewayUnderTest.shell(
            ["curl", "-sS", "--max-time", "10", "--unix-socket", admin, "http://x/metrics"]
        ).text.split(separator: "\n")
        for line in [
            "postern_authorization_allowed_total 5", "postern_authorization_refused_total 3",
            "postern_authorization_reported_total 3",
            "postern_requests_refused_total{reason=\"not_authorized\"} 2",
            "postern_requests_refused_total{reason=\"assurance_unmet\"} 1",
            "postern_requests_refused_total{reason=\"certificate_required\"} 1",
        ] {
            #expect(metrics.contains(Substring(line)), "\(line)")
        }
    }

    /// The line at `index` of the log, once it is there.
    private static func line(_ index: Int, of log: String) throws -> [String: Any]? {
        for _ in 0..<250 {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            let lines = text.split(separator: "\n")
            if lines.count > index {
                return try JSONSerialization.jsonObject(with: Data(lines[index].utf8))
                    as? [String: Any]
            }
            usleep(20_000)
        }
        return nil
    }

    @Test("explain shows each rule, and whether its conditions are met") func explained() throws {
        let clients = try RuleClients()
        let file = clients.folder + "/postern.yaml"
        try clients.configuration(routes: Self.routes, authorizers: Self.authorizers)(
            "127.0.0.1:9", clients.folder
        ).write(toFile: file, atomically: true, encoding: .utf8)
        func explain(_ client: String, _ path: String, json: Bool = true) throws -> (
            text: String, status: Int32
        ) {
            let answer = try GatewayUnderTest.shell(
                [
                    GatewayUnderTest.binary, "explain", "--config", file, "--cert",
                    "\(clients.folder)/\(client).pem", "--sni", "localhost", "--path", path,
                ] + (json ? ["--json"] : []))
            return (answer.text, answer.status)
        }
        let target = try explain("target", "/strong")
        #expect(target.status == 0)
        let staff =
            #""authorizer":{"name":"staff","allowed":true,"decidedBy":"targets","#
            + #""reported":"watched","rules":[{"rule":"watched","effect":"deny","#
            + #""reportOnly":true,"matches":true,"conditions":["subject.CN: met"]},"#
            + #"{"rule":"targets","effect":"allow","matches":true,"#
            + #""conditions":["subject.OU: met"]}]}"#
        #expect(target.text.contains(staff), "\(target.text)")
        #expect(target.text.contains(#""assurance":{"name":"strong","allowed":true"#))
        let other = try explain("other", "/strong")
        #expect(other.status == 3 && other.text.contains(#""cause":"assurance_unmet""#))
        #expect(other.text.contains(#""conditions":["minimumECBits: not met"]"#))
        #expect(try explain("other", "/trial").status == 0)
        let refused = try explain("other", "/staff", json: false)
        #expect(refused.status == 3 && refused.text.contains("decidedBy: (none)\n"))
        #expect(refused.text.contains("- subject.OU: not met\n"), "\(refused.text)")
    }

    @Test(
        "a rule that changes counts for the next request of a live connection",
        arguments: LoopKind.allCases)
    func reloaded(loop: LoopKind) throws {
        let test = try ReloadedGateway(
            loop,
            extra: { _ in
                "authorizers: {staff: {rules: {r: {effect: allow, subject: {CN: [client1]}}}}}"
            })
        let file = test.gateway.folder + "/postern.yaml"
        let plain = try String(contentsOfFile: file, encoding: .utf8)
        let allowing = plain.replacing(
            "upstream: backend}", with: "upstream: backend, authorize: staff}")
        let denying = allowing.replacing("r: {effect: allow", with: "r: {effect: deny")
        try #require(allowing != plain && denying != allowing)
        for (name, text) in [("1", allowing), ("2", denying), ("3", allowing)] {
            try text.write(toFile: "\(file).\(name)", atomically: true, encoding: .utf8)
        }
        let answer = try test.gateway.python(
            """
            import os
            def ask():
                s.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                data = b''
                while b'\\r\\n\\r\\n' not in data: data += s.recv(65536)
                head, body = data.split(b'\\r\\n\\r\\n', 1)
                length = int(head.lower().split(b'content-length: ')[1].split(b'\\r\\n')[0])
                while len(body) < length: body += s.recv(65536)
                return head[9:12].decode()
            def metrics():
                a = socket.socket(socket.AF_UNIX)
                a.connect('\(test.files)/admin.sock')
                a.sendall(b'GET /metrics HTTP/1.1\\r\\n\\r\\n')
                return all(a)
            print(ask())
            for step in (1, 2, 3):
                os.rename('\(file).%d' % step, '\(file)')
                for _ in range(500):
                    if b'postern_config_generation %d\\n' % (step + 1) in metrics(): break
                    time.sleep(0.02)
                print(ask())
            """
        ).text
        #expect(answer == "200\n200\n403\n200\n", "\(answer)\n\(test.log)")
    }
}
