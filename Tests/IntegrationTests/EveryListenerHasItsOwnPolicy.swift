import Testing

@Suite("a connection gets the policy of its listener and its virtual host alone", .serialized)
struct EveryListenerHasItsOwnPolicy {
    private static func virtualHost(
        _ name: String, serverNames: String, isDefault: Bool = true, certificate: String
    ) -> String {
        let folder = GatewayUnderTest.certificates
        let isRequired = certificate == "required"
        return """
              \(name):
                serverNames: [\(serverNames)]
                default: \(isDefault)
                certificates:
                  main: {chain: \(folder)/server.pem, key: \(folder)/server.key}
                clientCertificate: \(certificate)
                trustStore: clients
                identityHeaders: {X-Client-Cert-Sub: subject}
                routes:
                  all: {path: /, upstream: backend, requireCertificate: \(isRequired)}
            """
    }

    private static func end(_ upstream: String) -> String {
        """
        trustStores:
          clients: {file: \(GatewayUnderTest.certificates)/ca.pem}
        upstreams:
          backend: {members: ["\(upstream)"]}
        """
    }

    /// A Unix listener that anybody may use, then a TCP listener that wants certificates.
    private static func unixThenTCP(upstream: String, folder: String) -> String {
        """
        listeners:
          local: {address: "unix:\(folder)/local.sock", virtualHosts: [open]}
          edge: {address: "127.0.0.1:0", virtualHosts: [closed]}
        virtualHosts:
        \(virtualHost("open", serverNames: "localhost", certificate: "optional"))
        \(virtualHost("closed", serverNames: "localhost", certificate: "required"))
        \(end(upstream))
        """
    }

    @Test(
        "S01 a Unix listener's policy reaches no TCP connection, whichever worker takes it",
        arguments: LoopKind.allCases)
    func listeners(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, workers: 2, configuration: Self.unixThenTCP)
        let answer = try gateway.python(
            """
            a = ssl.create_default_context(cafile='\(GatewayUnderTest.certificates)/ca.pem')
            request = (b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n'
                       b'Connection: close\\r\\n\\r\\n')
            def ask(context, raw):
                try:
                    s = context.wrap_socket(raw, server_hostname='localhost')
                    s.sendall(request)
                    return all(s)
                except (ssl.SSLError, ConnectionError) as e:
                    return b'!!'
            def tcp():
                return socket.create_connection(s.getpeername(), timeout=10)
            def unix():
                raw = socket.socket(socket.AF_UNIX)
                raw.settimeout(10)
                raw.connect('\(gateway.folder)/local.sock')
                return raw
            named = sum(b'"x-client-cert-sub":"CN=client1"' in ask(c, tcp()) for _ in range(40))
            anonymous = sum(b'HTTP/1.1' in ask(a, tcp()) for _ in range(40))
            local = sum(b'HTTP/1.1 200' in ask(a, unix()) for _ in range(10))
            print(named, anonymous, local)
            """
        ).text
        #expect(answer == "40 0 10\n", "\(answer)")
    }

    /// One listener, two virtual hosts; the second takes anybody.
    private static func twoVirtualHosts(upstream: String, folder: String) -> String {
        """
        listeners:
          edge: {address: "127.0.0.1:0"}
        virtualHosts:
        \(virtualHost("closed", serverNames: "localhost", certificate: "required"))
        \(virtualHost(
            "open", serverNames: "other.example", isDefault: false, certificate: "optional"))
        \(end(upstream))
        """
    }

    @Test(
        "S02 a connection serves no Host of another virtual host, with a server name or without",
        arguments: LoopKind.allCases)
    func virtualHosts(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, configuration: Self.twoVirtualHosts)
        let answer = try gateway.python(
            """
            c.check_hostname = False
            def ask(name, host):
                raw = socket.create_connection(s.getpeername(), timeout=10)
                t = c.wrap_socket(raw, server_hostname=name)
                t.sendall(b'GET / HTTP/1.1\\r\\nHost: ' + host + b'\\r\\n'
                          b'Connection: close\\r\\n\\r\\n')
                return all(t)[9:12].decode()
            for name in 'localhost', 'other.example', None, 'unknown.example':
                print(ask(name, b'localhost'), ask(name, b'other.example'))
            """
        ).text
        #expect(answer == "200 421\n421 200\n200 421\n200 421\n", "\(answer)")
    }
}
