import Testing

@Suite("every listener and virtual host keeps its own policy", .serialized)
struct ListenersKeepTheirPolicies {
    private static let certificates = GatewayUnderTest.certificates

    /// A Unix listener, before the TCP one, whose virtual host asks for no certificate.
    private static let listeners = "  a: {address: 'unix:FOLDER/inner', virtualHosts: [open]}\n"
    private static let open = """
          open:
            serverNames: [open.example]
            default: true
            certificates:
              main: {chain: \(certificates)/server.pem, key: \(certificates)/server.key}
            clientCertificate: 'off'
            routes:
              all: {path: /, upstream: backend, requireCertificate: false}

        """

    @Test("S03 two workers apply the same policy to each listener", arguments: LoopKind.allCases)
    func workers(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(
            loop, workers: 2, listeners: Self.listeners, hosts: Self.open, edgeHosts: "[main]")
        // Connections are spread over the workers by their ports.
        for _ in 0..<12 {
            let anonymous = try gateway.curl("/x", certificate: nil)
            #expect(anonymous.status != 0, "\(anonymous.text)")
            #expect(try gateway.curl("/x").text.contains("CN=client1"))
        }
        for _ in 0..<6 {
            let inner = try GatewayUnderTest.shell([
                "curl", "-sS", "--max-time", "10", "--unix-socket", gateway.folder + "/inner",
                "-k", "https://open.example/inner",
            ])
            #expect(inner.text.contains("\"path\":\"/inner\""), "\(inner.text)")
        }
    }

    @Test(
        "S02 the handshake's virtual host is the only one whose routes a connection reaches",
        arguments: LoopKind.allCases)
    func hosts(loop: LoopKind) throws {
        let strict = Self.open.replacing("default: true", with: "default: false")
        let gateway = try GatewayUnderTest(loop, hosts: strict, edgeHosts: "[main, open]")
        let answer = try gateway.python(
            """
            c.check_hostname = False
            def status(name, hosts):
                raw = socket.create_connection((c_host, c_port), timeout=10)
                s = c.wrap_socket(raw, server_hostname=name)
                found = []
                for host in hosts:
                    s.sendall(b'GET /x HTTP/1.1\\r\\nHost: ' + host + b'\\r\\n\\r\\n')
                    answer = b''
                    while b'\\r\\n\\r\\n' not in answer: answer += s.recv(65536)
                    found.append(answer.split()[1].decode())
                return ' '.join(found)
            hosts = [b'localhost', b'open.example', b'LOCALHOST.:443', b'open.example.', b'other']
            c_host, c_port = s.getpeername()
            print(status('localhost', hosts))
            print(status(None, hosts))
            print(status('open.example', hosts))
            """
        ).text
        #expect(
            answer == """
                200 421 200 421 421
                200 421 200 421 421
                421 200 421 200 421

                """, "\(answer)")
    }
}
