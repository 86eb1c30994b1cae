import Foundation
import Testing

/// Balancers stand at 127.0.0.2 and 127.0.0.3; everybody else is at 127.0.0.1.
@Suite("a listed balancer names its client, and nobody else can", .serialized)
struct BalancersNameTheirClients {
    private final class Edge {
        let log = NSTemporaryDirectory() + "pp-\(UUID().uuidString.prefix(8)).log"
        let admin = NSTemporaryDirectory() + "pp-\(UUID().uuidString.prefix(8))"
        let gateway: GatewayUnderTest

        /// A second listener, `local`, is for balancers on a Unix-domain socket.
        private static func configuration(upstream: String, folder: String) -> String {
            let whole = GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
            let local =
                "  local:\n    address: unix:\(folder)/local.sock\n"
                + "    proxyProtocol: required\n    proxyProtocolFrom: [\"unix:\"]\n"
            return whole.replacingOccurrences(of: "listeners:\n", with: "listeners:\n" + local)
        }

        init(_ loop: LoopKind, _ mode: String, _ overrides: [String] = []) throws {
            gateway = try GatewayUnderTest(
                loop,
                [
                    "listeners.edge.proxyProtocol=\(mode)",
                    "listeners.edge.proxyProtocolFrom=127.0.0.2/31",
                    "accessLog.path=\(log)", "admin.address=unix:\(admin)",
                ] + overrides, configuration: Self.configuration)
        }

        deinit { try? FileManager.default.removeItem(atPath: log) }

        /// Runs `body` with `ask(source, header, how)`: what the backend saw as X-Forwarded-For,
        /// or "closed". `how`: the header and the ClientHello at once, apart, or byte by byte.
        func python(_ body: String) throws -> [String] {
            let parts = gateway.address.split(separator: ":")
            let folder = GatewayUnderTest.certificates
            let script = """
                import json, socket, ssl, struct, time
                c = ssl.create_default_context(cafile='\(folder)/ca.pem')
                c.load_cert_chain('\(folder)/client.pem', '\(folder)/client.key')
                v2 = b'\\r\\n\\r\\n\\0\\r\\nQUIT\\n'
                tcp4 = b'PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\\r\\n'
                tcp6 = b'PROXY TCP6 2001:db8::7 ::1 56324 443\\r\\n'
                four = bytes([203, 0, 113, 8, 198, 51, 100, 1]) + struct.pack('>HH', 56324, 443)
                bin4 = v2 + b'\\x21\\x11' + struct.pack('>H', 12) + four
                tlv4 = v2 + b'\\x21\\x11' + struct.pack('>H', 20) + four + b'\\xee\\0\\x05hello'
                six = socket.inet_pton(socket.AF_INET6, '2001:db8::8') * 2
                bin6 = v2 + b'\\x21\\x21' + struct.pack('>H', 36) + six + b'\\0\\1\\0\\2'
                local = v2 + b'\\x20\\0\\0\\0'
                def open_from(source):
                    if source == 'unix':
                        raw = socket.socket(socket.AF_UNIX)
                        raw.settimeout(10)
                        raw.connect('\(gateway.folder)/local.sock')
                        return raw
                    raw = socket.socket()
                    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    raw.settimeout(10)
                    raw.bind((source, 0))
                    raw.connect(('\(parts[0])', \(parts[1])))
                    return raw
                def ask(source, header, how='apart'):
                    raw = open_from(source)
                    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
                    t = c.wrap_bio(i, o, server_hostname='localhost')
                    first = [header]
                    def until(f):
                        while True:
                            try: result = f()
                            except ssl.SSLWantReadError: result = None
                            out = o.read()
                            if first and how == 'apart':
                                raw.sendall(first[0])
                                time.sleep(0.05)
                            elif first and how == 'bytes':
                                for k in range(len(first[0])):
                                    raw.sendall(first[0][k:k + 1])
                                    time.sleep(0.001)
                            elif first: out = first[0] + out
                            first.clear()
                            raw.sendall(out)
                            if result is not None: return result
                            piece = raw.recv(65536)
                            if not piece: raise ConnectionError
                            i.write(piece)
                    try:
                        until(lambda: t.do_handshake() or True)
                        until(lambda: t.write(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n'
                                              b'X-Forwarded-For: 9.9.9.9\\r\\n\\r\\n'))
                        data = b''
                        while b'\\r\\n\\r\\n' not in data or not data.endswith(b'}'):
                            data += until(lambda: t.read(65536) or None)
                        seen = json.loads(data.split(b'\\r\\n\\r\\n', 1)[1])
                        return seen['requestHeaders']['x-forwarded-for']
                    except (ssl.SSLError, ConnectionError):
                        return 'closed'
                    finally: raw.close()
                \(body)
                """
            return try GatewayUnderTest.shell(["python3", "-c", script]).text
                .split(separator: "\n").map(String.init)
        }

        func metric(_ name: String) throws -> Int {
            let text = try GatewayUnderTest.shell([
                "curl", "-sS", "--unix-socket", admin, "http://admin/metrics",
            ]).text
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            return Int(line?.split(separator: " ").last ?? "") ?? -1
        }

        /// The access log, once it has `count` lines.
        func lines(_ count: Int) -> [String] {
            var lines: [String] = []
            for _ in 0..<250 where lines.count < count {
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                lines = text.split(separator: "\n").map(String.init)
                if lines.count < count { usleep(20_000) }
            }
            return lines
        }
    }

