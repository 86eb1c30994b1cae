import Foundation
import Testing

/// Many clients at once, each doing one of several things by chance.
enum Storm {
    /// Lets `connections` clients do what `script` defines as `kinds`, and expects that none has
    /// anything to complain of, and that nothing of them is left.
    ///
    /// - Returns: what they did, and what there was before and after.
    static func rage(
        over gateway: GatewayUnderTest, admin: String, connections: Int, _ script: String
    ) throws -> String {
        _ = try gateway.curl("/allow")
        let before = try Leftovers(of: gateway, admin: admin, within: 5) { $0.clients == 0 }
        let seed = UInt64.random(in: 0...UInt64.max)
        let answer = try gateway.python(
            [reader, "SEED, COUNT = \(seed), \(connections)", script, lanes]
                .joined(separator: "\n"))
        #expect(answer.status == 0, "seed \(seed): \(answer.text.suffix(2_000))")
        #expect(gateway.isRunning)
        let after = try Leftovers(of: gateway, admin: admin, within: 15) {
            $0.clients == 0 && $0.buffers == before.buffers
        }
        #expect(after.clients == 0, "seed \(seed)")
        #expect(after.buffers == before.buffers, "seed \(seed)")
        #expect(
            after.descriptors - after.upstreams <= before.descriptors - before.upstreams,
            "seed \(seed): \(before) became \(after)")
        return "\(answer.text.suffix(300)); \(before) became \(after)"
    }

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

    private static let lanes = """
        import collections
        counts, failures, lock = collections.Counter(), [], threading.Lock()
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
