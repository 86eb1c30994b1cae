import Testing

@Suite("what is no proper request gets the right status and a closed connection", .serialized)
struct RawRequests {
    /// Request, status.
    static let cases: [(String, String)] = [
        (
            "GET / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 1\\r\\n"
                + "Transfer-Encoding: chunked\\r\\n\\r\\n",
            "400"
        ),
        (
            "GET / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 1\\r\\n"
                + "Content-Length: 2\\r\\n\\r\\n",
            "400"
        ),
        ("GET / HTTP/1.1\\nHost: localhost\\n\\n", "400"),
        ("GET / HTTP/1.1\\r\\nHost : localhost\\r\\n\\r\\n", "400"),
        ("GET / HTTP/1.1\\r\\n\\r\\n", "400"),
        ("GET / HTTP/1.1\\r\\nHost: localhost\\r\\nHost: other\\r\\n\\r\\n", "400"),
        ("GET / HTTP/1.1\\r\\nHost: other.example\\r\\n\\r\\n", "421"),
        ("GET https://other.example/ HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "421"),
        ("TRACE / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "405"),
        ("CONNECT a:1 HTTP/1.1\\r\\nHost: a:1\\r\\n\\r\\n", "405"),
        ("GET /a/../b HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "400"),
        ("GET /a%2fb HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "400"),
        ("GET / HTTP/2.0\\r\\nHost: localhost\\r\\n\\r\\n", "505"),
        ("GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Authorization\\r\\n\\r\\n", "400"),
        ("GET / HTTP/1.1\\r\\nHost: localhost\\r\\nContent_Length: 5\\r\\n\\r\\n", "400"),
    ]

    @Test("S02 S22 S23 statuses", arguments: LoopKind.allCases)
    func statuses(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        for (request, status) in Self.cases {
            let answer = try gateway.python(
                "s.sendall(b'\(request)'); sys.stdout.buffer.write(s.recv(65536))"
            ).text
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(answer)")
        }
        #expect(gateway.isRunning)
    }

    @Test("limits of head, target and body", arguments: LoopKind.allCases)
    func limits(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, ["limits.bodyBytes=1000"])
        let long = String(repeating: "x", count: 9_000)
        #expect(try gateway.curl("/\(long)", ["-i"]).text.hasPrefix("HTTP/1.1 414"))
        let wide = try gateway.curl("/", ["-i", "-H", "A: \(long)", "-H", "B: \(long)"])
        #expect(wide.text.hasPrefix("HTTP/1.1 431"))
        let body = String(repeating: "b", count: 2_000)
        #expect(try gateway.curl("/", ["-i", "-d", body]).text.hasPrefix("HTTP/1.1 413"))
        let chunked = ["-i", "-H", "Transfer-Encoding: chunked", "-d", body]
        #expect(try gateway.curl("/", chunked).text.hasPrefix("HTTP/1.1 413"))
    }

    @Test("a request that arrives byte by byte is served", arguments: LoopKind.allCases)
    func byteByByte(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            for b in (b'GET /slowly HTTP/1.1\\r\\nHost: localhost\\r\\n'
                      b'Connection: close\\r\\n\\r\\n'):
                s.sendall(bytes([b]))
            sys.stdout.buffer.write(all(s))
            """
        ).text
        #expect(answer.contains("\"path\":\"/slowly\""))
    }

    @Test("a slow head times out with 408", arguments: LoopKind.allCases)
    func slowHead(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, ["timeouts.head=300ms"])
        let answer = try gateway.python(
            "s.sendall(b'GET / HT'); sys.stdout.buffer.write(all(s))"
        ).text
        #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
    }

    @Test(
        "S21 WebSocket passes where allowed, and nothing else upgrades",
        arguments: LoopKind.allCases)
    func webSocket(loop: LoopKind) throws {
        let handshake =
            "GET /websocket HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Upgrade\\r\\n"
            + "Upgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n"
        let open = try GatewayUnderTest(
            loop, ["virtualHosts.main.routes.all.allowWebSocket=true"])
        let echoed = try open.python(
            """
            s.sendall(b'\(handshake)')
            head = s.recv(65536)
            s.sendall(b'ping' * 50000)
            got = b''
            while len(got) < 200000: got += s.recv(65536)
            accept = b's3pPLMBiTxaQ9kYGzzhZRbK' in head
            print(head.split(b'\\r\\n')[0], got == b'ping' * 50000, accept)
            """
        ).text
        #expect(echoed.contains("101") && echoed.contains("True True"), "\(echoed)")
        let closed = try GatewayUnderTest(loop)
        let refused = try closed.python(
            "s.sendall(b'\(handshake)'); sys.stdout.buffer.write(s.recv(65536))"
        ).text
        #expect(!refused.hasPrefix("HTTP/1.1 101"), "\(refused)")
        let h2c = try closed.curl(
            "/",
            [
                "-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c",
                "-H", "HTTP2-Settings: AAMAAABkAAQ",
            ]
        ).text
        #expect(h2c.contains("message") && !h2c.contains("h2c") && !h2c.contains("http2"))
    }
}
