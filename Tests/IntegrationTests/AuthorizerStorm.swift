import Foundation
import Testing

@Suite("a storm of questions leaves nothing behind and mixes nothing up", .serialized)
struct AuthorizerStorm {
    /// 600 in CI; FAULT_CONNECTIONS raises it.
    private static let connections =
        ProcessInfo.processInfo.environment["FAULT_CONNECTIONS"].flatMap { Int($0) } ?? 600

    @Test(
        "S27 every decision is its request's, whatever the service and the clients do",
        arguments: LoopKind.allCases, ["0", "1s\n    refusalLifetime: 1s"])
    func storm(loop: LoopKind, lifetime: String) throws {
        let service = try AuthorizerService()
        let admin = service.folder + "/admin"
        let gateway = try GatewayUnderTest(
            loop, ["admin.address=unix:\(admin)"],
            configuration: service.configuration("timeout: 3s\n    cacheLifetime: \(lifetime)"))
        _ = try Storm.rage(
            over: gateway, admin: admin, connections: Self.connections, Self.storm)
    }

    /// What comes of a request stands in its path, for whoever asks.
    private static let storm = """
        expected = dict(allow=200, pieces=200, hints=200, drip=200, once=200, deny=403,
                        unknown=401, boom=503, login=503, illegal=503, garbage=503,
                        endless=503, close=503)
        def request(path, extra=b'', body=b'', method=b'GET'):
            if body: extra += b'Content-Length: %d\\r\\n' % len(body)
            return (b'%s %s HTTP/1.1\\r\\nHost: localhost\\r\\nX-User: evil\\r\\n%s\\r\\n%s'
                    % (method, path.encode(), extra, body))
        def check(r, path, size=0):
            status, head, body = r.response()
            kind = path.split('/')[1]
            assert status == expected[kind], (path, head)
            if kind == 'deny': assert body == b'<p>no</p>', (path, body)
            if status != 200: return
            answer = json.loads(body)
            assert answer['path'] == path and answer['bodyBytes'] == size, (path, answer)
            assert b'"x-user":"zoe"' in body and b'evil' not in body, (path, answer)
        def paths(random, tag, count):
            few = random.random() < 0.3
            return ['/%s/%s' % (random.choice(list(expected)), 'all' if few else
                                '%s-%d' % (tag, i)) for i in range(count)]
        def pipelined(r, random, tag):
            chosen = paths(random, tag, 5)
            r.s.sendall(b''.join(map(request, chosen)))
            for path in chosen: check(r, path)
        def one_by_one(r, random, tag):
            for path in paths(random, tag, 3):
                whole = request(path, b'X-Long: %s\\r\\n' % (b'l' * random.randrange(1, 8000)))
                at = random.randrange(len(whole))
                r.s.sendall(whole[:at])
                r.s.sendall(whole[at:])
                check(r, path)
        def upload(r, random, tag):
            path, body = paths(random, tag, 1)[0], b'u' * random.randrange(1, 200000)
            try: r.s.sendall(request(path, body=body, method=b'POST'))
            except OSError: return 'refused early'
            try: check(r, path, len(body))
            except Cut:
                # The rest of a body that nobody reads may be met by a reset.
                assert expected[path.split('/')[1]] != 200, path
                return 'cut'
        def leave(r, random, tag):
            r.s.sendall(b''.join(map(request, paths(random, tag, random.randrange(1, 4)))))
            time.sleep(random.random() / 50)
            (reset if random.random() < 0.7 else socket.socket.close)(r.s)
        kinds = [pipelined, pipelined, one_by_one, upload, leave]
        """
}
