import Testing

@Suite("the backend learns who the client is, from nobody but the gateway", .serialized)
struct VerifiedIdentityReachesTheBackend {
    @Test("a client's subject arrives plain and in base64", arguments: LoopKind.allCases)
    func subject(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.curl("/sayhello").text
        #expect(answer.contains("\"x-client-cert-sub\":\"CN=client1\""))
        #expect(answer.contains("\"x-client-cert-sub-base64\":\"Q049Y2xpZW50MQ==\""))
        #expect(answer.contains("\"x-forwarded-for\":\"127.0.0.1\""))
        let escaped = try gateway.curl("/", certificate: "escapes").text
        #expect(escaped.contains(#"C=US,O=Acme\\, Inc.,OU=Platform,CN=client \\\"three\\\""#))
    }

    @Test("S24 no spelling of an owned name comes through", arguments: LoopKind.allCases)
    func spoofs(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let spoofs = [
            ["-H", "X-Client-Cert-Sub: CN=evil"], ["-H", "x-client-cert-sub: CN=evil"],
            ["-H", "X_Client_Cert_Sub: CN=evil"], ["-H", "x.client.cert.sub: CN=evil"],
            ["-H", "X-Client-Cert-Sub: CN=evil", "-H", "X-CLIENT-CERT-SUB: CN=evil"],
            ["-H", "Connection: X-Client-Cert-Sub", "-H", "X-Client-Cert-Sub: CN=evil"],
            ["-H", "X-Forwarded-Client-Cert: Subject=evil"], ["-H", "Client-Cert: :evil:"],
            ["-H", "X-SSL-Client-DN: CN=evil"], ["-H", "X-Forwarded-For: evil"],
        ]
        for spoof in spoofs {
            let answer = try gateway.curl("/", spoof).text
            #expect(answer.contains("\"x-client-cert-sub\":\"CN=client1\""), "\(spoof)")
            #expect(!answer.contains("evil"), "\(spoof): \(answer)")
        }
    }

    @Test("S24 a trailer of an owned name changes nothing", arguments: LoopKind.allCases)
    func trailer(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let answer = try gateway.python(
            """
            s.sendall(b'POST / HTTP/1.1\\r\\nHost: localhost\\r\\nTransfer-Encoding: chunked\\r\\n'
                      b'Connection: close\\r\\n\\r\\n5\\r\\nhello\\r\\n0\\r\\n'
                      b'X-Client-Cert-Sub: CN=evil\\r\\n\\r\\n')
            sys.stdout.buffer.write(all(s))
            """
        ).text
        #expect(answer.contains("\"x-client-cert-sub\":\"CN=client1\""))
        #expect(answer.contains("\"bodyBytes\":5") && !answer.contains("evil"))
    }

    @Test("S24 listed trailers reach the backend, others do not", arguments: LoopKind.allCases)
    func listedTrailers(loop: LoopKind) throws {
        let backend = try RawBackend(
            answer: "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok",
            endOfRequest: "Last: 1\\r\\n\\r\\n")
        let gateway = try GatewayUnderTest(loop, ["http.requestTrailers=x-checksum,Last"]) {
            GatewayUnderTest.oneVirtualHost(
                upstream: $0.isEmpty ? "" : backend.address, folder: $1)
        }
        let answer = try gateway.python(
            """
            for piece in (b'POST / HTTP/1.1\\r\\nHost: localhost\\r\\n'
                          b'Transfer-Encoding: chunked\\r\\nConnection: close\\r\\n\\r\\n',
                          b'5\\r\\nhello\\r\\n0\\r\\nX-Client-Cert-Sub: CN=evil\\r\\n',
                          b'X-Checksum: a', b'b\\r\\nX_Checksum: evil\\r\\nOther: evil\\r\\n',
                          b'Last: 1\\r\\n\\r\\n'):
                s.sendall(piece)
                time.sleep(0.05)
            sys.stdout.buffer.write(all(s))
            """
        ).text
        #expect(answer.hasPrefix("HTTP/1.1 200 OK"), "\(answer)")
        let received = backend.received
        #expect(
            received.hasSuffix(
                "\r\n\r\n5\r\nhello\r\n0\r\nX-Checksum: ab\r\nLast: 1\r\n\r\n"),
            "\(received)")
        #expect(!received.contains("evil"))
    }

    @Test("S25 nobody but a trusted proxy names a request", arguments: LoopKind.allCases)
    func requestIdentifier(loop: LoopKind) throws {
        let trusted = "http.trustedProxies=127.0.0.0/8"
        let claim = ["-H", "X-Request-Id: theirs"]
        let writing = try GatewayUnderTest(loop).curl("/", claim).text
        #expect(writing.contains("x-request-id") && !writing.contains("theirs"))
        let silent = try GatewayUnderTest(loop, ["http.requestId=false"])
        #expect(try !silent.curl("/", claim).text.contains("x-request-id"))
        let trusting = try GatewayUnderTest(loop, ["http.requestId=false", trusted])
        #expect(try trusting.curl("/", claim).text.contains("\"x-request-id\":\"theirs\""))
        let both = try GatewayUnderTest(loop, [trusted])
        #expect(try both.curl("/", claim).text.contains("\"x-request-id\":\"theirs\""))
        let tooLong = String(repeating: "theirs", count: 22)
        for bad in [["theirs!"], ["theirs,"], [tooLong], ["theirs", "theirs"], ["-", "theirs"]] {
            let fields = bad.flatMap { ["-H", "X-Request-Id: \($0)"] }
            let answer = try both.curl("/", fields).text
            #expect(answer.contains("\"x-request-id\":\""), "\(bad): \(answer)")
            #expect(!answer.contains("theirs"), "\(bad): \(answer)")
        }
    }

    @Test(
        "S25 a trusted proxy's chain is continued, anybody else's is not",
        arguments: LoopKind.allCases)
    func chain(loop: LoopKind) throws {
        let claims = [
            "-H", "X-Forwarded-For: 192.0.2.7, 198.51.100.2", "-H", "X-Forwarded-For: 203.0.113.9",
            "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Host: elsewhere",
        ]
        let trusting = try GatewayUnderTest(loop, ["http.trustedProxies=10.0.0.0/8,127.0.0.1/32"])
        let chain = "\"x-forwarded-for\":\"192.0.2.7, 198.51.100.2, 203.0.113.9, 127.0.0.1\""
        let answer = try trusting.curl("/", claims).text
        #expect(answer.contains(chain), "\(answer)")
        #expect(answer.contains("\"x-forwarded-proto\":\"http\""))
        #expect(answer.contains("\"x-forwarded-host\":\"elsewhere\""))
        #expect(try trusting.curl("/").text.contains("\"x-forwarded-for\":\"127.0.0.1\""))
        let other = try GatewayUnderTest(loop, ["http.trustedProxies=10.0.0.0/8"])
        let ours = try other.curl("/", claims).text
        #expect(ours.contains("\"x-forwarded-for\":\"127.0.0.1\""), "\(ours)")
        #expect(ours.contains("\"x-forwarded-proto\":\"https\"") && !ours.contains("elsewhere"))
    }
}
