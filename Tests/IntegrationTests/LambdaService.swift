import Foundation
import TestSupport
import Testing

/// AWS in Python: Lambda's Invoke, which checks the signature by itself, the endpoint of a
/// container's credentials, and an instance's metadata service, version 2.
///
/// Whose keys are good, and what the endpoints hand out, stands in files of its folder.
final class LambdaService {
    private let service: PythonService
    var address: String { service.address }
    var folder: String { service.folder }

    /// - Parameter certificate: path of chain and key, without `.pem` and `.key`; nil for no TLS.
    init(certificate: String = "") throws {
        service = try PythonService("lambda", [certificate]) { _ in Self.script }
        try accept([:])
    }

    /// A pair of keys, with a token when they are somebody's for a time.
    struct Keys {
        var accessKey: String
        var secretKey: String
        var token: String?

        /// Keys nobody has had before.
        init(token: Bool = false) {
            accessKey = "AK" + UUID().uuidString.replacing("-", with: "")
            secretKey = "hidden/" + UUID().uuidString
            self.token = token ? "hidden+" + UUID().uuidString + "==" : nil
        }
    }

    /// What Lambda was asked so far.
    struct Invocation: Decodable {
        var target: String
        var host: String
        var accessKey: String
        var status: Int
    }

    var invocations: [Invocation] {
        service.log.compactMap { try? JSONDecoder().decode(Invocation.self, from: $0) }
    }

    /// Lets these keys sign, and no others.
    func accept(_ keys: Keys...) throws {
        try accept(
            Dictionary(uniqueKeysWithValues: keys.map { ($0.accessKey, $0) }))
    }

    private func accept(_ keys: [String: Keys]) throws {
        try write(keys.mapValues { [$0.secretKey, $0.token ?? ""] }, to: "keys")
    }

    /// Has the endpoint `name` (`container` or `instance`) hand out `keys` for so many seconds; nil
    /// makes it fail.
    func handOut(_ keys: Keys?, by name: String, seconds: TimeInterval = 3_600) throws {
        guard let keys else {
            try FileManager.default.removeItem(atPath: folder + "/" + name)
            return
        }
        let expiry = ISO8601DateFormatter().string(from: Date().addingTimeInterval(seconds))
        try write(
            [
                "Code": "Success", "AccessKeyId": keys.accessKey,
                "SecretAccessKey": keys.secretKey, "Token": keys.token ?? "",
                "Expiration": expiry,
            ], to: name)
    }

    /// Has the metadata service take questions and not answer.
    func hang() throws { try write([], to: "hang") }

    private func write(_ value: Any, to name: String) throws {
        let data = try JSONSerialization.data(withJSONObject: value)
        try data.write(to: URL(fileURLWithPath: folder + "/" + name), options: .atomic)
    }

    /// The configuration whose one route asks a function here; `keys` are further keys of the
    /// authorizer, and `tls` those of its upstream.
    func configuration(
        _ keys: String = "host: lambda.internal", tls: String = ""
    ) -> (String, String) -> String {
        { [address] upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing(
                    "all: {path: /, upstream: backend}",
                    with: "all: {path: /, upstream: backend, authorize: function}")
                    + """

                      lambda: {members: ["\(address)"]\(tls)}
                    authorizers:
                      function:
                        type: lambda
                        upstream: lambda
                        function: edge
                        qualifier: live
                        format: http-2.0-simple
                        headers: {X-Level: $context.authorizer.level}
                        timeout: 5s
                        \(keys)\(asksAlways(unless: keys))
                    """
        }
    }

