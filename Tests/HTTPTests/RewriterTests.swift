import Core
import HTTP
import Testing

/// Parses, screens and rewrites `text`: the outgoing head, or the status of the refusal.
func rewrite(
    _ text: String, options: RequestRewriteOptions = RequestRewriteOptions(),
    insertions: [StaticString] = ["X-Client-Cert-Sub: CN=client1\r\n"],
    spellings: [String] = [], scratchSize: Int = 16_384
) throws -> (text: String, dropped: DroppedFields, segments: Int, copied: Int) {
    let firewall = try HeaderFirewall(
        ownedNames: ["X-Client-Cert-Sub", "X-Identity"], spellingExceptions: spellings)
    return try withGuarded(text) { bytes in
        try withBuffer(scratchSize) { scratch in
            var storage = HeadStorage()
            guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage) else {
                return ("incomplete", try firewall.screenRequest(bytes, &storage), 0, 0)
            }
            var lines = SegmentList()
            for line in insertions { lines.append(ByteView(line)) }
            var segments = SegmentList()
            let dropped = try RequestRewriter.rewrite(
                bytes, head, &storage, firewall: firewall, options: options, insertions: lines,
                into: &segments, scratch: &scratch)
            return (segments.text, dropped, segments.count, scratch.count)
        }
    }
}

@Suite struct RequestRewriterTests {
    @Test("an ordinary request leaves as three segments, nothing copied")
    func ordinary() throws {
        let head = "GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n"
        let result = try rewrite(head + "\r\n")
        #expect(result.text == head + "X-Client-Cert-Sub: CN=client1\r\n\r\n")
        #expect(result.segments == 3)
        #expect(result.copied == 0)
    }

    @Test(
        "outgoing heads, byte for byte",
        arguments: [
            // RFC 9110 §7.6.1: hop-by-hop fields.
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Drop\r\nKeep-Alive: 5\r\n"
                    + "Proxy-Connection: x\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\n"
                    + "HTTP2-Settings: A\r\nx-drop: 1\r\nX-Keep: 1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nX-Keep: 1\r\n\r\n"
            ),
            // RFC 9112 §3.2.2: absolute-form.
            (
                "GET http://B.example:81/p?q HTTP/1.1\r\nX: 1\r\nHost: a\r\nY: 2\r\n\r\n",
                "GET /p?q HTTP/1.1\r\nHost: B.example:81\r\nX: 1\r\nY: 2\r\n\r\n"
            ),
            (
                "GET http://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /?q HTTP/1.1\r\nHost: b.example\r\n\r\n"
            ),
            (
                "OPTIONS http://b.example HTTP/1.1\r\nHost: a\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: b.example\r\n\r\n"
            ),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            // HTTP/1.0 becomes HTTP/1.1.
            (
                "GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
                "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
            ),
            ("GET /a HTTP/1.0\r\n\r\n", "GET /a HTTP/1.1\r\nHost:\r\n\r\n"),
            // Framing is written by us, in one spelling.
            (
                "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:  CHUNKED \r\nX: 1\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
            ),
            // Empty lines before the request line stay behind.
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            // S25: forwarding claims of a client that is not trusted.
            (
                "GET / HTTP/1.1\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\nHost: a\r\n"
                    + "X-Forwarded-Proto: https\r\nX-Real-IP: 1\r\nX-Forwarded-Ssl: on\r\n"
                    + "X-Forwarded-Client-Cert: By=x\r\nX_Forwarded_For: 1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            ),
            // Order and duplicates of other fields stay.
            (
                "GET / HTTP/1.1\r\nCookie: a\r\nHost: a\r\nCookie: b\r\nconnection: CLOSE\r\n\r\n",
                "GET / HTTP/1.1\r\nCookie: a\r\nHost: a\r\nCookie: b\r\n\r\n"
            ),
        ])
    func exact(_ text: String, _ expected: String) throws {
        #expect(try rewrite(text, insertions: []).text == expected)
    }

    @Test("S21 a WebSocket handshake passes only when told to, with our own fields")
    func webSocket() throws {
        let text =
            "GET /c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            + "Upgrade: websocket\r\nHTTP2-Settings: A\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        let kept =
            "GET /c HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        #expect(try rewrite(text, insertions: []).text == kept + "\r\n")
        let options = RequestRewriteOptions(forwardsUpgrade: true)
        #expect(
            try rewrite(text, options: options, insertions: []).text
                == kept + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        let other = text.replacing("websocket\r\nH", with: "h2c, websocket\r\nH")
        #expect(try rewrite(other, options: options, insertions: []).text == kept + "\r\n")
    }

