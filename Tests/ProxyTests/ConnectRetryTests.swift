import Core
import Proxy
import TLS
import Telemetry
import TestSupport
import Testing
import Upstream

@Suite("a request whose connect failed is tried elsewhere")
struct SessionConnectRetryTests {
    private static let post =
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
    private static let acquire = Action.acquireUpstream(upstream: 0, fresh: false)

    @Test("any method, for nothing was sent; then the response is passed on")
    func refused() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.send(Self.post) == [Self.acquire])
        test.beginConnecting(member: 3)
        #expect(test.failConnect() == [Self.acquire])
        #expect(test.triedMembers.contains(3) && test.triedMembers.count == 1)
        test.beginConnecting(member: 1)
        #expect(test.connect() == [])
        let release = Action.releaseUpstream(reusable: true, healthy: true)
        #expect(test.answer("HTTP/1.1 204 No Content\r\n\r\n") == [release])
        #expect(test.takeStatus() == "HTTP/1.1 204 No Content")
        #expect(test.isIdle)
    }

    @Test("what is not tried any more is 502, or 504 when the last attempt took too long")
    func exhausted() throws {
        for (seconds, status) in [(0, "502 Bad Gateway"), (5, "504 Gateway Timeout")] {
            let test = try SessionUnderTest()
            test.establish()
            #expect(test.send(Self.post) == [Self.acquire])
            test.beginConnecting(member: 0)
            if seconds == 0 {
                #expect(test.failConnect() == [Self.acquire])
            } else {
                #expect(test.pass(4) == [])
                #expect(test.pass(1) == [.cancelUpstream(timedOut: true), Self.acquire])
            }
            _ = test.exhaustConnects()
            #expect(test.takeStatus() == "HTTP/1.1 " + status)
        }
    }

    @Test("a server that is not verified is tried elsewhere, then 502") func unverified() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.send(Self.post) == [Self.acquire])
        test.beginConnecting(member: 0)
        #expect(test.failConnect(by: .expired) == [Self.acquire])
        _ = test.exhaustConnects()
        #expect(test.takeStatus() == "HTTP/1.1 502 Bad Gateway")
        #expect(test.metrics.value(of: .upstreamTLSFailed) == 1)
        #expect(test.metrics.value(of: .upstreamConnectFailed) == 0)
    }

    @Test("every attempt has the connect timeout, all of them the total") func deadlines() throws {
        let test = try SessionUnderTest { $0.total = .seconds(8) }
        test.establish()
        #expect(test.send(Self.post) == [Self.acquire])
        test.beginConnecting(member: 0)
        #expect(test.pass(5) == [.cancelUpstream(timedOut: true), Self.acquire])
        test.beginConnecting(member: 1)
        #expect(test.pass(2) == [])
        #expect(test.pass(1).first == .cancelUpstream(timedOut: true))
        #expect(test.takeStatus() == "HTTP/1.1 504 Gateway Timeout")
    }

    @Test("who only waits in the queue is not tried elsewhere") func queued() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(test.send(Self.post) == [Self.acquire])
        #expect(test.pass(5).first == .cancelUpstream(timedOut: true))
        #expect(test.takeStatus() == "HTTP/1.1 504 Gateway Timeout")
    }
}
