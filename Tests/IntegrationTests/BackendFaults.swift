import Foundation
import Testing

@Suite("a backend's faults become a true status or a visible cut", .serialized)
struct BackendFaults {
    @Test("a dead backend is 502, and the gateway lives on", arguments: LoopKind.allCases)
    func dead(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        #expect(try gateway.curl("/").status == 0)
        gateway.killBackend()
        #expect(try gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 502"))
        #expect(gateway.isRunning)
    }

    @Test("a response cut short is never a clean end", arguments: LoopKind.allCases)
    func cut(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.curl("/reset/100000", ["-o", "/dev/null"])
        #expect(answer.status != 0, "curl must notice: \(answer.text)")
        #expect(try gateway.curl("/").status == 0)
    }

    @Test("a backend that keeps silent is 504", arguments: LoopKind.allCases)
    func silent(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, ["timeouts.upstreamHead=300ms"])
        #expect(try gateway.curl("/slow/3000", ["-i"]).text.hasPrefix("HTTP/1.1 504"))
        #expect(try gateway.curl("/slow/50").text == "ok")
    }

    @Test("an answer before the body is complete is delivered", arguments: LoopKind.allCases)
    func early(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            s.sendall(b'POST /early HTTP/1.1\\r\\nHost: localhost\\r\\n'
                      b'Content-Length: 1000000\\r\\n\\r\\n' + b'x' * 1000)
            sys.stdout.buffer.write(all(s))
            """
        ).text
        #expect(answer.contains("200 OK") && answer.contains("Connection: close"), "\(answer)")
    }
}

@Suite("the gateway stops in good order", .serialized)
struct DrainAndStop {
    @Test("SIGTERM lets the request in progress finish", arguments: LoopKind.allCases)
    func drain(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let parts = gateway.address.split(separator: ":")
        let answer = try gateway.python(
            """
            import os, signal
            s.sendall(b'GET /slow/500 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            time.sleep(0.2)
            os.kill(\(gateway.identifier), signal.SIGTERM)
            time.sleep(0.1)
            try:
                socket.create_connection(('\(parts[0])', \(parts[1])), timeout=1)
                print('still accepts')
            except OSError: pass
            sys.stdout.buffer.write(all(s))
            """
        ).text
        #expect(answer.contains("200 OK") && answer.contains("ok"), "\(answer)")
        #expect(!answer.contains("still accepts"))
        #expect(gateway.exitStatus(within: 5) == 0)
    }

    @Test("a second signal stops at once", arguments: LoopKind.allCases)
    func twice(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        _ = try gateway.python(
            """
            import os, signal
            s.sendall(b'GET /slow/20000 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            time.sleep(0.3)
            os.kill(\(gateway.identifier), signal.SIGTERM)
            time.sleep(0.3)
            os.kill(\(gateway.identifier), signal.SIGTERM)
            """)
        #expect(gateway.exitStatus(within: 3) == 0)
    }
}
