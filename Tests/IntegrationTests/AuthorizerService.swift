import Foundation
import TestSupport
import Testing

/// An authorizer's service in Python, which keeps a line of JSON for each question. It answers as
/// the first segment of the path says that it is asked about.
final class AuthorizerService {
    private let service: PythonService
    var folder: String { service.folder }
    var address: String { service.address }

    /// - Parameter certificate: path of chain and key, without `.pem` and `.key`; nil for no TLS.
    init(certificate: String = "") throws {
        service = try PythonService("authorizer", [certificate]) { _ in Self.script }
    }

    struct Question: Decodable {
        var line: String
        var headers: [String: String]
        var connection: Int
    }

    /// The questions so far.
    var questions: [Question] {
        service.log.compactMap { try? JSONDecoder().decode(Question.self, from: $0) }
    }

    /// Waits until there are `count` questions.
    func wait(forQuestions count: Int) -> Bool {
        for _ in 0..<500 {
            if questions.count >= count { return true }
            usleep(10_000)
        }
        return false
    }

    /// Lets questions about `/wait` be answered.
    func goOn() throws { try "".write(toFile: folder + "/go", atomically: true, encoding: .utf8) }

    private static let script = """
        import json, os, socket, ssl, sys, threading, time
        folder, certificate = sys.argv[1:]
        lock = threading.Lock()
        def note(line):
            with lock: open(folder + '/log', 'a').write(json.dumps(line) + '\\n')
        def whole(status, fields=b'', body=b'ok'):
            return b'HTTP/1.1 %s\\r\\n%sContent-Length: %d\\r\\n\\r\\n' % (
                status, fields, len(body)) + body
        answers = {
            'deny': whole(b'403 Forbidden', b'X-Why: no\\r\\nWWW-Authenticate: X\\r\\n'
                          b'Content-Type: text/html\\r\\nX-Inner: 1\\r\\n', b'<p>no</p>'),
            'unknown': whole(b'401 Unauthorized', b'WWW-Authenticate: Basic\\r\\n', b''),
            'login': whole(b'302 Found', b'Location: https://login.test/\\r\\n'),
            'boom': whole(b'500 Oops'), 'notfound': whole(b'404 Not Found'),
            'garbage': b'garbage\\r\\n\\r\\n',
            'illegal': whole(b'200 OK', b'X-User: a\\tb\\r\\n'),
            'long': whole(b'403 Forbidden', b'', b'x' * 20000),
            'endless': whole(b'200 OK', b'', b'x' * 100000),
            'pieces': b'HTTP/1.1 200 OK\\r\\nX-User: zoe\\r\\n'
                      b'Transfer-Encoding: chunked\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\n\\r\\n',
            'hints': b'HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n'
                       + whole(b'200 OK', b'X-User: zoe\\r\\n'),
        }
        allow = whole(b'200 OK', b'X-User: zoe\\r\\nX-Group: a\\r\\nX-Group: b\\r\\n'
                      b'X-Other: 1\\r\\n')
        def serve(s, number):
            held = b''
            try:
                if certificate: s = context.wrap_socket(s, server_side=True)
                while True:
                    while b'\\r\\n\\r\\n' not in held:
                        piece = s.recv(65536)
                        if not piece: return
                        held += piece
                    head, held = held.split(b'\\r\\n\\r\\n', 1)
                    lines = head.decode().split('\\r\\n')
                    headers = {}
                    for line in lines[1:]:
                        name, value = line.split(': ', 1)
                        name = name.lower()
                        headers[name] = headers[name] + ', ' + value if name in headers else value
                    note({'line': lines[0], 'headers': headers, 'connection': number})
                    kind = headers['x-forwarded-uri'].split('?')[0].split('/')[1]
                    if kind == 'close': return
                    if kind == 'hang': time.sleep(20)
                    if kind == 'wait':
                        for _ in range(2000):
                            if os.path.exists(folder + '/go'): break
                            time.sleep(0.005)
                    if kind == 'drip':
                        for byte in allow:
                            s.sendall(bytes([byte]))
                            time.sleep(0.001)
                        continue
                    if kind == 'once':
                        s.sendall(allow)
                        return
                    s.sendall(answers.get(kind, allow))
            except OSError: pass
            finally: s.close()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate + '.pem', certificate + '.key')
        l = socket.create_server(('127.0.0.1', 0), backlog=128)
        open(folder + '/port.new', 'w').write(str(l.getsockname()[1]))
        os.rename(folder + '/port.new', folder + '/port')
        number = 0
        while True:
            number += 1
            threading.Thread(target=serve, args=(l.accept()[0], number), daemon=True).start()
        """
}

extension AuthorizerService {
    /// The configuration whose one route asks this service; `keys` are further keys of the
    /// authorizer, and `tls` those of its upstream.
    func configuration(_ keys: String, tls: String = "") -> (String, String) -> String {
        { [address] upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing(
                    "all: {path: /, upstream: backend}",
                    with: "all: {path: /, upstream: backend, authorize: service}")
                    + """

                      service: {members: ["\(address)"]\(tls)}
                    authorizers:
                      service:
                        type: http
                        upstream: service
                        responseHeaders: [X-User, X-Group]
                        \(keys)\(asksAlways(unless: keys))
                    """
        }
    }
}

/// The key by which each request is asked about, unless `keys` of an authorizer say otherwise.
func asksAlways(unless keys: String) -> String {
    keys.contains("cacheLifetime") ? "" : "\n    cacheLifetime: 0"
}
