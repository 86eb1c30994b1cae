import Core
import HTTP
import Testing

@Suite struct PathPolicyTests {
    private func isAllowed(_ path: String, _ policy: PathPolicy = PathPolicy()) -> Bool {
        withGuarded(path) { bytes in
            do throws(RequestError) {
                try policy.check(path: bytes)
                return true
            } catch {
                #expect(error.status == 400)
                return false
            }
        }
    }

    @Test(
        "S22 paths that all parties read alike pass",
        arguments: [
            "", "/", "/a", "/a/b.c/", "/...", "/.well-known/x", "/a..b", "/a%20b", "/%E2%82%AC",
            "/..a", "/a.", "/%252F", "/~u/@x:y!$&'()*+,=",
        ])
    func allowed(_ path: String) {
        #expect(isAllowed(path))
    }

    @Test(
        "S22 ambiguous paths are refused",
        arguments: [
            "/.", "/..", "/a/./b", "/a/../b", "/a/..", "/%2e", "/%2E%2e/a", "/.%2e", "/a/%2e%2E/",
            "/a%2Fb", "/a%2fb", "/a%5Cb", "/a%5cb", "/a%00", "/a\\b", "/a#b", "/%", "/%2", "/%zz",
            "/%61dmin", "/admi%6E", "/%7Euser", "/a%2Db", "/x%5fy", "/.%61", "/v%31",
            "/a%2", "a", "//", "/a//b", "//a", "/a;b", "/;", "/..;/a",
        ])
    func refused(_ path: String) {
        #expect(!isAllowed(path))
    }

    @Test("S22 // and ; by policy, but never a dot segment with a parameter")
    func options() {
        let open = PathPolicy(allowsEmptySegments: true, allowsParameters: true)
        for path in ["//", "/a//b", "/a;b=c/d", "/;", "/a/;x"] { #expect(isAllowed(path, open)) }
        for path in ["/..;/a", "/a/.;x", "/%2e%2e;", "/a/../b"] { #expect(!isAllowed(path, open)) }
    }

    @Test(
        "S22 the query is checked too",
        arguments: [("?a=b%20c", true), ("?%", false), ("?a#b", false)])
    func query(_ query: String, _ expected: Bool) throws {
        try withGuarded("GET /\(query) HTTP/1.1\r\nHost: a\r\n\r\n") { bytes in
            var storage = HeadStorage()
            guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage) else {
                return
            }
            #expect(((try? PathPolicy().check(bytes, head)) != nil) == expected)
        }
    }
}

@Suite struct ForwardedHeadersTests {
    private func lines(
        _ style: ForwardedHeaders.Style, client: StaticString, host: StaticString, room: Int = 512
    ) -> String? {
        withBuffer(room) { buffer in
            let headers = ForwardedHeaders(
                style: style, client: ByteView(client), scheme: ByteView("https"),
                host: ByteView(host))
            let fits = headers.append(to: &buffer)
            #expect(fits || buffer.count == 0)
            return fits ? buffer.filled.string : nil
        }
    }

    @Test("S25 what an untrusted client's request says about its way")
    func untrusted() {
        #expect(
            lines(.xForwarded, client: "192.0.2.1", host: "a.example") == """
                X-Forwarded-For: 192.0.2.1\r
                X-Forwarded-Proto: https\r
                X-Forwarded-Host: a.example\r\n
                """)
        #expect(
            lines(.forwarded, client: "2001:db8::1", host: "a.example:8443")
                == "Forwarded: for=\"[2001:db8::1]\";host=\"a.example:8443\";proto=https\r\n")
        #expect(
            lines(.forwarded, client: "192.0.2.1", host: "")
                == "Forwarded: for=192.0.2.1;proto=https\r\n")
        #expect(lines(.xForwarded, client: "192.0.2.1", host: "a.example", room: 50) == nil)
    }

    @Test("S25 a trusted hop's chain is continued in one line", arguments: [true, false])
    func trusted(_ isX: Bool) throws {
        let text =
            "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\nForwarded: for=1.1.1.1\r\n"
            + "X-Forwarded-For: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Proto: http\r\n\r\n"
        let options = ScreenOptions(trustsForwarding: true)
        let firewall = try HeaderFirewall(ownedNames: [])
        try withGuarded(text) { bytes in
            try withBuffer { buffer in
                var storage = HeadStorage()
                guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage)
                else { return }
                try firewall.screenRequest(bytes, &storage, options: options)
                let headers = ForwardedHeaders(
                    style: isX ? .xForwarded : .forwarded, client: ByteView("9.9.9.9"),
                    scheme: ByteView("https"), host: ByteView("a"))
                #expect(headers.append(continuing: bytes, &storage, to: &buffer))
                var segments = SegmentList()
                try withBuffer { scratch in
                    try RequestRewriter.rewrite(
                        bytes, head, &storage, firewall: firewall,
                        insertions: SegmentList(buffer.filled), into: &segments, scratch: &scratch)
                    let expected =
                        isX
                        ? "Host: a\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Proto: http\r\n"
                            + "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 9.9.9.9\r\n"
                            + "X-Forwarded-Host: a\r\n"
                        : "X-Forwarded-For: 1.1.1.1\r\nHost: a\r\n"
                            + "X-Forwarded-For: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Proto: http\r\n"
                            + "Forwarded: for=1.1.1.1, for=9.9.9.9;host=\"a\";proto=https\r\n"
                    #expect(segments.text == "GET / HTTP/1.1\r\n" + expected + "\r\n")
                }
            }
        }
    }
}

@Suite struct ResponseWritingTests {
    @Test(
        "error responses parse, and close or keep the connection",
        arguments: [
            400, 403, 405, 421, 431, 502, 504, 505, 999,
        ] as [UInt16])
    func errors(_ status: UInt16) throws {
        for close in [true, false] {
            try withBuffer { buffer in
                #expect(ErrorResponse.append(status: status, close: close, to: &buffer))
                let text = buffer.filled.string
                var storage = HeadStorage()
                guard
                    case .complete(let head) = try ResponseParser.parse(
                        buffer.filled, method: .get, into: &storage)
                else {
                    Issue.record("incomplete")
                    return
                }
                #expect(head.status == (status == 999 ? 500 : status))
                #expect(head.keepAlive == !close)
                #expect(head.framing == .contentLength(UInt64(text.utf8.count - head.headLength)))
                #expect(text.contains("Connection: close") == close)
            }
        }
    }

    @Test("a small buffer gets nothing; HEAD gets no body")
    func errorShapes() {
        withBuffer(100) { buffer in
            #expect(!ErrorResponse.append(status: 400, close: true, to: &buffer))
            #expect(buffer.count == 0)
        }
        withBuffer { buffer in
            #expect(
                ErrorResponse.append(
                    status: 403, close: false, hasBody: false,
                    extraLines: ByteView("X-Request-ID: 1\r\n"), to: &buffer))
            #expect(
                buffer.filled.string == "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n"
                    + "Cache-Control: no-store\r\nContent-Length: 14\r\nX-Request-ID: 1\r\n\r\n")
        }
    }

    @Test("a request identifier is 32 hexadecimal digits")
    func requestID() {
        withBuffer { buffer in
            let bytes: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252, 253, 254, 255]
            let identifier = withGuarded(bytes) { RequestID($0) }
            #expect(identifier.appendLine(to: &buffer))
            #expect(
                buffer.filled.string
                    == "X-Request-ID: 000102030405060708 09fafbfcfdfeff\r\n"
                    .replacing(" 09", with: "09"))
        }
    }
}
