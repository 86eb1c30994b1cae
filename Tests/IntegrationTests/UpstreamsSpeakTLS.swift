import Foundation
import Testing

/// A gateway whose upstream is another gateway, which wants to know who it is.
private final class Chain {
    let inner: GatewayUnderTest
    let outer: GatewayUnderTest
    private let admin: String

    init(_ loop: LoopKind, _ overrides: [String] = []) throws {
        let certificates = GatewayUnderTest.certificates
        let inner = try GatewayUnderTest(
            loop, ["virtualHosts.main.routes.all.allowWebSocket=true"])
        self.inner = inner
        admin = NSTemporaryDirectory() + "postern-\(UUID().uuidString.prefix(8)).sock"
        outer = try GatewayUnderTest(
            loop,
            [
                "virtualHosts.main.routes.all.allowWebSocket=true", "admin.address=unix:\(admin)",
                "upstreams.backend.tls.trust=\(certificates)/ca.pem",
                "upstreams.backend.tls.certificate=\(certificates)/intermediate.pem",
                "upstreams.backend.tls.key=\(certificates)/intermediate.key",
            ] + overrides
        ) { _, folder in
            GatewayUnderTest.oneVirtualHost(upstream: inner.address, folder: folder)
        }
    }

    func metric(_ name: String) throws -> Int {
        let text = try GatewayUnderTest.shell(
            ["curl", "-sS", "--max-time", "10", "--unix-socket", admin, "http://x/metrics"]
        ).text
        let prefix = "postern_upstream_\(name){upstream=\"backend\"} "
        let line = text.split(separator: "\n").first { $0.hasPrefix(prefix) }
        return Int(line?.dropFirst(prefix.count) ?? "") ?? -1
    }
}

@Suite("an upstream that speaks TLS serves as any other does", .serialized)
struct UpstreamsSpeakTLS {
    @Test("it knows who the gateway is; connections are kept", arguments: LoopKind.allCases)
    func mutual(loop: LoopKind) throws {
        let chain = try Chain(loop)
        let answers = try chain.outer.curl("/n[1-20]").text
        #expect(answers.components(separatedBy: "\"x-client-cert-sub\":\"CN=client2\"").count == 21)
        #expect(answers.contains("\"path\":\"/n20\""), "\(answers)")
        let posted = try chain.outer.curl("/", ["-d", "some=body"]).text
        #expect(posted.contains("\"bodyBytes\":9"), "\(posted)")
        #expect(try chain.metric("tls_handshakes_total") == 1)
        #expect(try chain.metric("tls_handshakes_failed_total") == 0)
        #expect(try chain.metric("requests_total") == 21)
    }

