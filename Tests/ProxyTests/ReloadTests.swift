import Core
import Proxy
import TLS
import Telemetry
import TestSupport
import Testing

@testable import Identity

@Suite("a reload reaches a connection between two requests, or ends it")
struct ReloadTests {
    private static let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let acquire = Action.acquireUpstream(upstream: 0, fresh: false)
    private static let release = Action.releaseUpstream(reusable: true, healthy: true)
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private static func established() throws -> SessionUnderTest {
        let test = try SessionUnderTest()
        test.establish()
        return test
    }

    @Test("an idle connection's next request follows the new routes") func idle() throws {
        let test = try Self.established()
        #expect(try test.reload(prefix: "/only") == [])
        #expect(test.isIdle)
        #expect(test.send(Self.get) == [])
        #expect(test.takeStatus() == "HTTP/1.1 404 Not Found")
        #expect(test.send("GET /only HTTP/1.1\r\nHost: localhost\r\n\r\n") == [Self.acquire])
    }

    @Test("a request that has begun ends under the rules it began with") func busy() throws {
        let test = try Self.established()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(try test.reload(prefix: "/only", headers: Self.other) == [])
        #expect(test.connect() == [])
        #expect(test.forwarded.contains("X-Client-Cert-Sub: CN=client1\r\n"))
        #expect(test.answer(Self.answer) == [Self.release])
        #expect(test.takeStatus() == "HTTP/1.1 200 OK")
        #expect(test.send(Self.get) == [])
        #expect(test.takeStatus() == "HTTP/1.1 404 Not Found")
    }

    @Test("S24 the identity's lines and the firewall change together") func headers() throws {
        let test = try Self.established()
        #expect(try test.reload(headers: Self.other) == [])
        let spoof =
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Other: evil\r\nX-Client-Cert-Sub: evil\r\n\r\n"
        #expect(test.send(spoof) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.forwarded.contains("X-Other: CN=client1\r\n"), "\(test.forwarded)")
        #expect(!test.forwarded.contains("evil"), "\(test.forwarded)")
    }

    private static let otherRules = Admission(rules: Fingerprint(of: [1]))

    /// The ways in which a reload leaves no place for a connection.
    private static let ends: [(host: String, admission: Admission)] = [
        ("gone", .open), ("main", otherRules), ("gone", otherRules),
        ("main", Admission(rules: Admission.open.rules, trusted: [Fingerprint(of: [1])])),
    ]

