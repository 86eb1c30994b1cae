import Authorization
import Core
import Foundation
import GatewayConfiguration
import Testing

@Suite("authorizers that ask a service, in the configuration")
struct ExternalAuthorizerSettingsTests {
    private func load(
        _ keys: String, route: String = "authorize: service"
    ) throws -> GatewaySettings {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("Config/minimal.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacing("upstream: backend", with: "upstream: backend, \(route)")
        try #require(changed != text)
        let authorizers = "\nauthorizers:\n  service: {\(keys)}\n"
        return try ConfigurationLoader.load(
            Array((changed + authorizers).utf8), named: "a.yaml",
            environment: ["POSTERN_AUTHORIZERS__SERVICE__TIMEOUT": "250ms"], overrides: [])
    }

    @Test("every key finds its place, and the defaults ask each time and fail closed")
    func values() throws {
        let plain = try #require(
            try load("type: http, upstream: backend").authorizers[0].external)
        #expect(plain.timeout == .milliseconds(250) && !plain.allowsOnFailure)
        #expect(plain.cache.lifetime == .zero && plain.keyParts == nil)
        #expect(plain.subrequest.host == "backend" && plain.subrequest.method == "GET")
        #expect(plain.subrequest.passedStatuses == [401, 403])
        #expect(plain.subrequest.target == nil && plain.subrequest.forwardedFields == nil)
        let full = try #require(
            try load(
                """
                type: http, upstream: backend, host: h, method: '', path: /a?b,
                requestHeaders: [Cookie], responseHeaders: [X-User], passedStatuses: [302],
                passedHeaders: [Location], allowOnFailure: true, cacheLifetime: 60s,
                refusalLifetime: 5s, staleIfError: 10s, cacheEntries: 7,
                cacheKey: [path, source, 'header:Cookie']
                """
            ).authorizers[0].external)
        #expect(full.subrequest.method == nil && full.subrequest.target == "/a?b")
        #expect(full.subrequest.forwardedFields == ["Cookie"])
        #expect(full.subrequest.ownedNames == ["X-User"])
        #expect(full.subrequest.passedFields == ["Location"])
        #expect(full.subrequest.passedStatuses == [302] && full.allowsOnFailure)
        #expect(full.keyParts == [.path, .source, .field("Cookie")])
        #expect(full.cache.lifetime == .seconds(60) && full.cache.staleIfError == .seconds(10))
        #expect(full.cache.refusalLifetime == .seconds(5) && full.cache.capacity == 7)
    }

    static let wrong: [(String, String)] = [
        ("type: lambada", "type: 'lambada' is not one of rules, http"),
        ("type: http", "authorizers.service.upstream: is required"),
        ("type: http, upstream: backed", "there is no upstream 'backed' (did you mean 'backend'?)"),
        ("type: http, upstream: backend, rules: {a: {effect: allow}}", "rules: is for authorizers"),
        ("upstream: backend, rules: {a: {effect: allow}}", "upstream: is for authorizers of the"),
        ("type: http, upstream: backend, method: get", "method: 'get' is no method"),
        ("type: http, upstream: backend, path: x", "path: 'x' is no path"),
        ("type: http, upstream: backend, responseHeaders: [Host]", "'Host' is no field"),
        ("type: http, upstream: backend, responseHeaders: [te]", "'te' is no field"),
        (
            "type: http, upstream: backend, responseHeaders: [X-Forwarded-For]",
            "responseHeaders: 'X-Forwarded-For' is set by the gateway itself"
        ),
        ("type: http, upstream: backend, passedStatuses: [200]", "'200' is not a status from 300"),
        ("type: http, upstream: backend, cacheLifetime: 2h", "cacheLifetime: is longer than 1h"),
        ("type: http, upstream: backend, staleIfError: 1s", "staleIfError: has no effect"),
        ("type: http, upstream: backend, cacheLifetime: 1s, cacheKey: [x]", "'x' is not one of"),
    ]

    @Test("mistakes are named with their place, key and what is allowed", arguments: wrong)
    func mistakes(keys: String, expected: String) {
        do {
            _ = try load(keys)
            Issue.record("accepted: \(keys)")
        } catch {
            #expect("\(error)".contains(expected), "\(error)")
            #expect("\(error)".contains("a.yaml:"), "\(error)")
        }
    }

    @Test("an assurance is about the certificate, which no service is asked about") func assurance()
    {
        do {
            _ = try load("type: http, upstream: backend", route: "assurance: service")
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains("assurance: 'service' asks a service; rules"), "\(error)")
        }
    }
}
