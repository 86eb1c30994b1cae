import Authorization
import HTTP
import Identity
import Proxy
import Testing

@Suite("what becomes of a request is said without one")
struct RouteExplanationTests {
    private let host = VirtualHost(
        name: "main", serverNames: ["a.test"], identityHeaders: IdentityHeaderSet([]),
        routes: [
            Route(
                name: "secret", prefix: "/secret", upstream: 1, requirement: .verifiedCertificate),
            Route(name: "open", prefix: "/open", upstream: 0, requirement: .none),
            Route(
                name: "post", prefix: "/post", methods: ["POST"], upstream: 0, requirement: .none),
        ])

    @Test(
        "by host, path and certificate",
        arguments: [
            ("/secret/x?y=1", "a.test", true, "secret", nil),
            ("/secret", "a.test", false, "secret", "certificate_required"),
            ("/open", "a.test", false, "open", nil),
            ("/", "a.test", true, nil, "no_route"),
            ("/post", "a.test", true, nil, "method_not_allowed"),
            ("/open", "b.test", true, nil, "misdirected"),
            ("/open/%2e%2e/secret", "a.test", true, "open", "bad_request"),
            ("/open\r\nX: y", "a.test", true, nil, "bad_request"),
            ("no path", "a.test", true, nil, "bad_request"),
            ("/open HTTP/1.1\r\nX: y", "a.test", true, nil, "bad_request"),
            ("/open", "a.test\r\nX: y", true, nil, "bad_request"),
        ] as [(String, String, Bool, String?, String?)])
    func cases(
        target: String, authority: String, isVerified: Bool, route: String?, refused: String?
    ) {
        let explained = host.explain(
            target: target, host: authority, isVerified: isVerified, limits: HeadLimits())
        #expect(explained.name == route)
        #expect(explained.refused?.symbol == refused)
        if refused == nil { #expect(explained.upstream != nil) }
        if explained.upstream != nil {
            #expect(explained.requiresCertificate == (route == "secret"))
        }
    }
}
