import Foundation
import Testing

@Suite("a storm of faults leaves nothing behind and mixes nothing up", .serialized)
struct FaultStorm {
    /// 1,000 in CI; FAULT_CONNECTIONS raises it.
    private static let connections =
        ProcessInfo.processInfo.environment["FAULT_CONNECTIONS"].flatMap { Int($0) } ?? 1_000

    @Test("every answer is its request's, or a visible cut", arguments: LoopKind.allCases)
    func storm(loop: LoopKind) throws {
        let socket = NSTemporaryDirectory() + "pa-\(UUID().uuidString.prefix(8))"
        let gateway = try GatewayUnderTest(loop, ["admin.address=unix:\(socket)"])
        _ = try gateway.curl("/")
        let before = try Leftovers(of: gateway, admin: socket, within: 5) { $0.clients == 0 }
        let seed = UInt64.random(in: 0...UInt64.max)
        let began = Date()
        let answer = try gateway.python(
            Self.reader + "\nSEED, COUNT = \(seed), \(Self.connections)\n" + Self.storm)
        #expect(answer.status == 0, "seed \(seed): \(answer.text.suffix(2_000))")
        #expect(gateway.isRunning)
        let after = try Leftovers(of: gateway, admin: socket, within: 15) {
            $0.clients == 0 && $0.buffers == before.buffers
        }
        #expect(after.clients == 0, "seed \(seed)")
        #expect(after.buffers == before.buffers, "seed \(seed)")
        #expect(
            after.descriptors - after.upstreams == before.descriptors - before.upstreams,
            "seed \(seed): \(before) became \(after)")
        guard Self.connections > 1_000 else { return }
        let seconds = Int(Date().timeIntervalSince(began))
        print("\(loop): \(answer.text.suffix(300)) in \(seconds) s; \(before) became \(after)")
    }

    @Test("a backend that resets what it keeps idle is never seen", arguments: LoopKind.allCases)
    func resetIdle(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, ["upstreams.backend.maxConnections=64"])
        let port = gateway.backendAddress.split(separator: ":")[1]
        gateway.killBackend()
        let answer = try gateway.python(
            Self.reader + "\nPORT, COUNT = \(port), \(Self.connections / 50)\n" + Self.resetIdle)
        #expect(answer.status == 0, "\(answer.text.suffix(2_000))")
    }

    @Test("a backend killed in the middle of an upload is 502", arguments: LoopKind.allCases)
    func killedInUpload(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            Self.reader + "\nFOLDER = '\(gateway.folder)'\n"
                + """
                kill = backend(FOLDER)
                s.sendall(b'POST /u HTTP/1.1\\r\\nHost: localhost\\r\\n'
                          b'Content-Length: 9000000\\r\\n\\r\\n' + b'x' * 500000)
                time.sleep(0.2)
                kill()
                sys.stdout.buffer.write(all(s))
                """)
        #expect(answer.text.hasPrefix("HTTP/1.1 502"), "\(answer.text)")
        #expect(answer.text.hasSuffix("502 Bad Gateway\n"), "\(answer.text)")
    }

    @Test("a backend killed in mid-response is a visible cut", arguments: LoopKind.allCases)
    func killedInResponse(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            Self.reader + "\nFOLDER = '\(gateway.folder)'\n"
                + """
                kill = backend(FOLDER)
                r = Reader(strict())
                r.s.sendall(b'GET /chunked/40000000 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                r.fill()
                kill()
                try:
                    r.response()
                    print('looks whole')
                except Cut: print('cut')
                """)
        #expect(answer.text == "cut\n", "\(answer.text)")
    }

    // MARK: Scripts

    /// Responses read one by one; an end without close_notify is a cut, never an end.
    static let reader = """
        import json, os, random, signal, struct, threading, time
        class Cut(Exception): pass
        def strict():
            raw = socket.create_connection(s.getpeername(), timeout=20)
            return c.wrap_socket(raw, server_hostname='localhost', suppress_ragged_eofs=False)
        def reset(t):
            t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            t.close()
        def backend(folder):
            for pid in filter(str.isdigit, os.listdir('/proc')):
                try: line = open('/proc/%s/cmdline' % pid).read()
                except OSError: continue
                if '\\0echo\\0' in line and folder + '/port\\0' in line:
                    return lambda: os.kill(int(pid), signal.SIGKILL)
        class Reader:
            def __init__(self, t): self.s, self.data = t, b''
            def fill(self):
                try: piece = self.s.recv(65536)
                except (ssl.SSLError, ConnectionError) as e: raise Cut(repr(e))
                if not piece: raise EOFError
                self.data += piece
            def until(self, mark):
                while mark not in self.data: self.fill()
                line, _, self.data = self.data.partition(mark)
                return line
            def take(self, count):
                while len(self.data) < count: self.fill()
                piece, self.data = self.data[:count], self.data[count:]
                return piece
            def response(self):
                head = self.until(b'\\r\\n\\r\\n').decode().lower()
                try:
                    if 'transfer-encoding: chunked' in head:
                        body = b''
                        while True:
                            size = int(self.until(b'\\r\\n'), 16)
                            body += self.take(size)
                            assert self.take(2) == b'\\r\\n'
                            if size == 0: return int(head[9:12]), head, body
                    size = int(head.split('content-length: ')[1].split()[0])
                    return int(head[9:12]), head, self.take(size)
                except EOFError: raise AssertionError('a cut with close_notify: ' + head)
        """

    private static let storm = """
        import collections
        counts, failures, lock = collections.Counter(), [], threading.Lock()
        def request(path, method='GET', body=None):
            extra = b'' if body is None else b'Content-Length: %d\\r\\n' % len(body)
            return (b'%s %s HTTP/1.1\\r\\nHost: localhost\\r\\n' % (method.encode(), path.encode())
                    + extra + b'\\r\\n' + (body or b''))
        def echo(r, path, size=0):
            status, head, body = r.response()
            assert status == 200, head
            answer = json.loads(body)
            assert answer['path'] == path and answer['bodyBytes'] == size, (path, answer)
        def pipelined(r, random, tag):
            paths = ['/%s-%d' % (tag, i) for i in range(4)]
            r.s.sendall(b''.join(map(request, paths)))
            for path in paths: echo(r, path)
        def sizes(r, random, tag):
            for kind in random.sample(['bytes', 'chunked', 'close'], 3):
                size = random.randrange(1, 200000)
                r.s.sendall(request('/%s/%d' % (kind, size)))
                status, head, body = r.response()
                assert status == 200 and body == b'b' * size, (kind, size, head, len(body))
                echo_path = '/%s-%s' % (tag, kind)
                r.s.sendall(request(echo_path))
                echo(r, echo_path)
        def cut(r, random, tag):
            r.s.sendall(request('/reset/%d' % random.randrange(1, 100000)) + request('/' + tag))
            try: status, head, body = r.response()
            except Cut: return 'cut'
            assert status == 502, head
            echo(r, '/' + tag)
            return '502'
        def upload(r, random, tag):
            size = random.randrange(300000)
            r.s.sendall(request('/' + tag, 'POST', b'u' * size))
            echo(r, '/' + tag, size)
        def early(r, random, tag):
            whole = request('/early', 'POST', b'u' * 200000)
            r.s.sendall(whole[:random.randrange(len(whole) // 2, len(whole))])
            status, head, body = r.response()
            assert status == 200 and body == b'ok', head
        def leave(r, random, tag):
            path = random.choice(['/bytes/500000', '/slow/20', '/chunked/90000', '/' + tag])
            whole = request(path, 'POST', b'u' * 50000)
            r.s.sendall(whole[:random.randrange(len(whole))])
            r.s.settimeout(random.random() / 20)
            try: r.fill()
            except (TimeoutError, EOFError, Cut): pass
            (reset if random.random() < 0.7 else socket.socket.close)(r.s)
        def impatient(r, random, tag):
            r.s.sendall(request('/bytes/%d' % random.randrange(1000000)))
            if random.random() < 0.5: r.fill()
            reset(r.s)
        kinds = [pipelined, sizes, cut, cut, upload, early, leave, impatient]
        def lane(number):
            chance = random.Random(SEED + number)
            for i in range(number, COUNT, 16):
                kind = chance.choice(kinds)
                try:
                    r = Reader(strict())
                    outcome = kind(r, chance, 'c%d' % i) or 'fine'
                    r.s.close()
                except Exception as e:
                    outcome = 'failed'
                    with lock: failures.append((i, kind.__name__, repr(e)))
                with lock: counts[kind.__name__ + ' ' + outcome] += 1
        s_open = s
        lanes = [threading.Thread(target=lane, args=(n,)) for n in range(16)]
        for t in lanes: t.start()
        for t in lanes: t.join()
        s_open.close()
        print(len(failures), failures[:5], dict(counts))
        sys.exit(bool(failures))
        """

    /// A backend that answers with the path, then resets the idle connection at a random moment.
    private static let resetIdle = """
        def serve(t):
            data, answered = b'', 0
            while True:
                # A connection that has answered nothing yet is no idle one.
                t.settimeout(random.choice([0.0002, 0.002, 5]) if answered else 20)
                try: piece = t.recv(65536)
                except TimeoutError: return reset(t)
                except OSError: return
                if not piece: return t.close()
                data += piece
                while b'\\r\\n\\r\\n' in data:
                    head, _, data = data.partition(b'\\r\\n\\r\\n')
                    path = head.split()[1]
                    t.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s'
                              % (len(path), path))
                    answered += 1
                    if random.random() < 0.3:
                        time.sleep(random.random() / 500)
                        return reset(t)
        listener = socket.create_server(('127.0.0.1', PORT), backlog=128)
        def accept():
            while True:
                t, _ = listener.accept()
                t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve, args=(t,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        bad = []
        def lane(number):
            r = Reader(strict())
            for i in range(COUNT):
                path = b'/%d-%d' % (number, i)
                r.s.sendall(b'GET %s HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' % path)
                try: status, head, body = r.response()
                except Exception as e: return bad.append((number, i, repr(e)))
                if status != 200 or body != path: bad.append((number, i, head))
                time.sleep(random.random() / 500)
        lanes = [threading.Thread(target=lane, args=(n,)) for n in range(16)]
        for t in lanes: t.start()
        for t in lanes: t.join()
        print(len(bad), bad[:5])
        sys.stdout.flush()
        os._exit(bool(bad))
        """
}

