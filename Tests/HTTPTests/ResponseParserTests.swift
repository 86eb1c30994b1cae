import Core
import HTTP
import Testing

@Suite struct ResponseParserTests {
    @Test("response corpus, at a page end and cut at every byte", arguments: responseCorpus)
    func corpus(_ item: CorpusCase) {
        let outcome = responseOutcome(item.text)
        #expect(outcome.status == item.status, "\(outcome)")
    }

    @Test(
        "RFC 9112 §6.3 framing and persistence",
        arguments: [
            ("HTTP/1.1 200 OK\r\n\r\n", Method.get, "200 [OK] 11 untilClose false 19"),
            ("HTTP/1.1 200 OK\r\n\r\n", .head, "200 [OK] 11 none true 19"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", .get,
                "200 [OK] 11 contentLength(9) true 38|Content-Length=9"
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", .head,
                "200 [OK] 11 none true 38|Content-Length=9"
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", .post,
                "200 [OK] 11 chunked true 47|Transfer-Encoding=Chunked"
            ),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", .get,
                "304 [Not Modified] 11 none true 48|Content-Length=9"
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", .get, "204 [No Content] 11 none true 27"),
            ("HTTP/1.1 100 Continue\r\n\r\n", .post, "100 [Continue] 11 none true 25"),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", .get,
                "103 [Early Hints] 11 none true 40|Link=</a>"
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", .get,
                "200 [OK] 10 contentLength(0) true 62|Connection=Keep-Alive|Content-Length=0"
            ),
            (
                "HTTP/1.1 200\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n", .get,
                "200 [] 11 contentLength(0) false 57|Connection=x, close|Content-Length=0"
            ),
        ])
    func framing(_ text: String, _ method: Method, _ expected: String) {
        #expect(responseOutcome(text, method: method) == .accepted(expected))
    }

    @Test("S21 only a matching 101 is accepted as a WebSocket")
    func webSocket() throws {
        let accept: StaticString = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        func isAccepted(_ text: String) throws -> Bool {
            try withGuarded(text) { bytes in
                var storage = HeadStorage()
                guard
                    case .complete(let head) = try ResponseParser.parse(
                        bytes, method: .get, into: &storage)
                else { return false }
                return WebSocketHandshake.isAccepted(
                    bytes, head, storage, expectedAccept: ByteView(accept))
            }
        }
        let key = "Sec-WebSocket-Accept: \(accept)\r\n"
        let start = "HTTP/1.1 101 Switching Protocols\r\n"
        let upgrade = "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
        #expect(try isAccepted(start + upgrade + key + "\r\n"))
        #expect(try !isAccepted(start + upgrade + "\r\n"))
        #expect(try !isAccepted(start + upgrade + key.lowercased() + "\r\n"))
        #expect(try !isAccepted(start + upgrade + key + key + "\r\n"))
        #expect(try !isAccepted(start + "Upgrade: h2c\r\nConnection: Upgrade\r\n" + key + "\r\n"))
        #expect(try !isAccepted(start + "Upgrade: websocket\r\n" + key + "\r\n"))
        #expect(try !isAccepted("HTTP/1.1 200 OK\r\n" + upgrade + key + "\r\n"))
        #expect(try !isAccepted("HTTP/1.0 101 X\r\n" + upgrade + key + "\r\n"))
    }

    @Test("S21 the client's key must be 16 bytes of base64")
    func webSocketKey() throws {
        func key(_ value: String) throws -> String? {
            let text =
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Key: \(value)\r\n\r\n"
            return try withGuarded(text) { bytes in
                var storage = HeadStorage()
                guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage)
                else { return nil }
                return WebSocketHandshake.key(bytes, head, storage)?.string
            }
        }
        #expect(try key("dGhlIHNhbXBsZSBub25jZQ==") == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(try key("dGhlIHNhbXBsZSBub25jZQ=") == nil)
        #expect(try key("dGhlIHNhbXBsZSBub25jZ$==") == nil)
        #expect(try key("") == nil)
    }
}

