import Core
import Proxy
import TestSupport
import Testing

@testable import Identity

@Suite("each route says who the client is in its own headers") struct IdentityRouteTests {
    private static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
    }

    /// A session whose routes /a and /b have a set of headers each, and / that of the host.
    private static func session(
        _ sets: [IdentityHeaderSet]
    ) throws -> SessionUnderTest {
        let test = try SessionUnderTest()
        test.establish()
        _ = try test.reload(
            headers: IdentityHeaderSet([IdentityHeader(name: "X-Host", format: "subject")]),
            routeHeaders: sets)
        return test
    }

    /// The head that the upstream gets for `path`; the exchange is over then.
    private static func forwarded(
        _ test: SessionUnderTest, _ path: String, _ fields: String = ""
    ) -> String {
        _ = test.send(get(path, fields))
        _ = test.connect()
        _ = test.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return test.forwarded
    }

    @Test("a route has its own headers, and no other's") func sets() throws {
        let test = try Self.session([
            IdentityHeaderSet([try IdentityHeader(name: "X-A", template: "{subject.CN}")]),
            IdentityHeaderSet(try IdentityPreset.named("ingress-nginx").headers),
        ])
        let a = Self.forwarded(test, "/a")
        #expect(a.contains("\r\nX-A: client1\r\n"))
        #expect(!a.contains("X-Host") && !a.contains("ssl-client"))
        let b = Self.forwarded(
            test, "/b", "X-A: evil\r\nX_Host: evil\r\nSSL-Client-Verify: evil\r\n")
        #expect(b.contains("\r\nssl-client-subject-dn: CN=client1\r\n"))
        #expect(b.contains("\r\nssl-client-verify: SUCCESS\r\n"))
        #expect(!b.contains("X-A") && !b.contains("X-Host"))
        let other = Self.forwarded(test, "/c", "Ssl.Client.Cert: evil\r\nX-A: evil\r\n")
        #expect(other.contains("\r\nX-Host: CN=client1\r\n"))
        #expect(!other.contains("evil") && !a.contains("evil") && !b.contains("evil"))
    }

    @Test("what a route's headers cannot carry concerns its requests only") func refusals() throws {
        var limits = IdentityLimits()
        limits.valueBytes = 3
        let never = IdentityFormat(name: "never") { (_) throws(IdentityError) in
            throw .unrepresentable
        }
        let test = try Self.session([
            IdentityHeaderSet(
                [try IdentityHeader(name: "X-A", template: "{subject.CN}")], limits: limits),
            IdentityHeaderSet([try IdentityHeader(name: "X-B", format: never)]),
        ])
        #expect(test.send(Self.get("/a")) == [])
        #expect(test.takeStatus() == "HTTP/1.1 431 Request Header Fields Too Large")
        #expect(Self.forwarded(test, "/c").contains("X-Host: CN=client1\r\n"))
        _ = test.takeReceived()
        #expect(test.send(Self.get("/b")) == [])
        #expect(test.takeStatus() == "HTTP/1.1 403 Forbidden")
    }

    @Test("S25 a client's X-Forwarded-Client-Cert goes on only where it is a listed hop")
    func forwardedClientCert() throws {
        let test = try SessionUnderTest()
        test.establish()
        func set(_ mode: ClientCertForwarding.Mode, trusts: Bool) throws -> IdentityHeaderSet {
            var forwarding = ClientCertForwarding()
            forwarding.mode = mode
            let digest = try test.digestOfClient()
            forwarding.trustedHops = [.fingerprint(trusts ? digest : [1])]
            return IdentityHeaderSet(
                try IdentityPreset.named("xfcc-short").headers, forwarding: forwarding)
        }
        let fields = "X-Forwarded-Client-Cert: Hash=outer\r\n"
        func lines(_ set: IdentityHeaderSet) throws -> [String] {
            _ = try test.reload(headers: set)
            return Self.forwarded(test, "/", fields).split(separator: "\r\n").map(String.init)
                .filter { $0.lowercased().hasPrefix("x-forwarded-client-cert") }
        }
        let appended = try lines(set(.appendForward, trusts: true))
        #expect(appended.count == 1)
        #expect(appended[0].hasPrefix("X-Forwarded-Client-Cert: Hash=outer,By=;Hash="))
        let kept = try lines(set(.forwardOnly, trusts: true))
        #expect(kept == ["X-Forwarded-Client-Cert: Hash=outer"])
        for mode in ClientCertForwarding.Mode.allCases {
            let own = try lines(set(mode, trusts: false))
            #expect(!own.joined().contains("outer"), "\(mode)")
            #expect(
                own.count == ([.sanitizeSet, .appendForward].contains(mode) ? 1 : 0), "\(mode)")
        }
    }
}
