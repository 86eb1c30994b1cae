import Foundation
import Testing

@Suite("an access log that nobody reads holds up neither requests nor the end", .serialized)
struct StuckLogHoldsUpNothing {
    @Test("SIGTERM ends the gateway in a few seconds", arguments: LoopKind.allCases)
    func ends(loop: LoopKind) throws {
        let pipe = Pipe()
        let gateway = try GatewayUnderTest(
            loop, ["accessLog.path=stdout", "accessLog.queueBytes=64KiB", "timeouts.drain=1s"],
            output: pipe)
        // More lines than the pipe (64 KiB) and the queue take together.
        let answer = try gateway.python(
            """
            import http.client
            h = http.client.HTTPSConnection(*s.getpeername(), timeout=10, context=c)
            served = 0
            for _ in range(2000):
                h.request('GET', '/')
                response = h.getresponse()
                response.read()
                served += response.status == 200
            print(served)
            """
        ).text
        #expect(answer == "2000\n", "\(answer)")
        gateway.signal(SIGTERM)
        #expect(gateway.exitStatus(within: 6) == 0)
    }
}
