import Foundation
import Testing

@Suite("bodies of every framing pass whole, in both directions", .serialized)
struct BodiesBothWays {
    @Test("downloads: sized, chunked, close-delimited", arguments: LoopKind.allCases)
    func downloads(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        for path in ["/bytes/5000000", "/chunked/3000000", "/close/2000000", "/bytes/0"] {
            let count = path.split(separator: "/")[1]
            let size = try gateway.curl(path, ["-o", "/dev/null", "-w", "%{size_download}"])
            #expect(size.status == 0 && size.text == count, "\(path): \(size.text)")
        }
        let old = try gateway.curl(
            "/chunked/100000", ["--http1.0", "-o", "/dev/null", "-w", "%{size_download}"])
        #expect(old.text == "100000", "an HTTP/1.0 client")
    }

    @Test("uploads: sized and chunked", arguments: LoopKind.allCases)
    func uploads(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let file = gateway.folder + "/body"
        try Data(repeating: 0x75, count: 3_000_000).write(to: URL(fileURLWithPath: file))
        for extra in [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]] {
            let answer = try gateway.curl("/", ["--data-binary", "@" + file] + extra)
            #expect(answer.text.contains("\"bodyBytes\":3000000"), "\(extra): \(answer.text)")
        }
    }

    @Test("messages without a body", arguments: LoopKind.allCases)
    func empty(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        #expect(try gateway.curl("/status/204", ["-i"]).text.contains("204"))
        #expect(try gateway.curl("/status/304", ["-i"]).text.contains("304"))
        #expect(try gateway.curl("/bytes/10", ["-I"]).text.contains("Content-Length: 10"))
        let interim = try gateway.curl("/interim", ["-i"]).text
        #expect(interim.contains("103 Early Hints") && interim.contains("200 OK"))
    }

    @Test("one connection serves many requests", arguments: LoopKind.allCases)
    func keepAlive(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let first = "https://\(gateway.address)/first"
        let counts = try gateway.curl(
            "/second", [first, "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects},"])
        #expect(counts.text == "1,0,")
    }

    @Test("twenty pipelined requests are answered in order", arguments: LoopKind.allCases)
    func pipelining(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            q = b'GET /n%d HTTP/1.1\\r\\nHost: localhost\\r\\n'
            r = b''.join(q % i + b'\\r\\n' for i in range(19))
            s.sendall(r + q % 19 + b'Connection: close\\r\\n\\r\\n')
            d = all(s)
            print([d.find(b'"path":"/n%d"' % i) for i in range(20)])
            """
        ).text
        let places = answer.filter { $0.isNumber || $0 == "," || $0 == "-" }.split(separator: ",")
            .compactMap { Int($0) }
        #expect(places.count == 20 && places == places.sorted() && places.first ?? -1 > 0)
    }

    @Test("a head is passed on before its body comes", arguments: LoopKind.allCases)
    func split(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            s.sendall(b'GET /split/400 HTTP/1.1\\r\\nHost: localhost\\r\\n'
                      b'Connection: close\\r\\n\\r\\n')
            began = time.time()
            first = s.recv(65536)
            early = time.time() - began < 0.3
            print(first.startswith(b'HTTP/1.1 200'), early, all(s) == b'ok')
            """
        ).text
        #expect(answer.hasPrefix("True True True"), "\(answer)")
    }

    @Test("large pipelined answers arrive whole and in order", arguments: LoopKind.allCases)
    func largePipeline(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            q = b'GET /bytes/%d HTTP/1.1\\r\\nHost: localhost\\r\\n'
            sizes = [300000, 10, 70000, 35000, 36000, 1, 500000]
            r = b''.join(q % n + b'\\r\\n' for n in sizes)
            s.sendall(r + b'GET /x HTTP/1.1\\r\\nHost: nowhere\\r\\n'
                      b'Connection: close\\r\\n\\r\\n')
            time.sleep(0.3)
            d = all(s)
            heads = [int(h.split(b'\\r\\n')[0]) for h in d.split(b'Content-Length: ')[1:]]
            print(heads[:7] == sizes, d.count(b'b' * 100), b'HTTP/1.1 421' in d)
            """
        ).text
        #expect(answer.hasPrefix("True ") && answer.contains(" True"), "\(answer)")
    }

    @Test("a client that reads slowly bounds what is buffered", arguments: LoopKind.allCases)
    func slowReader(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            s.sendall(b'GET /bytes/30000000 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            time.sleep(1)
            rss = int(open('/proc/\(gateway.identifier)/statm').read().split()[1]) * 4096
            print(rss)
            """
        ).text
        let resident = Int(answer.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max
        #expect(resident < 60_000_000, "\(answer)")
    }
}
