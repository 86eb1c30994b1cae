import Core
import HTTP
import Testing

@Suite struct RequestParserTests {
    @Test("framing corpus, at a page end and cut at every byte", arguments: framingCorpus)
    func framing(_ item: CorpusCase) {
        let outcome = requestOutcome(item.text)
        #expect(outcome.status == item.status, "\(outcome)")
    }

    @Test("request line corpus, at a page end and cut at every byte", arguments: requestLineCorpus)
    func requestLine(_ item: CorpusCase) {
        let outcome = requestOutcome(item.text)
        #expect(outcome.status == item.status, "\(outcome)")
    }

    @Test(
        "heads are understood",
        arguments: [
            (
                "GET /a?b=c HTTP/1.1\r\nHost: x.example:8443\r\nAccept:  */* \r\n\r\nrest",
                "get GET origin /a?b=c 11 none true host=x.example:8443 false false 60"
                    + "|host Host=x.example:8443|accept Accept=*/*"
            ),
            (
                "POST http://b.example/p?q HTTP/1.1\r\nHost: a\r\ncontent-length: 7\r\n"
                    + "Expect: 100-continue\r\nConnection: Close\r\n\r\n",
                "post POST absolute /p?q 11 contentLength(7) false host=b.example true false 107"
                    + "|host Host=a|contentLength content-length=7|expect Expect=100-continue"
                    + "|connection Connection=Close"
            ),
            (
                "PUT / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                "put PUT origin / 10 none true host= false false 42"
                    + "|connection Connection=keep-alive"
            ),
            (
                "GET / HTTP/1.0\r\n\r\n", "get GET origin / 10 none false host= false false 18"
            ),
            (
                "GET /c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                "get GET origin /c 11 none true host=a false true 114"
                    + "|host Host=a|connection Connection=Upgrade|upgrade Upgrade=WebSocket"
                    + "|secWebSocketKey Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ=="
            ),
        ])
    func understood(_ text: String, _ expected: String) {
        #expect(requestOutcome(text) == .accepted(expected))
    }

    @Test("limits: target 414, head 431, field count 431, each at its last allowed value")
    func limits() {
        let limits = HeadLimits(headBytes: 200, fieldCount: 4, targetBytes: 40)
        func head(target: Int, fields: Int, padding: Int) -> String {
            "GET /" + String(repeating: "a", count: target - 1) + " HTTP/1.1\r\nHost: a\r\n"
                + (1..<fields).map { "X\($0): 1\r\n" }.joined()
                + "P: " + String(repeating: "p", count: padding) + "\r\n\r\n"
        }
        #expect(
            requestOutcome(head(target: 40, fields: 3, padding: 1), limits: limits).status == 200)
        #expect(
            requestOutcome(head(target: 41, fields: 3, padding: 1), limits: limits).status == 414)
        #expect(
            requestOutcome(head(target: 40, fields: 4, padding: 1), limits: limits).status == 431)
        let base = head(target: 1, fields: 1, padding: 0).utf8.count
        let largest = head(target: 1, fields: 1, padding: 200 - base)
        #expect(largest.utf8.count == 200)
        #expect(requestOutcome(largest, limits: limits).status == 200)
        let tooLarge = head(target: 1, fields: 1, padding: 201 - base)
        #expect(requestOutcome(tooLarge, limits: limits).status == 431)
        let endless = "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 300)
        #expect(requestOutcome(endless, limits: limits).status == 431)
    }

    @Test("S21 an h2c upgrade is not a WebSocket upgrade")
    func h2c() {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        guard case .accepted(let summary) = requestOutcome(text) else {
            Issue.record("not accepted")
            return
        }
        #expect(summary.contains("host=a false false"))
    }

    @Test("a pipelined request begins at headLength")
    func pipelined() throws {
        let one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        try withGuarded(one + one) { bytes in
            var storage = HeadStorage()
            guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage) else {
                Issue.record("incomplete")
                return
            }
            #expect(head.headLength == one.utf8.count)
            let rest = bytes.dropFirst(head.headLength)
            guard case .complete = try RequestParser.parse(rest, into: &storage) else {
                Issue.record("incomplete")
                return
            }
        }
    }

    @Test("every byte in every place of a field is judged like RFC 9110 §5 says")
    func everyByte() {
        let tokens = Set("!#$%&'*+-.^_`|~0123456789".utf8)
            .union(UInt8(ascii: "a")...UInt8(ascii: "z"))
            .union(UInt8(ascii: "A")...UInt8(ascii: "Z"))
        var storage = HeadStorage()
        for byte in UInt8.min...UInt8.max {
            for position in 0..<10 {
                var name = Array("abcdefghij".utf8)
                name[position] = byte
                let start = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8)
                let inName = start + name + Array(": v\r\n\r\n".utf8)
                let isColonEarly = byte == 0x3a && position > 0
                let nameOutcome = withGuarded(inName) { parseRequest($0, &storage) }
                #expect(
                    (nameOutcome.status == 200) == (tokens.contains(byte) || isColonEarly),
                    "name \(byte) at \(position)")
                let inValue = start + Array("n:".utf8) + name + Array("\r\n\r\n".utf8)
                let isText = byte == 9 || (byte >= 0x20 && byte != 0x7f)
                let valueOutcome = withGuarded(inValue) { parseRequest($0, &storage) }
                #expect((valueOutcome.status == 200) == isText, "value \(byte) at \(position)")
                name[0] = position == 0 ? byte : 0x2f
                let inTarget =
                    Array("GET /".utf8) + name + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                let isVisible = byte > 0x20 && byte < 0x7f
                let targetOutcome = withGuarded(inTarget) { parseRequest($0, &storage) }
                #expect((targetOutcome.status == 200) == isVisible, "target \(byte)")
            }
        }
    }
}

