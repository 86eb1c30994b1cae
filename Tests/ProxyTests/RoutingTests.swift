import Authorization
import Core
import HTTP
import Identity
import Testing

@testable import Proxy

@Suite("the longest prefix decides")
struct RoutingTests {
    private static let routes = [
        Route(name: "all", upstream: 0, requirement: .none, allowsWebSocket: false),
        Route(
            name: "admin", prefix: "/admin", methods: ["GET"], upstream: 0,
            requirement: .verifiedCertificate, allowsWebSocket: false),
        Route(
            name: "upload", prefix: "/admin", methods: ["PUT"], upstream: 0,
            requirement: .verifiedCertificate, allowsWebSocket: false),
        Route(
            name: "own", host: "b.example", prefix: "/admin", methods: ["DELETE"], upstream: 0,
            requirement: .verifiedCertificate, allowsWebSocket: false),
    ]

    @Test(
        "a method that is not allowed does not fall through to a laxer route",
        arguments: [
            ("a.example", "/admin", "GET", "admin"), ("a.example", "/admin/x", "PUT", "upload"),
            ("a.example", "/admin", "POST", "405"), ("a.example", "/adminx", "POST", "all"),
            ("b.example", "/admin", "DELETE", "own"), ("b.example", "/admin", "GET", "405"),
            ("a.example", "/", "POST", "all"),
        ])
    func methods(host: String, path: String, method: String, expected: String) {
        let virtualHost = VirtualHost(
            name: "v", serverNames: [], identityHeaders: IdentityHeaderSet([]),
            routes: Self.routes)
        let bytes = Array((host + path + method).utf8)
        let match = unsafe bytes.withUnsafeBytes { raw in
            let all = unsafe ByteView(raw)
            let authority = all.prefix(host.utf8.count)
            let rest = all.dropFirst(host.utf8.count)
            return virtualHost.route(
                host: HostName(authority), in: authority, path: rest.prefix(path.utf8.count),
                method: rest.dropFirst(path.utf8.count))
        }
        switch match {
        case .route(let index): #expect(virtualHost.routes[index].name == expected)
        case .methodNotAllowed: #expect(expected == "405")
        case .none: Issue.record("no route")
        }
    }
}
