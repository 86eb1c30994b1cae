import Foundation
import TestSupport
import Testing

/// A service that speaks as much S3 as a gateway asks for, and an https server of the same files;
/// it checks signatures with botocore, and misbehaves on demand.
final class ObjectStore {
    private let service: PythonService
    /// Of the gateways that fetch from it.
    let state: String

    /// What was asked of it.
    struct Request: Decodable, Equatable {
        let path: String
        let status: Int
        /// `good`, `bad` or `none`.
        let signature: String
    }

    /// A service with TLS where there is a certificate: path of chain and key, without `.pem`.
    init(certificate: String? = nil) throws {
        service = try PythonService("objects", certificate.map { [$0] } ?? []) { _ in Self.script }
        state = service.folder + "/state"
    }

    /// Folder of the objects.
    var objects: String { service.folder + "/objects" }
    var port: String { String(service.address.split(separator: ":")[1]) }
    var url: String { "http://\(service.address)" }

    /// Arguments by which a gateway keeps what it fetches here, and looks for changes often.
    var settings: [String] {
        [
            "sources.stateDirectory=\(state)", "sources.pollInterval=200ms",
            "sources.s3.endpoint=\(url)", "sources.timeout=5s",
        ]
    }

    /// The same for a trust store.
    var trust: [String] { settings + ["trustStores.clients.file=s3://trust/ca.pem"] }

    /// The variables with the keys that it knows.
    static let environment = [
        "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret/of+test",
        "AWS_SESSION_TOKEN": "token==", "AWS_REGION": "eu-test-1",
    ]

    /// Puts an object there: `trust/ca.pem`.
    func put(_ name: String, _ bytes: Data) throws {
        let path = "\(objects)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try bytes.write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Puts the files at `paths` there, one behind the other.
    func put(_ name: String, files paths: [String]) throws {
        try put(
            name, try paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }.reduce(Data(), +)
        )
    }

    /// What it does: `serve`, `refuse` (503), `cut` or `hang`.
    func behave(_ mode: String) throws {
        try mode.write(toFile: service.folder + "/mode", atomically: true, encoding: .utf8)
    }

    var requests: [Request] {
        service.log.compactMap { try? JSONDecoder().decode(Request.self, from: $0) }
    }

    /// Waits for a request that was answered so, later than the first `count`.
    func answers(_ status: Int, after count: Int = 0) -> Bool {
        for _ in 0..<200 {
            if requests.dropFirst(count).contains(where: { $0.status == status }) { return true }
            usleep(50_000)
        }
        return false
    }

    private static let script = """
        import hashlib, http.server, json, os, re, ssl, sys, time, urllib.parse
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        keys = Credentials('AKIDTEST', 'secret/of+test', 'token==')

        def signature(path, headers):
            said = headers.get('Authorization')
            if said is None: return 'none'
            names = re.search('SignedHeaders=([^,]+)', said)[1].split(';')
            request = AWSRequest(
                method='GET', url='http://' + headers['Host'] + path,
                headers={name: headers[name] for name in names})
            request.context['timestamp'] = headers['X-Amz-Date']
            signer = S3SigV4Auth(keys, 's3', 'eu-test-1')
            text = signer.string_to_sign(request, signer.canonical_request(request))
            good = 'Signature=' + signer.signature(text, request)
            needed = {'host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'}
            whole = needed <= set(names) and headers['X-Amz-Security-Token'] == 'token=='
            return 'good' if said.endswith(good) and whole else 'bad'

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *arguments):
                pass

            def answer(self, status, body=b'', fields=()):
                said = {'path': self.path, 'status': status,
                        'signature': signature(self.path, self.headers)}
                with open(sys.argv[1] + '/log', 'a') as log:
                    log.write(json.dumps(said) + chr(10))
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                try: mode = open(sys.argv[1] + '/mode').read()
                except OSError: mode = 'serve'
                if mode == 'refuse':
                    return self.answer(503, b'<Error><Code>SlowDown</Code></Error>')
                if mode == 'cut':
                    self.close_connection = True
                    return
                if mode == 'hang':
                    return time.sleep(60)
                name = urllib.parse.unquote(self.path.split('?')[0])
                try: body = open(sys.argv[1] + '/objects' + name, 'rb').read()
                except OSError:
                    return self.answer(404, b'<Error><Code>NoSuchKey</Code></Error>')
                tag = '"' + hashlib.md5(body).hexdigest() + '"'
                if self.headers.get('If-None-Match') == tag:
                    return self.answer(304, fields=[('ETag', tag)])
                self.answer(200, body, [('ETag', tag), ('x-amz-version-id', 'v-' + tag[1:5])])

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        server = Server(('127.0.0.1', 0), Handler)
        if len(sys.argv) > 2:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[2] + '.pem', sys.argv[2] + '.key')
            server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(sys.argv[1] + '/new', 'w') as file:
            file.write(str(server.server_address[1]))
        os.rename(sys.argv[1] + '/new', sys.argv[1] + '/port')
        server.serve_forever()
        """
}
