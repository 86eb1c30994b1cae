import Crypto
import Foundation

/// An authority of our own with two clients, whose certificates it takes back.
struct RevocableClients {
    private let root: CertificateAuthority
    private let folder: String
    private let now = Int64(Date().timeIntervalSince1970)
    private let listLifetime: Int64
    private static let alice: [UInt8] = [0x7A, 0x01]

    /// Writes `ca.pem`, the server's and the clients' files `alice` and `bob`, a first list into
    /// the folder `crls`, and a deny list with nothing in it. Lists are in force for
    /// `listLifetime` seconds.
    init(in folder: String, listLifetime: Int64 = 3_600) throws {
        self.folder = folder
        self.listLifetime = listLifetime
        let (from, until) = (now - 86_400, now + 86_400)
        root = try .root(
            .authority("Revoking CA", notBefore: from, notAfter: until), key: CertificateKey(.p256))
        try FileManager.default.createDirectory(
            atPath: folder + "/crls", withIntermediateDirectories: true)
        try write(root.pem, "ca.pem")
        let server = try root.issue(
            .server(["localhost"], notBefore: from, notAfter: until), key: CertificateKey(.p256))
        try write(server.chainPEM, "server.pem")
        try write(server.key.pem, "server.key")
        for name in ["alice", "bob"] {
            var request = CertificateRequest.client(
                [.init("CN", name)], notBefore: from, notAfter: until)
            if name == "alice" { request.serialNumber = Self.alice }
            let client = try root.issue(request, key: CertificateKey(.p256))
            try write(client.chainPEM, name + ".pem")
            try write(client.key.pem, name + ".key")
            if name == "alice" {
                let digest = SHA256.hash(client.der).map { String(format: "%02x", $0) }
                try write("sha256:" + digest.joined() + "\n", "denied.txt")
            }
        }
        try write("# nobody\n", "deny.txt")
        try writeList(1, revokesAlice: false, to: "crls/1.pem")
        try writeList(2, revokesAlice: true, to: "revoking.pem")
    }

    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    private func writeList(_ number: UInt64, revokesAlice: Bool, to name: String) throws {
        try write(
            root.revocationListPEM(
                RevocationListRequest(
                    revokesAlice ? [.init(Self.alice)] : [], number: number, thisUpdate: now - 60,
                    nextUpdate: now + listLifetime)), name)
    }

    /// What the configuration says of them.
    static func configuration(_ folder: String) -> String {
        """
        revocation:
          denyList: \(folder)/deny.txt
          issuers:
            ours: {certificate: \(folder)/ca.pem, crls: [\(folder)/crls]}
        """
    }

    /// Python functions for connections of the clients; `F` is the folder.
    static func python(_ gateway: GatewayUnderTest, _ folder: String) -> String {
        let port = gateway.address.split(separator: ":").last ?? ""
        return """
            import os, shutil, socket, ssl, time
            F = '\(folder)'
            def connect(name):
                c = ssl.create_default_context(cafile=F + '/ca.pem')
                c.load_cert_chain(F + '/' + name + '.pem', F + '/' + name + '.key')
                raw = socket.create_connection(('127.0.0.1', \(port)), timeout=10)
                return c.wrap_socket(raw, server_hostname='localhost')
            def answer(s):
                data = b''
                while b'\\r\\n\\r\\n' not in data: data += s.recv(65536) or exit('end of head')
                head, body = data.split(b'\\r\\n\\r\\n', 1)
                length = int(head.lower().split(b'content-length: ')[1].split(b'\\r\\n')[0])
                while len(body) < length: body += s.recv(65536) or exit('end of body')
                return head.decode().lower()
            def ask(s):
                s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                return answer(s)[9:12]
            def opened(name):
                s = connect(name)
                assert ask(s) == '200'
                return s
            def tunnel(name):
                s = connect(name)
                s.sendall(b'GET /websocket HTTP/1.1\\r\\nHost: localhost\\r\\n'
                          b'Connection: Upgrade\\r\\nUpgrade: websocket\\r\\n'
                          b'Sec-WebSocket-Version: 13\\r\\n'
                          b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n')
                data = b''
                while b'\\r\\n\\r\\n' not in data: data += s.recv(1)
                assert data.split()[1] == b'101'
                return s
            def ended(s):
                try: return s.recv(1) == b''
                except ConnectionError: return True
            def refused(name):
                try: return ask(connect(name))
                except (ssl.SSLError, ConnectionError): return 'refused'

            """
    }
}
