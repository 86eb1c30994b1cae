import Foundation
import Testing

@Suite("connections that never speak do not keep others out", .serialized)
struct SilentConnections {
    /// Python that opens `count` connections and says nothing on them.
    private static func silent(_ count: Int, to gateway: GatewayUnderTest) -> String {
        let parts = gateway.address.split(separator: ":")
        return """
            silent = []
            for _ in range(\(count)):
                try:
                    silent.append(
                        socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10))
                except OSError as e:
                    print('could not connect', e)
                    break
            """
    }

    private static func metric(_ name: String, from socket: String) throws -> Int {
        let text = try GatewayUnderTest.shell([
            "curl", "-sS", "--unix-socket", socket, "http://admin/metrics",
        ]).text
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
    }

    @Test(
        "S26 five hundred silent connections do not keep fifty handshakes out",
        arguments: LoopKind.allCases)
    func eviction(loop: LoopKind) throws {
        let admin = NSTemporaryDirectory() + "pa-\(UUID().uuidString.prefix(8))"
        let gateway = try GatewayUnderTest(
            loop, ["limits.handshakesInFlight=64", "admin.address=unix:\(admin)"])
        let answer = try gateway.python(
            """
            \(Self.silent(500, to: gateway))
            good = 0
            for _ in range(50):
                t = connect()
                t.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n')
                good += b' 200 ' in all(t)
            closed = 0
            for t in silent:
                t.settimeout(0.01)
                try: closed += t.recv(1) == b''
                except ConnectionError: closed += 1
                except TimeoutError: pass
            print(len(silent), good, closed)
            # The first handshake, from before the flood, is over and not touched.
            s.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n')
            print(b' 200 ' in all(s))
            time.sleep(1.5)
            """
        ).text.split(separator: "\n")
        // Those in flight with a good one: 64 at the most, the good one included.
        #expect(answer.count == 2 && answer[0].hasPrefix("500 50 43"), "\(answer)")
        #expect(answer.last == "True", "\(answer)")
        let evicted = try Self.metric("postern_handshakes_evicted_total", from: admin)
        #expect((436...450).contains(evicted), "\(evicted) evictions")
        #expect(gateway.isRunning)
    }

    @Test(
        "S26 a silent connection ends at the handshake's deadline", arguments: LoopKind.allCases)
    func deadline(loop: LoopKind) throws {
        let admin = NSTemporaryDirectory() + "pa-\(UUID().uuidString.prefix(8))"
        let gateway = try GatewayUnderTest(
            loop, ["timeouts.handshake=1s", "admin.address=unix:\(admin)"])
        let parts = gateway.address.split(separator: ":")
        let answer = try gateway.python(
            """
            def until_closed(first):
                t = socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10)
                start = time.monotonic()
                t.sendall(first)
                # Bytes that complete nothing do not move the deadline.
                t.settimeout(0.25)
                try:
                    while time.monotonic() - start < 8:
                        try:
                            if t.recv(100) == b'': break
                        except TimeoutError:
                            if first: t.sendall(b'\\0')
                except ConnectionError: pass
                return time.monotonic() - start
            print(until_closed(b''), until_closed(b'\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc'))
            """
        ).text
        let seconds = answer.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        #expect(seconds.count == 2 && seconds.allSatisfy { (0.9...3).contains($0) }, "\(answer)")
        usleep(1_200_000)
        #expect(try Self.metric("postern_handshakes_timed_out_total", from: admin) == 2)
        #expect(try Self.metric("postern_handshakes_in_flight", from: admin) == 0)
    }

    @Test(
        "S26 silent connections leave the time of new handshakes as it was",
        arguments: LoopKind.allCases)
    func latency(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            import resource
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            def median(count):
                times = []
                for _ in range(count):
                    start = time.monotonic()
                    connect().close()
                    times.append(time.monotonic() - start)
                return sorted(times)[count // 2] * 1000
            median(20)
            without = median(100)
            \(Self.silent(2_000, to: gateway))
            print(len(silent), without, median(100))
            """
        ).text
        let figures = answer.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard figures.count == 3 else {
            Issue.record("\(answer)")
            return
        }
        print(
            "\(loop.rawValue): median handshake \(figures[1]) ms, with 2,000 silent \(figures[2])")
        #expect(figures[0] == 2_000)
        #expect(figures[2] <= 3 * figures[1] + 5, "\(answer)")
    }
}
