import Foundation
import Testing

@Suite("the clients people use work as they are", .serialized)
struct EverydayClients {
    static let subject = "\"x-client-cert-sub\":\"CN=client1\""

    @Test("openssl s_client", arguments: LoopKind.allCases)
    func openssl(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let folder = GatewayUnderTest.certificates
        for version in ["-tls1_2", "-tls1_3"] {
            let answer = try GatewayUnderTest.shell(
                [
                    "openssl", "s_client", "-connect", gateway.address, version, "-quiet",
                    "-servername", "localhost", "-verify_return_error",
                    "-CAfile", folder + "/ca.pem",
                    "-cert", folder + "/client.pem", "-key", folder + "/client.key",
                ],
                input: "GET /from-s_client HTTP/1.1\r\nHost: localhost\r\n"
                    + "Connection: close\r\n\r\n"
            ).text
            #expect(answer.contains("HTTP/1.1 200 OK"), "\(version): \(answer)")
            #expect(answer.contains(Self.subject), "\(version): \(answer)")
        }
    }

    @Test("Python's http.client, twice on one connection", arguments: LoopKind.allCases)
    func httpClient(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let folder = GatewayUnderTest.certificates
        let answer = try GatewayUnderTest.shell([
            "python3", "-c",
            """
            import http.client, json, ssl
            t = ssl.create_default_context(cafile='\(folder)/ca.pem')
            t.load_cert_chain('\(folder)/client.pem', '\(folder)/client.key')
            host, port = '\(gateway.address)'.split(':')
            c = http.client.HTTPSConnection(host, int(port), context=t, timeout=10)
            for path in ('/first', '/second'):
                c.request('POST', path, body=b'x' * 70000)
                r = c.getresponse()
                a = json.loads(r.read())
                h = a['requestHeaders']
                print(r.status, a['path'], a['bodyBytes'], h['x-client-cert-sub'])
            sock = c.sock
            c.request('POST', '/pieces', body=iter([b'abc', b'defg']), encode_chunked=True,
                      headers={'Transfer-Encoding': 'chunked'})
            print(json.loads(c.getresponse().read())['bodyBytes'], c.sock is sock)
            """,
        ]).text
        #expect(
            answer == """
                200 /first 70000 CN=client1
                200 /second 70000 CN=client1
                7 True

                """)
    }

    @Test("Node's https, ten requests over one agent", arguments: LoopKind.allCases)
    func node(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let folder = GatewayUnderTest.certificates
        let script = """
            const https = require('https'), fs = require('fs')
            const [host, port] = '\(gateway.address)'.split(':')
            const agent = new https.Agent({
              keepAlive: true, maxSockets: 2, ca: fs.readFileSync('\(folder)/ca.pem'),
              cert: fs.readFileSync('\(folder)/client.pem'),
              key: fs.readFileSync('\(folder)/client.key')})
            const one = i => new Promise((done, failed) => {
              const r = https.request({agent, host, port, path: '/n' + i, method: 'PUT'}, a => {
                let text = ''
                a.on('data', d => text += d)
                a.on('end', () => {
                  const j = JSON.parse(text)
                  const subject = j.requestHeaders['x-client-cert-sub']
                  done([a.statusCode, j.path, j.bodyBytes, subject].join(' '))
                })
              })
              r.on('error', failed)
              r.end('x'.repeat(i * 5000))
            })
            Promise.all([...Array(10).keys()].map(one))
              .then(lines => { console.log(lines.join('\\n')); agent.destroy() },
                    error => { console.log('failed: ' + error); process.exit(1) })
            """
        let answer = try GatewayUnderTest.shell(["node", "-e", script]).text
        let expected = (0..<10).map { "200 /n\($0) \($0 * 5000) CN=client1\n" }.joined()
        #expect(answer == expected)
    }

    @Test("curl, ten transfers at once", arguments: LoopKind.allCases)
    func curl(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let more = (0..<9).flatMap { ["https://\(gateway.address)/n\($0)", "-o", "/dev/null"] }
        let answer = try gateway.curl(
            "/last", ["-o", "/dev/null", "--parallel", "-w", "%{http_code} "] + more)
        // With several transfers curl draws a progress meter, whatever it is told.
        #expect(answer.text.hasSuffix(String(repeating: "200 ", count: 10)), "\(answer.text)")
    }

    /// A client that speaks RFC 6455 as browsers do: masked frames, ping, close handshake.
    @Test("a WebSocket client", arguments: LoopKind.allCases)
    func webSocket(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(
            loop, ["virtualHosts.main.routes.all.allowWebSocket=true"])
        let answer = try gateway.python(
            """
            import base64, hashlib, os, struct
            key = base64.b64encode(os.urandom(16))
            s.sendall(b'GET /websocket HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\n'
                      b'Connection: keep-alive, Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n'
                      b'Sec-WebSocket-Key: ' + key + b'\\r\\n\\r\\n')
            head = b''
            while b'\\r\\n\\r\\n' not in head: head += s.recv(1)
            guid = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
            want = base64.b64encode(hashlib.sha1(key + guid).digest())
            accept = b'sec-websocket-accept: ' + want.lower()
            print(head.split()[1] == b'101', accept in head.lower())
            def frame(opcode, data):
                mask = os.urandom(4)
                length = struct.pack('!BH', 0xFE, len(data))
                return (bytes([0x80 | opcode]) + length + mask +
                        bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
            sent = frame(1, b'hello ' * 300) + frame(9, b'p' * 126) + frame(8, b'\\x03\\xe8' * 63)
            for at in range(0, len(sent), 500): s.sendall(sent[at:at + 500])
            got = b''
            while len(got) < len(sent): got += s.recv(65536)
            print(got == sent)
            s.close()
            """
        ).text
        #expect(answer == "True True\nTrue\n", "\(answer)")
    }
}
