import Testing

@Suite("a complete response arrives whole, however its connection ends", .serialized)
struct ResponsesSurviveTheEnd {
    private static let overrides = ["timeouts.lingering=1s", "timeouts.body=10s"]

    @Test(
        "a slow reader of a last response outlasts the lingering time", arguments: LoopKind.allCases
    )
    func slowReader(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, Self.overrides)
        let answer = try gateway.python(
            """
            s.sendall(b'GET /bytes/8000000 HTTP/1.1\\r\\nHost: localhost\\r\\n'
                      b'Connection: close\\r\\n\\r\\n')
            time.sleep(3)
            answer = all(s)
            head, _, body = answer.partition(b'\\r\\n\\r\\n')
            print(head.split()[1], len(body), body.endswith(b'bbb'))
            """
        ).text
        #expect(answer == "b'200' 8000000 True\n", "\(answer)")
    }

    @Test(
        "a client that ends its side while the response is still leaving reads all of it",
        arguments: LoopKind.allCases)
    func halfClose(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, Self.overrides)
        let answer = try gateway.python(
            """
            for size in (300000, 4000000, 8000000):
                s = connect()
                s.sendall(b'GET /bytes/%d HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' % size)
                time.sleep(0.5)
                socket.socket.shutdown(s, socket.SHUT_WR)
                time.sleep(0.5)
                head, _, body = all(s).partition(b'\\r\\n\\r\\n')
                print(head.split()[1], len(body))
            """
        ).text
        #expect(answer == "b'200' 300000\nb'200' 4000000\nb'200' 8000000\n", "\(answer)")
    }

    @Test(
        "all requests that came before the client's end are answered",
        arguments: LoopKind.allCases)
    func pipelined(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        // In one record or one each; with the slow one first, the end comes before its answer.
        let answer = try gateway.python(
            """
            for isWhole in (True, False):
                s = connect()
                requests = [b'GET /%s HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' % path
                            for path in (b'slow/300', b'bytes/50000', b'status/204', b'slow/50')]
                if isWhole: s.sendall(b''.join(requests))
                else:
                    for request in requests: s.sendall(request)
                socket.socket.shutdown(s, socket.SHUT_WR)
                data = all(s)
                print(data.count(b'HTTP/1.1 200'), data.count(b'HTTP/1.1 204'), data[-2:],
                      data.count(b'Connection: close'), b'!!' in data)
            """
        ).text
        #expect(answer == "3 1 b'ok' 1 False\n3 1 b'ok' 1 False\n", "\(answer)")
    }

    @Test(
        "an answer that comes before the upload is read, with the connection closed, is passed on",
        arguments: LoopKind.allCases)
    func earlyAnswer(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, Self.overrides)
        let answer = try gateway.python(
            """
            for _ in range(20):
                s = connect()
                s.sendall(b'POST /early HTTP/1.1\\r\\nHost: localhost\\r\\n'
                          b'Connection: close\\r\\nContent-Length: 3000000\\r\\n\\r\\n')
                try: s.sendall(b'u' * 3000000)
                except OSError: pass
                answer = all(s)
                if not answer.startswith(b'HTTP/1.1 200'): print(answer[:60])
            print('done')
            """
        ).text
        #expect(answer == "done\n", "\(answer)")
    }
}