/// What a gateway holds, from its metrics and the kernel's list of its descriptors.
struct Leftovers: CustomStringConvertible {
    let clients: Int
    let upstreams: Int
    let buffers: Int
    let descriptors: Int

    /// Looks until `isSettled`, for at most `seconds`; gauges are a second old at most.
    init(
        of gateway: GatewayUnderTest, admin: String, within seconds: Double,
        until isSettled: (Leftovers) -> Bool
    ) throws {
        let deadline = Date().addingTimeInterval(seconds)
        usleep(2_100_000)
        var found = try Leftovers(gateway, admin)
        while !isSettled(found), Date() < deadline {
            usleep(500_000)
            found = try Leftovers(gateway, admin)
        }
        self = found
    }

    private init(_ gateway: GatewayUnderTest, _ admin: String) throws {
        let text = try GatewayUnderTest.shell([
            "curl", "-sS", "--unix-socket", admin, "http://admin/metrics",
        ]).text
        func value(_ name: String) -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            return line.flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        clients = value("postern_connections_active")
        upstreams = value("postern_upstream_connections")
        buffers = value("postern_buffers_outstanding")
        descriptors =
            try FileManager.default.contentsOfDirectory(
                atPath: "/proc/\(gateway.identifier)/fd"
            ).count
    }

    var description: String {
        "\(clients) clients, \(upstreams) upstreams, \(buffers) buffers, \(descriptors) descriptors"
    }
}