    @Test("bodies of every framing pass whole, both ways", arguments: LoopKind.allCases)
    func bodies(loop: LoopKind) throws {
        let chain = try Chain(loop)
        for path in ["/bytes/5000000", "/chunked/3000000", "/close/2000000", "/bytes/0"] {
            let count = path.split(separator: "/")[1]
            let size = try chain.outer.curl(path, ["-o", "/dev/null", "-w", "%{size_download}"])
            #expect(size.status == 0 && size.text == count, "\(path): \(size.text)")
        }
        let file = chain.outer.folder + "/body"
        try Data(repeating: 0x75, count: 3_000_000).write(to: URL(fileURLWithPath: file))
        for extra in [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]] {
            let answer = try chain.outer.curl("/", ["--data-binary", "@" + file] + extra)
            #expect(answer.text.contains("\"bodyBytes\":3000000"), "\(extra): \(answer.text)")
        }
        #expect(try chain.outer.curl("/status/204", ["-i"]).text.contains("204"))
        let header = String(repeating: "h", count: 14_000)
        let large = try chain.outer.curl("/", ["-H", "X-Large: \(header)"])
        #expect(large.text.contains(header))
    }

    @Test("100 MB pass a slow reader in little memory", arguments: LoopKind.allCases)
    func large(loop: LoopKind) throws {
        let chain = try Chain(loop)
        let answer = try chain.outer.python(
            """
            def resident():
                return int(open('/proc/\(chain.outer.identifier)/statm').read().split()[1]) * 4096
            s.sendall(b'GET /bytes/100000000 HTTP/1.1\\r\\nHost: localhost\\r\\n'
                      b'Connection: close\\r\\n\\r\\n')
            before, most, total = resident(), 0, 0
            time.sleep(0.5)
            while True:
                piece = s.recv(65536)
                if not piece: break
                total += len(piece)
                if total % 64 == 0: most = max(most, resident())
            print(total > 100000000 and total < 100001000, max(most, resident()) < 60000000)
            """
        ).text
        #expect(answer == "True True\n", "\(answer)")
    }

    @Test("a WebSocket, to its close on both sides", arguments: LoopKind.allCases)
    func webSocket(loop: LoopKind) throws {
        let chain = try Chain(loop)
        let answer = try chain.outer.python(
            """
            import base64, os, struct
            key = base64.b64encode(os.urandom(16))
            s.sendall(b'GET /websocket HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\n'
                      b'Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n'
                      b'Sec-WebSocket-Key: ' + key + b'\\r\\n\\r\\n')
            head = b''
            while b'\\r\\n\\r\\n' not in head: head += s.recv(1)
            print(head.split()[1])
            sent = os.urandom(200000)
            import threading
            threading.Thread(target=lambda: s.sendall(sent), daemon=True).start()
            got = b''
            while len(got) < len(sent): got += s.recv(65536)
            print(got == sent)
            s.unwrap()
            print('ended')
            """
        ).text
        #expect(answer == "b'101'\nTrue\nended\n", "\(answer)")
    }

    @Test("what it sends late or without being asked reaches nobody", arguments: LoopKind.allCases)
    func idle(loop: LoopKind) throws {
        let certificates = try UpstreamCertificates()
        let backend = try SecureBackend(certificate: certificates.folder + "/good")
        let gateway = try GatewayUnderTest(
            loop, ["upstreams.backend.tls.trust=\(certificates.folder)/ca.pem"]
        ) { _, folder in
            GatewayUnderTest.oneVirtualHost(
                upstream: "localhost:\(backend.port)", folder: folder)
        }
        let paths = ["/first", "/leave", "/second", "/more", "/third", "/fourth"]
        var answers: [String] = []
        for path in paths { answers.append(try gateway.curl(path).text) }
        #expect(answers == ["1.1", "1.2", "2.1", "2.2", "3.1", "3.2"])
        let whole = try gateway.curl("/whole/70000", ["-o", "/dev/null", "-w", "%{size_download}"])
        #expect(whole.status == 0 && whole.text == "70000")
        #expect(try gateway.curl("/cut/70000", ["-o", "/dev/null"]).status != 0)
        let first = try #require(backend.handshakes.first)
        #expect(first.name == "localhost" && first.alpn == "http/1.1" && first.reused == false)
        #expect(first.version == "TLSv1.3")
    }

    @Test(
        "sessions are resumed, or not at all", arguments: LoopKind.allCases,
        ["TLSv1_2", "TLSv1_3"])
    func sessions(loop: LoopKind, newest: String) throws {
        let certificates = try UpstreamCertificates()
        let backend = try SecureBackend(
            certificate: certificates.folder + "/good", newest: newest)
        for reuse in ["on", "off"] {
            let before = backend.handshakes.count
            let gateway = try GatewayUnderTest(
                loop,
                [
                    "upstreams.backend.tls.trust=\(certificates.folder)/ca.pem",
                    "upstreams.backend.tls.sessionReuse=\(reuse)",
                    "upstreams.backend.maxRequestsPerConnection=1",
                ]
            ) { _, folder in
                GatewayUnderTest.oneVirtualHost(upstream: backend.address, folder: folder)
            }
            let answers = try gateway.curl("/[1-6]", ["-w", "\\n"]).text
            #expect(answers.split(separator: "\n").count == 6, "\(answers)")
            let made = backend.handshakes.dropFirst(before)
            let resumed = made.filter { $0.reused == true }.count
            #expect(made.count == 6 && resumed == (reuse == "on" ? 5 : 0), "\(made)")
            // An address is verified as one, and is no server name (RFC 6066 §3).
            #expect(made.allSatisfy { $0.name == nil })
        }
    }
}