@Suite struct ChunkedTests {
    @Test(
        "RFC 9112 §7.1 chunked bodies in portions of every size",
        arguments: [
            ("5\r\nhello\r\n0\r\n\r\n", "hello|"),
            ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", "hello world|GET"),
            ("a\r\n0123456789\r\n000\r\n\r\n", "0123456789|"),
            ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello|"),
            ("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", "hello|"),
            ("1\r\nx\r\n0\r\nA: b\r\nX_Client_Cert_Sub: CN=a\r\n\r\nrest", "x|rest"),
            ("0\r\n\r\n", "|"), ("5\r\nhel", "needMore: hel"), ("5", "needMore: "),
            ("00000000000000005\r\n", "error: chunk size too long"),
            ("\r\n", "error: bad chunk size"), (";x\r\n", "error: bad chunk size"),
            ("+5\r\n", "error: bad chunk size"), ("0x5\r\n", "error: bad chunk size"),
            ("5 \r\n", "error: bad chunk size"), (" 5\r\n", "error: bad chunk size"),
            ("5_0\r\n", "error: bad chunk size"), ("g\r\n", "error: bad chunk size"),
            ("5\nhello\r\n0\r\n\r\n", "error: bad chunk size"),
            ("5\rhello", "error: bare CR after a chunk size"),
            ("5;a\nb\r\n", "error: control character in a chunk extension"),
            ("5;a\rb\r\n", "error: bare CR after a chunk size"),
            ("5\r\nhelloX", "error: no CRLF after chunk data"),
            ("5\r\nhello\n0\r\n\r\n", "error: no CRLF after chunk data"),
            ("5\r\nhello\r0\r\n\r\n", "error: no CRLF after chunk data"),
            ("0\r\nA: b\n\r\n", "error: control character in a trailer"),
            ("0\r\n A: b\r\n\r\n", "error: bad trailer name"),
            ("0\r\nA : b\r\n\r\n", "error: bad trailer name"),
            ("0\r\nA: b\r\r\n", "error: bare CR in a trailer"),
            ("0\r\n\rX", "error: bare CR after the trailers"),
            ("0\r\n\n", "error: bad trailer name"),
            (
                "5;" + String(repeating: "x", count: 257) + "\r\n",
                "error: chunk extensions too long"
            ),
            (
                "0\r\nA: " + String(repeating: "x", count: 8_192) + "\r\n\r\n",
                "error: trailers too long"
            ),
            ("0\r\n" + String(repeating: "A:\r\n", count: 65) + "\r\n", "error: too many trailers"),
            (
                String(
                    repeating: "1;" + String(repeating: "x", count: 256) + "\r\ny\r\n", count: 65),
                "error: chunk extensions too long"
            ),
        ])
    func decode(_ text: String, _ expected: String) {
        for portion in 1...min(24, text.utf8.count) {
            #expect(decodeChunked(text, portion: portion) == expected, "portions of \(portion)")
        }
        #expect(decodeChunked(text, portion: text.utf8.count) == expected)
    }

    @Test("chunk headers decode to the size they were written with")
    func encode() {
        for size in [1, 9, 10, 15, 16, 255, 256, 4_095, 65_536] {
            withBuffer(131_072) { buffer in
                #expect(ChunkedEncoding.appendHeader(size, to: &buffer))
                #expect(buffer.filled.string == String(size, radix: 16) + "\r\n")
                for _ in 0..<size { buffer.append(0x61) }
                buffer.append(ChunkedEncoding.terminator)
                buffer.append(ChunkedEncoding.end)
                let text = buffer.filled.string
                let body = String(repeating: "a", count: size)
                #expect(decodeChunked(text, portion: 4_096) == body + "|")
            }
        }
        withBuffer(3) { buffer in
            #expect(!ChunkedEncoding.appendHeader(16, to: &buffer))
            #expect(buffer.count == 0)
        }
    }
}
