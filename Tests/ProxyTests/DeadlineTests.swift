import Core
import Proxy
import Telemetry
import TestSupport
import Testing

@Suite("every phase of a session has its deadline")
struct DeadlineTests {
    private static let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let release = Action.releaseUpstream(reusable: false, healthy: true)
    private static let unhealthy = Action.releaseUpstream(reusable: false, healthy: false)
    private static let acquire = Action.acquireUpstream(upstream: 0, fresh: false)

    private static func post(_ length: Int) -> String {
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(length)\r\n\r\n"
    }

    @Test("a handshake that stalls is reset") func handshake() throws {
        let test = try SessionUnderTest()
        #expect(test.pass(9) == [])
        #expect(test.pass(1) == [.closeDownstream(reset: true)])
        #expect(test.reason == .handshakeTimeout)
    }

    @Test("an idle connection gets close_notify, then the lingering period") func idle() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.pass(59) == [])
        #expect(test.pass(1) == [.shutdownDownstreamWrite])
        #expect(test.sawCloseNotify && test.state == .lingering)
        #expect(test.pass(4) == [])
        #expect(test.pass(1) == [.closeDownstream(reset: false)])
        #expect(test.reason == .idleTimeout)
    }

    @Test("a head that stays incomplete is 408, however it trickles") func head() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.send("GET / HTTP/1.1\r\n") == [])
        for _ in 0..<9 {
            #expect(test.pass(1) == [])
            #expect(test.send("X: y\r\n") == [])
        }
        #expect(test.pass(1) == [.shutdownDownstreamWrite])
        #expect(test.takeStatus() == "HTTP/1.1 408 Request Timeout")
        #expect(test.sawCloseNotify)
    }

    @Test("an upstream that keeps silent is 504, and the connection lives on")
    func upstreamHead() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.pass(59) == [])
        #expect(test.pass(1) == [Self.unhealthy])
        #expect(test.takeStatus() == "HTTP/1.1 504 Gateway Timeout")
        #expect(test.isIdle)
        #expect(test.send(Self.get) == [Self.acquire])
    }

    @Test("a body that stops is 408 before an answer") func stalledUpload() throws {
        let test = try SessionUnderTest { $0.body = .seconds(10) }
        test.establish()
        #expect(test.send(Self.post(100)) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.send("some") == [])
        #expect(test.pass(10) == [], "there was progress in this window")
        #expect(test.pass(10) == [Self.release, .shutdownDownstreamWrite])
        #expect(test.takeStatus() == "HTTP/1.1 408 Request Timeout")
    }

    @Test("a body below the minimum rate is as good as stopped") func minimumRate() throws {
        let test = try SessionUnderTest {
            $0.body = .seconds(10)
            $0.minimumRate = 100
        }
        test.establish()
        #expect(test.send(Self.post(100_000)) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.send(String(repeating: "x", count: 2_000)) == [])
        #expect(test.pass(10) == [], "200 bytes a second are enough")
        #expect(test.send(String(repeating: "x", count: 300)) == [])
        #expect(test.pass(10) == [Self.release, .shutdownDownstreamWrite])
        #expect(test.takeStatus() == "HTTP/1.1 408 Request Timeout")
    }

    @Test("a response that stops is cut without close_notify") func stalledResponse() throws {
        let test = try SessionUnderTest { $0.body = .seconds(10) }
        test.establish()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome") == [])
        #expect(test.pass(10) == [], "there was progress in this window")
        #expect(test.pass(10) == [Self.release, .closeDownstream(reset: true)])
        #expect(test.reason == .bodyTimeout && !test.sawCloseNotify)
    }

    @Test("the total ends even an exchange that makes progress") func total() throws {
        let test = try SessionUnderTest { $0.total = .seconds(15) }
        test.establish()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") == [])
        for _ in 0..<14 {
            #expect(test.pass(1) == [])
            #expect(test.answer("x") == [])
        }
        #expect(test.pass(1) == [Self.release, .closeDownstream(reset: true)])
    }

    @Test("the total is 504 when nothing has come") func totalBeforeHead() throws {
        let test = try SessionUnderTest { $0.total = .seconds(15) }
        test.establish()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.pass(14) == [])
        #expect(test.pass(1) == [Self.unhealthy])
        #expect(test.takeStatus() == "HTTP/1.1 504 Gateway Timeout")
    }

    @Test("a silent tunnel ends, a busy one does not") func tunnel() throws {
        let test = try SessionUnderTest({ $0.tunnel = .seconds(10) }, allowsWebSocket: true)
        test.establish()
        let upgrade = """
            GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
            """
        #expect(test.send(upgrade) == [Self.acquire])
        #expect(test.connect() == [])
        let switching =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        #expect(test.answer(switching) == [])
        #expect(test.state == .tunnelling)
        #expect(test.pass(9) == [] && test.send("ping") == [])
        #expect(test.pass(1) == [], "there was progress in this window")
        #expect(test.pass(10) == [Self.release, .closeDownstream(reset: true)])
        #expect(test.reason == .idleTimeout)
    }

    @Test("after the end no buffer is out") func buffers() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.outstanding == 0, "an idle session holds nothing")
        _ = test.send(Self.post(10) + "12345")
        _ = test.connect()
        #expect(test.stop() == [Self.release, .closeDownstream(reset: true)])
        #expect(test.outstanding == 0)
    }
}
