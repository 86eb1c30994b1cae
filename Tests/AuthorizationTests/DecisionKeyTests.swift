import Authorization
import Core
import HTTP
import TLS
import Testing

@Suite("what a decision is remembered by") struct DecisionKeyTests {
    private static func scope(
        _ change: (inout DecisionKey.Scope) -> Void = { _ in }
    ) -> DecisionKey.Scope {
        var scope = DecisionKey.Scope(authorizer: "a", generation: 1, virtualHost: "main")
        scope.leaf = Fingerprint(of: [1])
        scope.trust = Fingerprint(of: [9])
        change(&scope)
        return scope
    }

    private static func request(
        _ change: (inout AuthorizationRequest) -> Void = { _ in }
    ) -> AuthorizationRequest {
        var request = AuthorizationRequest(method: "GET", host: "h", path: "/public")
        request.query = "q"
        request.fields = [.init("A", "1"), .init("B", "2")]
        change(&request)
        return request
    }

    @Test("S27 everything that the authorizer is told counts, and who asks whom under which rules")
    func whole() {
        let keys = [
            DecisionKey(Self.scope(), Self.request()),
            DecisionKey(Self.scope { $0.authorizer = "b" }, Self.request()),
            DecisionKey(Self.scope { $0.generation = 2 }, Self.request()),
            DecisionKey(Self.scope { $0.virtualHost = "other" }, Self.request()),
            DecisionKey(Self.scope { $0.leaf = Fingerprint(of: [2]) }, Self.request()),
            DecisionKey(Self.scope { $0.leaf = nil }, Self.request()),
            DecisionKey(Self.scope { $0.trust = nil }, Self.request()),
            DecisionKey(Self.scope(), Self.request { $0.method = "POST" }),
            DecisionKey(Self.scope(), Self.request { $0.host = "g" }),
            DecisionKey(Self.scope(), Self.request { $0.path = "/admin" }),
            DecisionKey(Self.scope(), Self.request { $0.query = "r" }),
            DecisionKey(Self.scope(), Self.request { $0.source = "192.0.2.1" }),
            DecisionKey(Self.scope(), Self.request { $0.fields[1].value = "3" }),
            DecisionKey(Self.scope(), Self.request { $0.fields[1].name = "C" }),
            DecisionKey(Self.scope(), Self.request { $0.fields.removeLast() }),
            // Where one text ends and the next begins counts.
            DecisionKey(
                Self.scope(),
                Self.request {
                    $0.path = "/publicq"
                    $0.query = ""
                }),
            DecisionKey(
                Self.scope {
                    $0.leaf = nil
                    $0.trust = Fingerprint(of: [1])
                }, Self.request()),
        ]
        #expect(Set(keys).count == keys.count)
        #expect(keys[0] == DecisionKey(Self.scope(), Self.request()))
    }

    private static func key(
        _ text: String, _ scope: DecisionKey.Scope = scope(), source: String = "192.0.2.7",
        parts: [DecisionKey.Part]? = nil
    ) throws -> DecisionKey {
        try asked(text, source: source) { asked, fields in
            DecisionKey(scope, asked, fields, parts: parts)
        }
    }

    @Test("S27 all that a service is told counts, byte by byte") func told() throws {
        func head(
            _ line: String = "GET /public?q", host: String = "h", _ fields: String = "A: 1\r\nB: 2"
        ) -> String {
            "\(line) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n\r\n"
        }
        let keys = [
            try Self.key(head()), try Self.key(head(), Self.scope { $0.authorizer = "b" }),
            try Self.key(head(), Self.scope { $0.virtualHost = "other" }),
            try Self.key(head(), Self.scope { $0.leaf = nil }),
            try Self.key(head("POST /public?q")), try Self.key(head(host: "g")),
            try Self.key(head("GET /admin?q")), try Self.key(head("GET /public?r")),
            try Self.key(head("GET /publicq")), try Self.key(head(), source: "192.0.2.1"),
            try Self.key(head("GET /public?q", "A: 1\r\nB: 3")),
            try Self.key(head("GET /public?q", "A: 1\r\nC: 2")),
            try Self.key(head("GET /public?q", "A: 1")),
            try Self.key(head("GET /public?q", "A: \u{eb}")),
            try Self.key(head("GET /public?q", "A: \u{ec}")),
        ]
        #expect(Set(keys).count == keys.count)
        // What the service is not told does not count.
        #expect(try Self.key(head("GET /public?q", "A: 1\r\nX-User: e\r\nB: 2")) == keys[0])
    }

    @Test("S27 a shorter key leaves out what it does not list, never who asks") func parts() throws
    {
        let parts: [DecisionKey.Part] = [.method, .field("a")]
        func key(
            _ text: String, _ scope: DecisionKey.Scope = Self.scope()
        ) throws -> DecisionKey {
            try Self.key("\(text)\r\n", scope, parts: parts)
        }
        let get = "GET /public?q HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n"
        let first = try key(get)
        #expect(try key("GET /admin HTTP/1.1\r\nHost: g\r\na: 1\r\n") == first)
        for other in [
            "PUT" + get.dropFirst(3), get.replacing("A: 1", with: "A: 2"), get + "a:\r\n",
            get.replacing("A: 1", with: "C: 1"),
        ] {
            #expect(try key(other) != first, "\(other)")
        }
        #expect(try key(get, Self.scope { $0.leaf = nil }) != first)
        let sources = DecisionKey(Self.scope(), identitySources: ["ab", "c"])
        #expect(sources != DecisionKey(Self.scope(), identitySources: ["a", "bc"]))
        #expect(
            sources
                != DecisionKey(Self.scope { $0.leaf = nil }, identitySources: ["ab", "c"]))
    }

    @Test("S28 an authorizer reads the head without what only the gateway may say")
    func head() throws {
        let text = Array(
            """
            GET /pets?x=1 HTTP/1.1\r
            Host: api.example.com\r
            X-Client-Cert-Sub: CN=admin\r
            x_client_cert_sub: CN=admin\r
            X-Forwarded-For: 10.0.0.1\r
            Connection: X-Drop\r
            X-Drop: 1\r
            Authorization: Bearer t\r
            X-Name: Zo\u{eb}\r
            \r

            """.utf8)
        var fields = HeadStorage(capacity: 20)
        let firewall = try HeaderFirewall(ownedNames: ["X-Client-Cert-Sub"])
        let request = try unsafe text.withUnsafeBytes { raw -> AuthorizationRequest? in
            let bytes = unsafe ByteView(raw)
            let parsed = try RequestParser.parse(bytes, limits: HeadLimits(), into: &fields)
            guard case .complete(let head) = parsed else { return nil }
            _ = try firewall.screenRequest(bytes, &fields, options: ScreenOptions())
            return AuthorizationRequest(head, in: bytes, fields)
        }
        let found = try #require(request)
        #expect(found.method == "GET" && found.path == "/pets" && found.query == "x=1")
        #expect(found.host == "api.example.com" && found.protocolName == "HTTP/1.1")
        #expect(
            found.fields == [
                .init("Host", "api.example.com"), .init("Authorization", "Bearer t"),
                .init("X-Name", "Zo\u{eb}"),
            ])
    }
}
