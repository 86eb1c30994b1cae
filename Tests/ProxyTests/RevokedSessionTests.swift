import Proxy
import Telemetry
import Testing

@Suite("S19 a connection whose certificate is taken back starts nothing more")
struct RevokedSessionTests {
    private static let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let acquire = Action.acquireUpstream(upstream: 0, fresh: false)

    private static func established() throws -> SessionUnderTest {
        let test = try SessionUnderTest()
        test.establish()
        return test
    }

    @Test("S19 an idle connection ends at once, and goes on while it is good") func idle() throws {
        let test = try Self.established()
        #expect(try test.revoke(isGood: true) == [])
        #expect(test.isIdle)
        #expect(try test.revoke() == [.shutdownDownstreamWrite])
        #expect(test.sawCloseNotify && test.reason == .certificateRevoked)
        #expect(try test.revoke() == [])
    }

    @Test("S19 a busy connection ends after its response") func busy() throws {
        let test = try Self.established()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(try test.revoke() == [])
        #expect(
            test.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                == [.releaseUpstream(reusable: true, healthy: true), .shutdownDownstreamWrite])
        let response = String(decoding: test.received, as: UTF8.self)
        #expect(response.contains("Connection: close\r\n"), "\(response)")
        #expect(test.reason == .certificateRevoked)
    }

    @Test("S19 a response that takes too long is cut") func slow() throws {
        let test = try Self.established()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") == [])
        #expect(try test.revoke() == [])
        #expect(test.pass(9) == [])
        #expect(
            test.pass(1)
                == [
                    .releaseUpstream(reusable: false, healthy: true),
                    .closeDownstream(reset: true),
                ])
        #expect(test.reason == .certificateRevoked)
    }

    @Test("a handshake is left to its engine") func handshake() throws {
        let test = try SessionUnderTest()
        #expect(try test.revoke() == [])
        test.establish()
        #expect(test.state == .readingHead)
    }
}
