import Core
import HTTP
import Testing

@Suite struct HeaderFirewallTests {
    @Test(
        "S24 every spelling of an owned name is dropped",
        arguments: [
            "X-Client-Cert-Sub", "x-client-cert-sub", "X-CLIENT-CERT-SUB", "X_Client_Cert_Sub",
            "x.client.cert.sub", "X-Client_Cert.Sub", "x~client!cert'sub", "X-Identity",
            "X_IDENTITY",
            "X-Client-Cert", "X-Client-Cert-Anything", "X-Amzn-Mtls-Clientcert", "x_amzn_mtls_x",
            "CloudFront-Viewer-Cert-Subject", "ssl-client-verify", "SSL_CLIENT_S_DN",
            "X-SSL-Client-DN",
            "x.ssl.client.dn", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
            "X-Forwarded-Client-Cert", "X_Forwarded_Client_Cert", "Client-Cert",
            "Client-Cert-Chain",
            "client_cert", "X-ARR-ClientCert", "x-amzn-request-context", "X_Amzn_Request_Context",
        ])
    func owned(_ name: String) throws {
        let firewall = try HeaderFirewall(ownedNames: ["X-Client-Cert-Sub", "X-Identity"])
        #expect(withGuarded(name) { firewall.classify($0) } == .owned)
        let line = "\(name): CN=admin\r\n"
        let text = "GET / HTTP/1.1\r\n\(line)Host: a\r\n\(line)\(line)Accept: b\r\n\r\n"
        let result = try rewrite(text)
        #expect(
            result.text == "GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n"
                + "X-Client-Cert-Sub: CN=client1\r\n\r\n")
        #expect(result.dropped.owned == 3)
    }

    @Test(
        "S23 nominating an owned name does not remove ours",
        arguments: ["X-Client-Cert-Sub", "x-identity", "X-Client-Cert-Sub, close"])
    func nominatedOwned(_ option: String) throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: \(option)\r\nX-Identity: 1\r\n\r\n"
        #expect(
            try rewrite(text).text
                == "GET / HTTP/1.1\r\nHost: a\r\nX-Client-Cert-Sub: CN=client1\r\n\r\n")
    }

    @Test(
        "S23 nominating a protected name is 400",
        arguments: [
            "Host", "content-length", "Authorization", "COOKIE", "X-Forwarded-For", "Forwarded",
            "x-forwarded-proto", "X-Real-IP", "Transfer-Encoding", "X-Forwarded-Ssl",
            "Content_Length",
            "X-Forwarded-Client-Cert", "close, Host", "a, b ,\tcookie",
        ])
    func nominatedProtected(_ option: String) {
        #expect(throws: RequestError(400, "Connection nominates a protected name")) {
            try rewrite("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(option)\r\n\r\n")
        }
    }

    @Test("S23 nominated fields are removed, all of them, whatever their case")
    func nominated() throws {
        let result = try rewrite(
            "GET / HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nConnection: x-a\r\nx-A: 2\r\n"
                + "Connection: ETag\r\n"
                + "X-AB: 3\r\nETag: 1\r\n\r\n", insertions: [])
        #expect(result.text == "GET / HTTP/1.1\r\nHost: a\r\nX-AB: 3\r\n\r\n")
        #expect(result.dropped.nominated == 3)
        #expect(result.dropped.hopByHop == 2)
        let many = (0..<33).map { "x\($0)" }.joined(separator: ",")
        #expect(throws: RequestError(400, "too many Connection options")) {
            try rewrite("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(many)\r\n\r\n")
        }
    }

    @Test(
        "S23 an alias of a framing name is 400",
        arguments: [
            "Content_Length", "content.length", "Transfer_Encoding", "TRANSFER.ENCODING",
            "Transfer!Encoding", "Keep_Alive", "Proxy_Connection", "HTTP2_Settings",
        ])
    func framingAlias(_ name: String) throws {
        let firewall = try HeaderFirewall(ownedNames: [], spellingExceptions: [name])
        #expect(withGuarded(name) { firewall.classify($0) } == .framingAlias)
        #expect(throws: RequestError(400, "alias of a framing name")) {
            try rewrite("GET / HTTP/1.1\r\nHost: a\r\n\(name): 1\r\n\r\n", spellings: [name])
        }
    }

    @Test("S23 names with _ or . are dropped and counted, exceptions by list")
    func suspicious() throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\nx.b: 2\r\nX!C: 3\r\n\r\n"
        let dropped = try rewrite(text, insertions: [])
        #expect(dropped.text == "GET / HTTP/1.1\r\nHost: a\r\nX!C: 3\r\n\r\n")
        #expect(dropped.dropped.suspicious == 2)
        let excepted = try rewrite(text, insertions: [], spellings: ["x_a"])
        #expect(excepted.text == "GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\nX!C: 3\r\n\r\n")
    }

    @Test(
        "ordinary names pass",
        arguments: [
            "Host", "Accept", "User-Agent", "Cookie", "x", "X-Client", "X-Ssl", "Client",
            "ssl-clien",
            "X-Amzn-Trace-Id", "CloudFront-Viewer-Country", "x-client-certs", "TE",
            "Sec-Fetch-Mode", "Traceparent", "Content-Length",
        ])
    func ordinary(_ name: String) throws {
        let firewall = try HeaderFirewall(ownedNames: ["X-Client-Cert-Sub"])
        #expect(withGuarded(name) { firewall.classify($0) } == .pass)
    }

    @Test("an exception lets the exact plain name through, not its aliases")
    func exception() throws {
        let firewall = try HeaderFirewall(ownedNames: [], ownedExceptions: ["X-SSL-Session"])
        #expect(firewall.classify(ByteView("x-ssl-session")) == .pass)
        #expect(firewall.classify(ByteView("x_ssl_session")) == .owned)
        #expect(firewall.classify(ByteView("x-ssl-sessions")) == .owned)
        let names = ["X-Client-Cert", "Content-Length", "X-Identity"]
        let greedy = try HeaderFirewall(ownedNames: ["X-Identity"], ownedExceptions: names)
        #expect(greedy.classify(ByteView("x-client-cert")) == .pass)
        #expect(greedy.classify(ByteView("x-identity")) == .owned)
        #expect(greedy.classify(ByteView("content_length")) == .framingAlias)
    }

    @Test("S24 an owned name that is also an interned one is dropped")
    func ownedKnown() throws {
        let firewall = try HeaderFirewall(ownedNames: ["Authorization", "X-Request-ID"])
        try withGuarded("GET / HTTP/1.1\r\nHost: a\r\nauthorization: x\r\nX-Request-Id: 1\r\n\r\n")
        {
            bytes in
            var storage = HeadStorage()
            _ = try RequestParser.parse(bytes, into: &storage)
            #expect(try firewall.screenRequest(bytes, &storage).owned == 2)
        }
    }

    @Test(
        "S25 a request's identifier is believed of a trusted hop only, and not where it is ours",
        arguments: [false, true])
    func requestIdentifier(isOwned: Bool) throws {
        let firewall = try HeaderFirewall(ownedNames: isOwned ? ["x-request-id"] : [])
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\nX_Request_Id: 2\r\n\r\n"
        for isTrusted in [false, true] {
            try withGuarded(text) { bytes in
                var storage = HeadStorage()
                _ = try RequestParser.parse(bytes, into: &storage)
                let dropped = try firewall.screenRequest(
                    bytes, &storage, options: ScreenOptions(trustsForwarding: isTrusted))
                #expect(dropped.owned == (isOwned ? 2 : 0))
                // The alias is dropped in any case.
                #expect(dropped.forwarding == (isOwned ? 0 : isTrusted ? 1 : 2))
            }
        }
    }

    @Test("S28 names that cannot be owned are a configuration error")
    func configuration() {
        #expect(throws: HeaderFirewall.ConfigurationError.reservedName("Content_Length")) {
            try HeaderFirewall(ownedNames: ["Content_Length"])
        }
        #expect(throws: HeaderFirewall.ConfigurationError.invalidName("a b")) {
            try HeaderFirewall(ownedNames: ["a b"])
        }
        #expect(throws: HeaderFirewall.ConfigurationError.invalidName("")) {
            try HeaderFirewall(ownedNames: [""])
        }
        #expect(throws: HeaderFirewall.ConfigurationError.prefixTooShort("x-a")) {
            try HeaderFirewall(ownedNames: [], ownedPrefixes: ["x-a"])
        }
    }
}
