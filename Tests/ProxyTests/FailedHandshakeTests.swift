import Core
import Proxy
import Telemetry
import Testing

@Suite("a handshake counts against its source when it failed, or cost us work for nothing")
struct FailedHandshakeTests {
    @Test("nonsense counts") func nonsense() throws {
        let test = try SessionUnderTest()
        _ = test.deliver(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(test.hasFailedHandshake && test.reason == .handshakeFailed)
    }

    @Test("an end before the ClientHello does not count: a balancer's check of the port")
    func portCheck() throws {
        let test = try SessionUnderTest()
        #expect(test.end() == [.closeDownstream(reset: false)])
        #expect(!test.hasFailedHandshake)
        let header = try SessionUnderTest(expects: .required)
        #expect(header.end() == [.closeDownstream(reset: false)])
        #expect(!header.hasFailedHandshake)
    }

    @Test("an end after the ClientHello counts") func abandoned() throws {
        let test = try SessionUnderTest()
        _ = test.greet()
        #expect(test.state == .handshaking && !test.hasFailedHandshake)
        #expect(test.end() == [.closeDownstream(reset: false)])
        #expect(test.hasFailedHandshake)
    }

    @Test("a timeout counts after the ClientHello only") func timeout() throws {
        let silent = try SessionUnderTest()
        #expect(silent.pass(10) == [.closeDownstream(reset: true)])
        #expect(!silent.hasFailedHandshake)
        let stalled = try SessionUnderTest()
        _ = stalled.greet()
        #expect(stalled.pass(10) == [.closeDownstream(reset: true)])
        #expect(stalled.hasFailedHandshake)
    }

    @Test("a client's alert right after the handshake is counted by cause, not by source")
    func lateAlert() throws {
        let test = try SessionUnderTest()
        test.establish()
        _ = test.disturbClient()
        #expect(test.reason == .tlsError && !test.hasFailedHandshake)
        #expect(test.metrics.value(of: .peerAlert) == 1)
        let later = try SessionUnderTest()
        later.establish()
        _ = later.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _ = later.connect()
        _ = later.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        _ = later.disturbClient()
        #expect(later.reason == .tlsError && later.metrics.value(of: .peerAlert) == 0)
    }

    @Test("what ends later does not count") func established() throws {
        let test = try SessionUnderTest()
        test.establish()
        _ = test.end()
        #expect(test.state == .closed && !test.hasFailedHandshake)
    }

    @Test("a bad PROXY header does not count: it is the balancer's") func header() throws {
        let test = try SessionUnderTest(expects: .required)
        _ = test.deliver(Array("PROXY nonsense\r\n".utf8))
        #expect(test.reason == .proxyHeaderRefused && !test.hasFailedHandshake)
    }
}