    @Test("Expect is forwarded when told to; trusted hops keep their forwarding fields")
    func options() throws {
        let text =
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
            + "X-Forwarded-For: 1\r\nX_Forwarded_For: 2\r\nX-Forwarded-Client-Cert: c\r\n\r\n"
        let options = RequestRewriteOptions(
            screen: ScreenOptions(trustsForwarding: true, trustsClientCertificate: true),
            forwardsExpect: true)
        #expect(
            try rewrite(text, options: options, insertions: []).text
                == text.replacing("X_Forwarded_For: 2\r\n", with: ""))
    }

    @Test("more pieces than segments are copied into the scratch buffer, in order")
    func coalesced() throws {
        var text = "GET / HTTP/1.1\r\nHost: a\r\n"
        var expected = text
        for index in 0..<40 {
            text += "X-Identity: forged\r\nK\(index): \(index)\r\n"
            expected += "K\(index): \(index)\r\n"
        }
        expected += "X-Client-Cert-Sub: CN=client1\r\n\r\n"
        let result = try rewrite(text + "\r\n")
        #expect(result.text == expected)
        #expect(result.segments == SegmentList.capacity - 1)
        #expect(result.dropped.owned == 40)
        #expect(result.copied > 0)
        #expect(throws: RequestError(431, "head too large to forward")) {
            try rewrite(text + "\r\n", scratchSize: 64)
        }
    }

    @Test("property: the outgoing head parses to the same fields minus the removed ones")
    func property() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        var random = SplitMix(state: seed)
        let pool: [(String, Bool)] = [
            ("Accept: */*", true), ("Cookie: a=b", true), ("X-Client-Cert-Sub: CN=admin", false),
            ("x_client_cert_sub: CN=admin", false), ("X.Identity: root", false),
            ("Keep-Alive: 1", false), ("User-Agent: t", true), ("X-Forwarded-For: 9", false),
            ("Odd_Name: 1", false), ("X!y: 1", true), ("TE: trailers", false),
            ("X-SSL-Client-DN: x", false), ("Content-Type: a/b", true), ("X-Empty:", true),
        ]
        for _ in 0..<120 {
            let chosen = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                pool[Int.random(in: 0..<pool.count, using: &random)]
            }
            let absolute = Bool.random(using: &random)
            let text =
                "GET \(absolute ? "http://h.example" : "")/p HTTP/1.1\r\nHost: h.example\r\n"
                + chosen.map { $0.0 + "\r\n" }.joined() + "\r\n"
            let expected =
                "GET /p HTTP/1.1\r\nHost: h.example\r\n"
                + chosen.filter(\.1).map { $0.0 + "\r\n" }.joined()
                + "X-Client-Cert-Sub: CN=client1\r\n\r\n"
            let result = try rewrite(text)
            #expect(result.text == expected, "seed \(seed)")
            #expect(requestOutcome(result.text).status == 200, "seed \(seed)")
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

@Suite struct ResponseRewriterTests {
    private func rewritten(
        _ text: String, method: Method = .get, options: ResponseRewriteOptions, room: Int = 4_096
    ) throws -> String? {
        let firewall = try HeaderFirewall(ownedNames: ["X-Identity"])
        return try withGuarded(text) { bytes in
            try withBuffer(room) { buffer in
                var storage = HeadStorage()
                guard
                    case .complete(let head) = try ResponseParser.parse(
                        bytes, method: method, into: &storage)
                else { return "incomplete" }
                let fits = ResponseRewriter.append(
                    bytes, head, &storage, firewall: firewall, options: options, to: &buffer)
                #expect(fits || buffer.count == 0)
                return fits ? buffer.filled.string : nil
            }
        }
    }

    @Test("hop-by-hop, nominated and owned fields go; our framing and Connection come")
    func exact() throws {
        let text =
            "HTTP/1.0 200 Fine\r\nServer: s\r\nConnection: close, X-Hop, Set-Cookie\r\n"
            + "X-Hop: 1\r\nSet-Cookie: a\r\nKeep-Alive: 1\r\nX-Identity: 1\r\nClient-Cert: :x:\r\n"
            + "X_Ok: 1\r\nContent_Length: 7\r\nUpgrade: h2c\r\nVary: x\r\n\r\n"
        let kept = "HTTP/1.1 200 Fine\r\nServer: s\r\nSet-Cookie: a\r\nX_Ok: 1\r\nVary: x\r\n"
        #expect(
            try rewritten(text, options: .init(framing: .chunked))
                == kept + "Transfer-Encoding: chunked\r\n\r\n")
        #expect(
            try rewritten(text, options: .init(connection: .close, framing: .untilClose))
                == kept + "Connection: close\r\n\r\n")
        #expect(
            try rewritten(
                text,
                options: .init(
                    connection: .keepAlive, via: ByteView("Via: 1.0 postern\r\n"),
                    insertions: ByteView("X-Request-ID: 1\r\n")))
                == kept + "Via: 1.0 postern\r\nX-Request-ID: 1\r\nConnection: keep-alive\r\n\r\n")
        #expect(try rewritten(text, options: .init(), room: 60) == nil)
    }

    @Test("Content-Length stays for HEAD and 304, and goes for 204 and chunked")
    func contentLength() throws {
        let fields = "\r\nContent-Length: 0\r\n\r\n"
        #expect(
            try rewritten("HTTP/1.1 200 OK" + fields, method: .head, options: .init())
                == "HTTP/1.1 200 OK" + fields)
        #expect(
            try rewritten("HTTP/1.1 304 X" + fields, options: .init()) == "HTTP/1.1 304 X" + fields)
        #expect(
            try rewritten("HTTP/1.1 204 X" + fields, options: .init()) == "HTTP/1.1 204 X\r\n\r\n")
        #expect(
            try rewritten(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                options: .init(framing: .untilClose)) == "HTTP/1.1 200 OK\r\n\r\n")
    }
}
