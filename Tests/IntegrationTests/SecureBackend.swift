import Crypto
import Foundation
import TestSupport
import Testing

/// Certificates for upstreams: an authority, and servers of several kinds.
final class UpstreamCertificates {
    let folder: String
    private let root: CertificateAuthority
    private static let now = Int64(Date().timeIntervalSince1970)

    init() throws {
        folder = NSTemporaryDirectory() + "postern-upstream-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        root = try .root(
            .authority("Upstream CA", notBefore: Self.now - 86_400, notAfter: Self.now + 86_400),
            key: CertificateKey(.p256))
        try write(root.pem, "ca.pem")
        try issue("good", ["localhost", "127.0.0.1"])
        try issue("other", ["elsewhere.test"])
        try issue("expired", ["localhost"], notAfter: -3_600)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    }

    private func issue(_ name: String, _ names: [String], notAfter: Int64 = 86_400) throws {
        let server = try root.issue(
            .server(names, notBefore: Self.now - 86_400, notAfter: Self.now + notAfter),
            key: CertificateKey(.p256))
        try write(server.chainPEM, name + ".pem")
        try write(server.key.pem, name + ".key")
    }
}

/// A TLS server in Python, which keeps a line of JSON for each handshake. It answers with the
/// number of the connection and of the request on it, or as the path says.
final class SecureBackend {
    private let service: PythonService
    var address: String { service.address }
    var port: String { String(address.split(separator: ":")[1]) }

    /// - Parameters:
    ///   - certificate: path of chain and key, without `.pem` and `.key`.
    ///   - clientAuthority: whose certificates are asked for; nobody's when nil.
    ///   - newest: the newest version that it speaks.
    init(
        certificate: String, clientAuthority: String? = nil, newest: String = "TLSv1_3"
    ) throws {
        service = try PythonService(
            "backend", [certificate, clientAuthority ?? "", newest]
        ) { _ in Self.script }
    }

    /// What is known of each handshake so far.
    var handshakes: [Handshake] {
        service.log.compactMap { try? JSONDecoder().decode(Handshake.self, from: $0) }
    }

    struct Handshake: Decodable {
        var version: String?
        var reused: Bool?
        var name: String?
        var alpn: String?
        var client: String?
        var failed: String?
    }

    private static let script = """
        import json, os, socket, ssl, sys, threading, time
        folder, certificate, authority, newest = sys.argv[1:]
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(certificate + '.pem', certificate + '.key')
        c.maximum_version = getattr(ssl.TLSVersion, newest)
        c.set_alpn_protocols(['http/1.1'])
        if authority:
            c.load_verify_locations(authority)
            c.verify_mode = ssl.CERT_REQUIRED
        names = threading.local()
        def named(s, name, context): names.value = name
        c.sni_callback = named
        def note(line): open(folder + '/log', 'a').write(json.dumps(line) + '\\n')
        def serve(raw, number):
            names.value = None
            try: s = c.wrap_socket(raw, server_side=True)
            except (OSError, ssl.SSLError) as e:
                note({'failed': str(e)})
                return raw.close()
            peer = s.getpeercert() or {}
            subject = '/'.join(v for rdn in peer.get('subject', ()) for _, v in rdn)
            note({'version': s.version(), 'reused': s.session_reused, 'name': names.value,
                  'alpn': s.selected_alpn_protocol(), 'client': subject})
            held, served = b'', 0
            try:
                while True:
                    while b'\\r\\n\\r\\n' not in held:
                        piece = s.recv(65536)
                        if not piece: return s.unwrap()
                        held += piece
                    head, held = held.split(b'\\r\\n\\r\\n', 1)
                    served += 1
                    path = head.split()[1].decode()
                    kind = path.split('/')[1]
                    if kind in ('whole', 'cut'):
                        body = b'x' * int(path.split('/')[2])
                        s.sendall(b'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n' + body)
                        if kind == 'whole': s.unwrap()
                        return
                    body = b'%d.%d' % (number, served)
                    answer = b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body)
                    if kind == 'more': s.sendall(answer + body + b'HTTP/1.1 999 Unasked\\r\\n')
                    else: s.sendall(answer + body)
                    if kind == 'leave': return s.unwrap()
            except (OSError, ssl.SSLError) as e: pass
            finally: s.close()
        l = socket.create_server(('127.0.0.1', 0), backlog=128)
        open(folder + '/port.new', 'w').write(str(l.getsockname()[1]))
        os.rename(folder + '/port.new', folder + '/port')
        number = 0
        while True:
            number += 1
            threading.Thread(target=serve, args=(l.accept()[0], number), daemon=True).start()
        """
}