    @Test("both versions name the client, however they arrive", arguments: LoopKind.allCases)
    func named(loop: LoopKind) throws {
        let edge = try Edge(loop, "required")
        let answer = try edge.python(
            """
            for header in (tcp4, tcp6, bin4, tlv4, bin6, local, b'PROXY UNKNOWN\\r\\n'):
                print(*[ask('127.0.0.2', header, how) for how in ('once', 'apart', 'bytes')])
            """)
        let expected = [
            "203.0.113.7", "2001:db8::7", "203.0.113.8", "203.0.113.8", "2001:db8::8", "127.0.0.2",
            "127.0.0.2",
        ]
        #expect(answer == expected.map { "\($0) \($0) \($0)" })
        let lines = edge.lines(21)
        #expect(lines.count == 21)
        for (index, line) in lines.enumerated() {
            #expect(line.contains("\"client\":\"\(expected[index / 3])\""), "\(line)")
        }
    }

    @Test(
        "required: no other source gets in, header or not, and no header lets nobody in",
        arguments: LoopKind.allCases)
    func required(loop: LoopKind) throws {
        let edge = try Edge(loop, "required")
        let answer = try edge.python(
            """
            print(ask('127.0.0.1', tcp4), ask('127.0.0.1', bin4), ask('127.0.0.1', b'', 'once'))
            print(ask('127.0.0.2', b'', 'once'), ask('127.0.0.2', tcp4[:20] + b'\\r\\n'))
            print(ask('127.0.0.3', tcp4))
            """)
        #expect(answer == ["closed closed closed", "closed closed", "203.0.113.7"])
        let lines = edge.lines(3)
        #expect(lines.count == 3)
        #expect(lines.first?.contains("\"event\":\"proxy_header_refused\"") == true, "\(lines)")
        #expect(lines.first?.contains("\"client\":\"127.0.0.2\"") == true, "\(lines)")
        #expect(lines.first?.contains("PROXY header: missing") == true, "\(lines)")
        #expect(lines.last?.contains("\"client\":\"203.0.113.7\"") == true, "\(lines)")
        #expect(try edge.metric("postern_proxy_sources_refused_total") == 3)
        #expect(try edge.metric("postern_proxy_headers_refused_total") == 2)
    }

    @Test(
        "optional: others are clients, but their headers are not believed",
        arguments: LoopKind.allCases)
    func optional(loop: LoopKind) throws {
        let edge = try Edge(loop, "optional")
        let answer = try edge.python(
            """
            print(ask('127.0.0.2', tcp4), ask('127.0.0.2', bin6), ask('127.0.0.2', b'', 'once'))
            print(ask('127.0.0.1', b'', 'once'), ask('127.0.0.1', tcp4), ask('127.0.0.1', bin4))
            """)
        #expect(answer == ["203.0.113.7 2001:db8::8 127.0.0.2", "127.0.0.1 closed closed"])
        #expect(try edge.metric("postern_proxy_sources_refused_total") == 0)
        #expect(try edge.metric("postern_proxy_headers_refused_total") == 0)
        let failed = edge.lines(6).filter { $0.contains("\"event\":\"handshake_failed\"") }
        #expect(failed.count == 2 && failed.allSatisfy { $0.contains("\"127.0.0.1\"") })
    }

    @Test("off: a header is nonsense from anybody", arguments: LoopKind.allCases)
    func off(loop: LoopKind) throws {
        let edge = try Edge(loop, "off", ["listeners.edge.proxyProtocolFrom="])
        let answer = try edge.python(
            "print(ask('127.0.0.2', tcp4), ask('127.0.0.2', bin4), ask('127.0.0.2', b'', 'once'))")
        #expect(answer == ["closed closed 127.0.0.2"])
    }

    @Test("a header that does not come is a handshake that timed out", arguments: LoopKind.allCases)
    func silent(loop: LoopKind) throws {
        let edge = try Edge(loop, "required", ["timeouts.handshake=1s"])
        let answer = try edge.python(
            """
            def closed_after(first):
                raw = open_from('127.0.0.2')
                start = time.monotonic()
                if first: raw.sendall(first)
                try: data = raw.recv(10)
                except ConnectionError: data = b''
                return data == b'' and 0.9 < time.monotonic() - start < 5
            print(closed_after(b''), closed_after(tcp4[:10]), closed_after(tcp4))
            """)
        #expect(answer == ["True True True"])
    }

    @Test("curl's own header names curl", arguments: LoopKind.allCases)
    func curl(loop: LoopKind) throws {
        let edge = try Edge(loop, "required")
        let named = try edge.gateway.curl("/", ["--interface", "127.0.0.2", "--haproxy-protocol"])
        #expect(named.text.contains("\"x-forwarded-for\":\"127.0.0.2\""), "\(named.text)")
        #expect(try edge.gateway.curl("/", ["--interface", "127.0.0.2"]).status != 0)
        #expect(try edge.gateway.curl("/", ["--haproxy-protocol"]).status != 0)
    }

    @Test("a balancer on a Unix-domain socket", arguments: LoopKind.allCases)
    func unix(loop: LoopKind) throws {
        let edge = try Edge(loop, "required")
        let answer = try edge.python(
            "print(*[ask('unix', header) for header in (tcp4, bin6, local, b'')])")
        #expect(answer == ["203.0.113.7 2001:db8::8 unix closed"])
    }
}