    /// Follows AWS's description of Signature Version 4, not our code: a signer's mistake would be
    /// made twice.
    private static let script = """
        import calendar, hashlib, hmac, json, os, re, ssl, sys, time
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from urllib.parse import quote
        folder, certificate = sys.argv[1:]
        def sign(key, text): return hmac.new(key, text.encode(), hashlib.sha256).digest()
        def stored(name):
            try: return json.load(open(folder + '/' + name))
            except FileNotFoundError: return None
        def refusal(handler, body):
            form = (r'AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/eu-central-1/lambda/'
                    r'aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})')
            found = re.fullmatch(form, handler.headers['Authorization'] or '')
            if not found: return '', 'MissingAuthenticationTokenException'
            access, day, names, signature = found.groups()
            keys = stored('keys').get(access)
            if not keys: return access, 'UnrecognizedClientException'
            secret, token = keys
            if (handler.headers['X-Amz-Security-Token'] or '') != token:
                return access, 'ExpiredTokenException'
            moment = handler.headers['X-Amz-Date']
            sent = calendar.timegm(time.strptime(moment, '%Y%m%dT%H%M%SZ'))
            if abs(sent - time.time()) > 300 or moment[:8] != day:
                return access, 'InvalidSignatureException'
            wanted = {'host', 'x-amz-date'} | ({'x-amz-security-token'} if token else set())
            if not wanted <= set(names.split(';')): return access, 'IncompleteSignatureException'
            path, _, query = handler.path.partition('?')
            fields = ''.join('%s:%s\\n' % (name, ' '.join(handler.headers[name].split()))
                             for name in names.split(';'))
            canonical = '\\n'.join([handler.command, quote(path, safe='/-_.~'),
                                   '&'.join(sorted(query.split('&'))), fields, names,
                                   hashlib.sha256(body).hexdigest()])
            scope = day + '/eu-central-1/lambda/aws4_request'
            text = '\\n'.join(['AWS4-HMAC-SHA256', moment, scope,
                              hashlib.sha256(canonical.encode()).hexdigest()])
            key = ('AWS4' + secret).encode()
            for part in (day, 'eu-central-1', 'lambda', 'aws4_request'): key = sign(key, part)
            good = hmac.compare_digest(sign(key, text).hex(), signature)
            return access, None if good else 'InvalidSignatureException'
        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def log_message(self, *_): pass
            def answer(self, status, body=b'', **fields):
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name.replace('_', '-'), value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_PUT(self):
                if os.path.exists(folder + '/hang'): time.sleep(60)
                lifetime = int(self.headers['X-aws-ec2-metadata-token-ttl-seconds'])
                good = self.path == '/latest/api/token' and 0 < lifetime <= 21600
                self.answer(200 if good else 400, b'metadata-token==')
            def do_GET(self):
                role = '/latest/meta-data/iam/security-credentials/'
                if self.path == '/container':
                    known = self.headers['Authorization'] == 'Bearer agent'
                    held = stored('container')
                elif self.path in (role, role + 'edge-role'):
                    known = self.headers['X-aws-ec2-metadata-token'] == 'metadata-token=='
                    held = stored('instance')
                else: return self.answer(404)
                if not known: return self.answer(401)
                if held is None: return self.answer(500)
                self.answer(200, b'edge-role' if self.path == role else json.dumps(held).encode())
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                access, error = refusal(self, body)
                path = json.loads(body)['rawPath']
                status = 403 if error else {'/missing': 404, '/busy': 429}.get(path, 200)
                if status == 404: error = 'ResourceNotFoundException:http://x/ hidden'
                if status == 429: error = 'TooManyRequestsException'
                with open(folder + '/log', 'a') as log:
                    log.write(json.dumps({'target': self.path, 'host': self.headers['Host'],
                                          'accessKey': access, 'status': status}) + '\\n')
                if status != 200:
                    return self.answer(status, b'{"message":"hidden"}', x_amzn_ErrorType=error)
                if path == '/failed':
                    return self.answer(200, b'{"errorMessage":"hidden"}',
                                       X_Amz_Function_Error='Unhandled')
                self.answer(200, b'{"isAuthorized":true,"context":{"level":7}}')
        server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate + '.pem', certificate + '.key')
            server.socket = context.wrap_socket(server.socket, server_side=True)
        open(folder + '/port.new', 'w').write(str(server.server_address[1]))
        os.rename(folder + '/port.new', folder + '/port')
        server.serve_forever()
        """
}
