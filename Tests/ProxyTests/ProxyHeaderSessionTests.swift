import Core
import Proxy
import Telemetry
import Testing

@Suite("a session takes its client's address from the balancer's header")
struct ProxyHeaderSessionTests {
    private static let text = Array("PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n".utf8)
    private static let binary = ProxyHeaderTests.header(0x21, 0x21, ProxyHeaderTests.addresses6)
    private static let local = ProxyHeaderTests.header(0x20, 0, [])

    @Test(
        "the header, cut at every byte, then TLS",
        arguments: [(text, "203.0.113.7"), (binary, "2001:db8::9"), (local, "127.0.0.1")])
    func header(bytes: [UInt8], peer: String) throws {
        for expects in [ProxyProtocolPolicy.Expectation.required, .optional] {
            for cut in 1..<bytes.count {
                let test = try SessionUnderTest(expects: expects)
                #expect(test.deliver(Array(bytes[..<cut])) == [])
                #expect(test.state == .awaitingProxyHeader && test.peer == "127.0.0.1")
                #expect(test.outstanding == 1)
                #expect(test.deliver(Array(bytes[cut...])) == [])
                #expect(test.state == .handshaking && test.peer == peer)
                #expect(test.outstanding == 0, "the header's buffer is given back")
                guard cut == 1 else { continue }
                test.establish()
                #expect(test.isIdle && test.peer == peer)
            }
        }
    }

    @Test("byte by byte it is the same") func bytes() throws {
        let test = try SessionUnderTest(expects: .required)
        for byte in Self.binary { #expect(test.deliver([byte]) == []) }
        test.establish()
        #expect(test.isIdle && test.peer == "2001:db8::9")
    }

    @Test("what follows the header in the same bytes is TLS") func rest() throws {
        let test = try SessionUnderTest(expects: .required)
        // A plaintext request where a ClientHello should be.
        #expect(test.deliver(Self.text + Array("GET / HTTP/1.1\r\n\r\n".utf8)) != [])
        #expect(test.peer == "203.0.113.7" && test.reason == .handshakeFailed)
        #expect(test.metrics.value(of: .proxyHeadersRefused) == 0)
    }

    @Test("an optional header may be absent, a required one may not") func absent() throws {
        let hello: [UInt8] = [0x16, 3, 1]
        let optional = try SessionUnderTest(expects: .optional)
        #expect(optional.deliver(hello) == [])
        #expect(optional.state == .handshaking && optional.peer == "127.0.0.1")
        let required = try SessionUnderTest(expects: .required)
        #expect(required.deliver(hello) == [.closeDownstream(reset: true)])
        #expect(required.reason == .proxyHeaderRefused)
    }

    @Test(
        "a bad header ends the connection before TLS, and is counted",
        arguments: [ProxyProtocolPolicy.Expectation.required, .optional])
    func bad(expects: ProxyProtocolPolicy.Expectation) throws {
        let test = try SessionUnderTest(expects: expects)
        #expect(test.deliver(Array("PROXY TCP4 1.2.3.4 ".utf8)) == [])
        #expect(test.deliver(Array("x\r\n".utf8)) == [.closeDownstream(reset: true)])
        #expect(test.reason == .proxyHeaderRefused && test.peer == "127.0.0.1")
        #expect(test.metrics.value(of: .proxyHeadersRefused) == 1)
        #expect(test.metrics.value(of: CloseReason.proxyHeaderRefused) == 0, "not closed yet")
    }

    @Test("the header has to come within the handshake's deadline") func deadline() throws {
        let test = try SessionUnderTest(expects: .required)
        for byte in Self.text.prefix(9) {
            #expect(test.pass(1) == [])
            #expect(test.deliver([byte]) == [])
        }
        #expect(test.pass(1) == [.closeDownstream(reset: true)])
        #expect(test.reason == .handshakeTimeout)
        #expect(test.metrics.value(of: .handshakesTimedOut) == 1)
    }

    @Test("the deadline is that of the accept, not of the header") func deadlineAfter() throws {
        let test = try SessionUnderTest(expects: .required)
        #expect(test.pass(9) == [])
        #expect(test.deliver(Self.text) == [])
        #expect(test.pass(1) == [.closeDownstream(reset: true)])
        #expect(test.reason == .handshakeTimeout)
    }

    @Test("a session that ends while it waits gives its buffer back") func buffers() throws {
        let test = try SessionUnderTest(expects: .required)
        #expect(test.deliver(Array(Self.text.prefix(20))) == [])
        #expect(test.stop() == [.closeDownstream(reset: true)])
        #expect(test.outstanding == 0)
    }
}