    @Test("S19 an idle connection that is admitted no more ends at once", arguments: ends)
    func idleEnds(host: String, admission: Admission) throws {
        let test = try Self.established()
        #expect(
            try test.reload(host: host, admission: admission) == [.shutdownDownstreamWrite])
        #expect(test.sawCloseNotify && test.state == .lingering)
        #expect(test.reason == .configurationChanged)
    }

    @Test("S19 a client goes on when other authorities come, and while its own remains")
    func anchorRemains() throws {
        let test = try Self.established()
        let anchor = try #require(test.anchor)
        let another = Fingerprint(of: [1])
        for trusted: Set<Fingerprint> in [[anchor], [anchor, another], [another, anchor]] {
            let admission = Admission(rules: Admission.open.rules, trusted: trusted)
            #expect(try test.reload(admission: admission) == [])
            #expect(test.send(Self.get) == [Self.acquire])
            _ = test.connect()
            #expect(test.answer(Self.answer) == [Self.release])
        }
        let admission = Admission(rules: Admission.open.rules, trusted: [another])
        #expect(try test.reload(admission: admission) == [.shutdownDownstreamWrite])
        #expect(test.reason == .configurationChanged)
    }

    @Test("S19 a busy connection that is admitted no more ends after its response", arguments: ends)
    func busyEnds(host: String, admission: Admission) throws {
        let test = try Self.established()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(try test.reload(host: host, admission: admission) == [])
        // A later reload that would admit it brings nothing back.
        #expect(try test.reload() == [])
        #expect(test.answer(Self.answer) == [Self.release, .shutdownDownstreamWrite])
        let response = String(decoding: test.received, as: UTF8.self)
        #expect(response.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(response)")
        #expect(response.contains("Connection: close\r\n"), "\(response)")
        #expect(test.sawCloseNotify)
        #expect(test.reason == .configurationChanged)
    }

    @Test("S19 a response that takes too long is cut, whatever progress it makes")
    func slowResponse() throws {
        let test = try Self.established()
        #expect(test.send(Self.get) == [Self.acquire])
        #expect(test.connect() == [])
        #expect(test.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") == [])
        #expect(try test.reload(admission: Self.otherRules) == [])
        for _ in 0..<9 {
            #expect(test.pass(1) == [])
            #expect(test.answer("x") == [])
        }
        #expect(
            test.pass(1)
                == [
                    .releaseUpstream(reusable: false, healthy: true),
                    .closeDownstream(reset: true),
                ])
        #expect(test.reason == .configurationChanged)
    }

    private static var other: IdentityHeaderSet {
        get throws {
            IdentityHeaderSet([try IdentityHeader(name: "X-Other", format: "subject")])
        }
    }

    @Test("an identity that the new headers cannot carry gets 421 at its next request")
    func headersThatSayNothing() throws {
        let test = try Self.established()
        let never = IdentityFormat(name: "never") { (_) throws(IdentityError) in
            throw .unrepresentable
        }
        let headers = IdentityHeaderSet([try IdentityHeader(name: "X-Never", format: never)])
        #expect(try test.reload(headers: headers) == [])
        #expect(test.send(Self.get) == [.shutdownDownstreamWrite])
        #expect(test.takeStatus() == "HTTP/1.1 421 Misdirected Request")
        #expect(test.sawCloseNotify)
    }

    @Test("an identity that is too large for the new headers gets 431")
    func headersThatDoNotFit() throws {
        let test = try Self.established()
        let name = String(repeating: "x", count: 17_000)
        let headers = IdentityHeaderSet([try IdentityHeader(name: name, format: "subject")])
        #expect(try test.reload(headers: headers) == [])
        #expect(test.send(Self.get) == [])
        #expect(test.takeStatus() == "HTTP/1.1 431 Request Header Fields Too Large")
    }

    @Test("S19 a request that comes too late gets 421 and starts nothing", arguments: ends)
    func lateRequest(host: String, admission: Admission) throws {
        let test = try Self.established()
        #expect(test.send("GET / HTTP/1.1\r\n") == [])
        #expect(try test.reload(host: host, admission: admission) == [])
        #expect(test.send("Host: localhost\r\n\r\n") == [.shutdownDownstreamWrite])
        #expect(test.takeStatus() == "HTTP/1.1 421 Misdirected Request")
        #expect(test.sawCloseNotify)
    }

    @Test("S19 a handshake that was begun before counts by the rules after", arguments: ends)
    func handshake(host: String, admission: Admission) throws {
        let test = try SessionUnderTest()
        #expect(try test.reload(host: host, admission: admission) == [])
        test.establish()
        #expect(test.sawCloseNotify)
        #expect(test.reason == .configurationChanged)
    }

    @Test("a handshake that was begun before goes on where nothing else is asked")
    func handshakeGoesOn() throws {
        let test = try SessionUnderTest()
        #expect(try test.reload(prefix: "/only") == [])
        test.establish()
        #expect(test.send(Self.get) == [])
        #expect(test.takeStatus() == "HTTP/1.1 404 Not Found")
    }

    @Test("S19 a tunnel ends where its client is admitted no more, and else goes on")
    func tunnel() throws {
        for (admission, state) in [(.open, Session.State.tunnelling), (Self.otherRules, .closed)] {
            let test = try SessionUnderTest(allowsWebSocket: true)
            test.establish()
            let handshake =
                "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            #expect(test.send(handshake) == [Self.acquire])
            _ = test.connect()
            _ = test.answer(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    + "Upgrade: websocket\r\n"
                    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            #expect(test.state == .tunnelling)
            _ = try test.reload(admission: admission)
            #expect(test.state == state)
        }
    }
}
