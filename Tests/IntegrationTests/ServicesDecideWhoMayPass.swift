import Foundation
import Testing

@Suite("a service decides who may pass", .serialized) struct ServicesDecideWhoMayPass {
    private func status(_ answer: String) -> String {
        String(answer.split(separator: "\r\n", omittingEmptySubsequences: false)[0])
    }

    private func metrics(_ gateway: GatewayUnderTest, _ admin: String) throws -> [Substring] {
        try GatewayUnderTest.shell(
            ["curl", "-sS", "--max-time", "10", "--unix-socket", admin, "http://x/metrics"]
        ).text.split(separator: "\n")
    }

    @Test("S28 2xx lets a request pass with the listed fields, a client's own are removed")
    func allowed() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let gateway = try GatewayUnderTest(
                loop, configuration: service.configuration("timeout: 5s"))
            for path in ["/allow", "/pieces", "/hints", "/drip"] {
                let answer = try gateway.curl(
                    path, ["-H", "X-User: evil", "-H", "X_User: evil", "-H", "x-group: evil"])
                #expect(answer.text.contains("\"x-user\":\"zoe\""), "\(loop) \(path) \(answer)")
                #expect(!answer.text.contains("evil") && !answer.text.contains("x-other"))
            }
            #expect(try gateway.curl("/allow").text.contains("\"x-group\":\"a, b\""))
            let asked = try #require(service.questions.first)
            #expect(asked.line == "GET /allow HTTP/1.1" && asked.headers["host"] == "service")
            #expect(asked.headers["x-client-cert-sub"] == "CN=client1")
            #expect(asked.headers["x-user"] == nil && asked.headers["x-group"] == nil)
            #expect(asked.headers["x-forwarded-for"] == "127.0.0.1")
            #expect(Set(service.questions.map(\.connection)).count == 1)
        }
    }

    @Test("401, 403 and chosen statuses are passed on, with body and listed fields")
    func refused() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let gateway = try GatewayUnderTest(
                loop, configuration: service.configuration("passedStatuses: [302, 401, 403]"))
            let denied = try gateway.curl("/deny", ["-i"]).text
            #expect(status(denied) == "HTTP/1.1 403 Forbidden" && denied.hasSuffix("<p>no</p>"))
            #expect(denied.contains("WWW-Authenticate: X\r\nContent-Length: 9\r\n"))
            #expect(denied.contains("Content-Type: text/html") && !denied.contains("X-Inner"))
            #expect(status(try gateway.curl("/unknown", ["-i"]).text).hasSuffix("401 Unauthorized"))
            let login = try gateway.curl("/login", ["-i"]).text
            #expect(status(login) == "HTTP/1.1 302 Found")
            #expect(login.contains("Location: https://login.test/"))
            let long = try gateway.curl("/long", ["-i"]).text
            #expect(status(long) == "HTTP/1.1 403 Forbidden" && long.hasSuffix("\r\n\r\n"))
            let head = try gateway.curl("/deny", ["-I"]).text
            #expect(head.hasSuffix("Content-Length: 9\r\n\r\n"))
        }
    }

    @Test("S29 everything else fails closed, and says why in the log and the metrics")
    func failures() throws {
        let reasons = [
            ("boom", "the authorizer's answer is none"),
            ("notfound", "the authorizer's answer is none"),
            ("login", "the authorizer's answer is none"),
            ("illegal", "the authorizer's answer is none"),
            ("garbage", "the authorizer's service sent no HTTP response"),
            ("close", "the authorizer's service closed the connection"),
            ("endless", "the answer of the authorizer's service is too large"),
            ("hang", "the authorizer's service did not answer in time"),
        ]
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let admin = service.folder + "/admin"
            let log = service.folder + "/access"
            let gateway = try GatewayUnderTest(
                loop, ["admin.address=unix:\(admin)", "accessLog.path=\(log)"],
                configuration: service.configuration("timeout: 500ms"))
            for (path, _) in reasons {
                let answer = try gateway.curl("/\(path)", ["-i"]).text
                #expect(status(answer) == "HTTP/1.1 503 Service Unavailable", "\(loop) \(path)")
            }
            #expect(try gateway.curl("/allow").text.contains("zoe"))
            let text = try Self.lines(reasons.count + 1, of: log)
            for (index, (path, reason)) in reasons.enumerated() {
                let line = text[index]
                #expect(
                    line.contains(#""refused":"authorizer_failed","detail":"\#(reason)""#),
                    "\(path) \(line)")
                #expect(line.contains(#""authorizer":"service","decision":"failed""#))
            }
            #expect(text[reasons.count].contains(#""authorizer":"service","decision":"asked""#))
            let metrics = try metrics(gateway, admin)
            for line in [
                "postern_authorizer_failed_total{authorizer=\"service\"} 8",
                "postern_authorizer_allowed_total{authorizer=\"service\"} 1",
                "postern_authorizer_questions_total{authorizer=\"service\"} 9",
                "postern_requests_refused_total{reason=\"authorizer_failed\"} 8",
            ] {
                #expect(metrics.contains(Substring(line)), "\(line)")
            }
            #expect(try holdsNothing(gateway, admin), "\(loop)")
        }
    }

    /// Whether the gateway gives back every buffer but the one that its worker always has.
    private func holdsNothing(_ gateway: GatewayUnderTest, _ admin: String) throws -> Bool {
        for _ in 0..<250 {
            if try metrics(gateway, admin).contains("postern_buffers_outstanding 1") {
                return true
            }
            usleep(20_000)
        }
        return false
    }

    private static func lines(_ count: Int, of log: String) throws -> [Substring] {
        for _ in 0..<250 {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            // The last line may be half written.
            let whole = text[..<(text.lastIndex(of: "\n") ?? text.startIndex)]
            let lines = whole.split(separator: "\n")
            if lines.count >= count { return lines }
            usleep(20_000)
        }
        throw Missing()
    }

    private struct Missing: Error {}

    @Test("a service that is not there fails closed; open only where that is configured")
    func unreachable() throws {
        for loop in LoopKind.allCases {
            for (keys, expected) in [("", "503"), ("allowOnFailure: true", "200")] {
                var service: AuthorizerService? = try AuthorizerService()
                let made = try #require(service).configuration(keys)
                service = nil
                let gateway = try GatewayUnderTest(loop, configuration: made)
                let answer = try gateway.curl("/x", ["-i", "-H", "X-User: evil"]).text
                #expect(status(answer).contains(expected), "\(loop) \(answer)")
                #expect(!answer.contains("evil"))
            }
        }
    }

    @Test("S27 a kept answer is for the same request alone: /public never serves /deny")
    func cached() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let admin = service.folder + "/admin"
            let gateway = try GatewayUnderTest(
                loop, ["admin.address=unix:\(admin)"],
                configuration: service.configuration("cacheLifetime: 10m\n    refusalLifetime: 1m"))
            let answer = try gateway.python(
                """
                def ask(s, path, extra=b''):
                    s.sendall(b'GET ' + path + b' HTTP/1.1\\r\\nHost: localhost\\r\\n'
                              + extra + b'\\r\\n')
                    data = b''
                    while b'\\r\\n\\r\\n' not in data: data += s.recv(65536)
                    head, body = data.split(b'\\r\\n\\r\\n', 1)
                    size = int(head.lower().split(b'content-length: ')[1].split(b'\\r\\n')[0])
                    while len(body) < size: body += s.recv(65536)
                    print(head.split(b' ')[1].decode(), b'"x-user":"zoe"' in body)
                for _ in range(3): ask(s, b'/public')
                for _ in range(2): ask(s, b'/deny')
                ask(s, b'/public')
                t = connect()
                ask(t, b'/public')
                ask(t, b'/public', b'Authorization: other\\r\\n')
                ask(t, b'/public?x')
                ask(t, b'/public')
                """
            ).text.split(separator: "\n")
            let allowed = Substring("200 True")
            #expect(
                answer == [
                    allowed, allowed, allowed, "403 False", "403 False", allowed, allowed,
                    allowed, allowed, allowed,
                ], "\(loop) \(answer)")
            #expect(service.questions.count == 4)
            let other = try gateway.curl("/public", certificate: "escapes")
            #expect(other.status == 0 && service.questions.count == 5)
            let metrics = try metrics(gateway, admin)
            #expect(
                metrics.contains("postern_authorizer_cached_total{authorizer=\"service\"} 6"))
            #expect(
                metrics.contains("postern_authorizer_questions_total{authorizer=\"service\"} 5"))
        }
    }

    @Test("one question for all who ask the same; one that leaves takes it from nobody")
    func singleFlight() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let gateway = try GatewayUnderTest(
                loop, configuration: service.configuration("cacheLifetime: 10m\n    timeout: 8s"))
            let answer = try gateway.python(
                """
                import os, struct
                sockets = [s] + [connect() for _ in range(5)]
                question = (b'GET /wait HTTP/1.1\\r\\nHost: localhost\\r\\n'
                            b'Connection: close\\r\\n\\r\\n')
                s.sendall(question)
                for _ in range(2000):
                    if os.path.exists('\(service.folder)/log'): break
                    time.sleep(0.005)
                for other in sockets[1:]: other.sendall(question)
                time.sleep(0.3)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                s.close()
                time.sleep(0.1)
                open('\(service.folder)/go', 'w').close()
                for other in sockets[1:]: print(all(other).count(b'"x-user":"zoe"'))
                """
            ).text
            #expect(answer == "1\n1\n1\n1\n1\n", "\(loop) \(answer)")
            #expect(service.questions.count == 1)
            #expect(gateway.isRunning)
        }
    }

    @Test("bodies, pipelined requests and a half-closed client wait for the decision")
    func waiting() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let gateway = try GatewayUnderTest(loop, configuration: service.configuration(""))
            let answer = try gateway.python(
                """
                body = b'x' * 100000
                host = b' HTTP/1.1\\r\\nHost: localhost\\r\\n'
                s.sendall(b'POST /allow' + host + b'Content-Length: 100000\\r\\n\\r\\n'
                          + body + b'GET /deny' + host + b'\\r\\n'
                          b'GET /allow?2' + host + b'Connection: close\\r\\n\\r\\n')
                data = all(s)
                print(data.count(b'HTTP/1.1 200'), data.count(b'HTTP/1.1 403'),
                      data.count(b'"bodyBytes":100000'), data.count(b'zoe'), b'!!' in data)
                t = connect()
                t.sendall(b'POST /deny' + host + b'Content-Length: 9\\r\\n\\r\\n')
                print(all(t).startswith(b'HTTP/1.1 403'))
                """
            ).text
            #expect(answer == "2 1 1 2 False\nTrue\n", "\(loop) \(answer)")
            #expect(service.questions.map { $0.headers["content-length"] } == ["0", "0", "0", "0"])
        }
    }

    @Test("a connection that the service has closed meanwhile is not held against the request")
    func reusedConnection() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let admin = service.folder + "/admin"
            let gateway = try GatewayUnderTest(
                loop, ["admin.address=unix:\(admin)"], configuration: service.configuration(""))
            for _ in 0..<10 {
                #expect(try gateway.curl("/once").text.contains("zoe"), "\(loop)")
            }
            #expect(Set(service.questions.map(\.connection)).count == 10)
            #expect(try holdsNothing(gateway, admin), "\(loop)")
        }
    }

    @Test("explain says that a service would be asked, and asks nobody") func explained() throws {
        let service = try AuthorizerService()
        let file = service.folder + "/postern.yaml"
        try service.configuration("")("127.0.0.1:9", service.folder).write(
            toFile: file, atomically: true, encoding: .utf8)
        let answer = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "explain", "--config", file, "--cert",
            GatewayUnderTest.certificates + "/client.pem", "--sni", "localhost", "--path", "/deny",
            "--json",
        ])
        #expect(answer.status == 0, "\(answer.text)")
        #expect(answer.text.contains(#""askedAuthorizer":"service""#), "\(answer.text)")
        #expect(service.questions.isEmpty)
    }

    @Test("the service is asked over verified TLS where its upstream speaks it")
    func secure() throws {
        for loop in LoopKind.allCases {
            let certificates = try UpstreamCertificates()
            for (name, expected) in [("good", "200"), ("other", "503")] {
                let service = try AuthorizerService(
                    certificate: certificates.folder + "/" + name)
                let gateway = try GatewayUnderTest(
                    loop,
                    configuration: service.configuration(
                        "timeout: 5s",
                        tls: ", tls: {trust: \(certificates.folder)/ca.pem}"))
                for _ in 0..<3 {
                    let answer = try gateway.curl("/allow", ["-i"]).text
                    #expect(status(answer).contains(expected), "\(loop) \(name) \(answer)")
                }
                let connections = Set(service.questions.map(\.connection)).count
                #expect(connections == (name == "good" ? 1 : 0))
            }
        }
    }

    @Test("a request that waits is answered by the rules it began under; the next by the new ones")
    func reload() throws {
        for loop in LoopKind.allCases {
            let service = try AuthorizerService()
            let gateway = try GatewayUnderTest(
                loop, log: true,
                configuration: service.configuration("cacheLifetime: 10m\n    timeout: 8s"))
            let file = gateway.folder + "/postern.yaml"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let changed = text.replacing("cacheLifetime: 10m", with: "path: /fixed")
            try changed.write(toFile: file + ".new", atomically: true, encoding: .utf8)
            let answer = try gateway.python(
                """
                import os
                def ask(s, close=b''):
                    s.sendall(b'GET /wait HTTP/1.1\\r\\nHost: localhost\\r\\n' + close + b'\\r\\n')
                ask(s)
                for _ in range(2000):
                    if os.path.exists('\(service.folder)/log'): break
                    time.sleep(0.005)
                os.rename('\(file).new', '\(file)')
                for _ in range(2000):
                    if 'generation 2 serves' in open('\(gateway.folder)/log').read(): break
                    time.sleep(0.005)
                open('\(service.folder)/go', 'w').close()
                data = b''
                while b'zoe' not in data: data += s.recv(65536)
                ask(s, b'Connection: close\\r\\n')
                print(all(s).count(b'zoe'))
                """
            ).text
            #expect(answer == "1\n", "\(loop) \(answer)")
            #expect(
                service.questions.map(\.line) == ["GET /wait HTTP/1.1", "GET /fixed HTTP/1.1"])
        }
    }
}