@Suite struct FieldNameTests {
    @Test("every known name is interned from any letter case, and nothing near it")
    func interned() {
        for name in FieldName.allCases where name != .other {
            let text = "\(name.text)"
            #expect(withGuarded(text) { FieldName($0) } == name)
            #expect(withGuarded(text.uppercased()) { FieldName($0) } == name)
            #expect(withGuarded(text + "x") { FieldName($0) } == .other || text == "te")
            #expect(withGuarded("x" + text) { FieldName($0) } == .other)
            for index in text.utf8.indices {
                var bytes = Array(text.utf8)
                bytes[text.utf8.distance(from: text.utf8.startIndex, to: index)] = 0x71
                #expect(withGuarded(bytes) { FieldName($0) } == .other || bytes == Array(text.utf8))
            }
        }
        #expect(FieldName.allCases.count <= 64)
        #expect(FieldName(ByteView("x_forwarded_for")) == .other)
        #expect(FieldName(.empty) == .other)
    }
}

@Suite struct HostNameTests {
    @Test(
        "S02 hosts are split and compared",
        arguments: [
            ("a.example", "a.example", nil), ("A.Example.:8443", "a.example", 8443),
            ("[::1]:80", "[::1]", 80), ("[2001:DB8::1]", "[2001:db8::1]", nil),
            ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", nil), ("192.0.2.1:1", "192.0.2.1", 1),
            ("a_b.example", "a_b.example", nil),
        ] as [(String, String, UInt16?)])
    func good(_ text: String, _ name: String, _ port: UInt16?) {
        withGuarded(text) { bytes in
            let host = HostName(bytes)
            #expect(host?.port == port)
            #expect(withGuarded(name) { host?.matches(bytes, $0) } == true)
            withBuffer { buffer in
                #expect(host?.appendNormalised(bytes, to: &buffer) == true)
                #expect(buffer.filled.string == name)
            }
        }
    }

    @Test(
        "S02 bad hosts are refused",
        arguments: [
            "", ".", "a..b", ".a", "a:", "a:0", "a:65536", "a:1x", "a b", "a/b", "a@b", "a,b",
            "a%41",
            "[::1", "[::1]x", "[1:2:3]", "[::1::2]", "[1:2:3:4:5:6:7:8:9]", "[:1:2:3:4:5:6:7]",
            "[12345::]", "[::1.2.3]", "[::1.2.3.256]", "[v1.x]", "[]", "a\u{e9}",
            String(repeating: "a", count: 255),
        ])
    func bad(_ text: String) {
        #expect(withGuarded(text) { HostName($0) } == nil)
    }

    @Test("S02 a wildcard stands for exactly one label")
    func wildcard() {
        func matches(_ host: String, _ configured: String) -> Bool? {
            withGuarded(host) { bytes in
                withGuarded(configured) { HostName(bytes)?.matches(bytes, $0) }
            }
        }
        #expect(matches("x.example.com", "*.example.com") == true)
        #expect(matches("X.EXAMPLE.com.", "*.example.com") == true)
        #expect(matches("x.y.example.com", "*.example.com") == false)
        #expect(matches("example.com", "*.example.com") == false)
        #expect(matches("xexample.com", "*.example.com") == false)
    }
}
