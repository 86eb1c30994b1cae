import Authorization
import Core
import Foundation
import GatewayConfiguration
import Testing

@Suite("authorizers that ask a service, in the configuration")
struct ExternalAuthorizerSettingsTests {
    private func load(
        _ keys: String, route: String = "authorize: service",
        environment: [String: String] = [:]
    ) throws -> GatewaySettings {
        try ConfigurationText.load(
            ConfigurationText.minimal(route: route) + "\nauthorizers:\n  service: {\(keys)}\n",
            environment: environment.merging([
                "POSTERN_AUTHORIZERS__SERVICE__TIMEOUT": "250ms"
            ]) { $1 })
    }

    private func subrequest(_ settings: ExternalAuthorizerSettings) -> SubrequestOptions? {
        if case .http(let options) = settings.service { options } else { nil }
    }

    @Test("every key finds its place, and the defaults ask each time and fail closed")
    func values() throws {
        let plain = try #require(
            try load("type: http, upstream: backend").authorizers[0].external)
        let usual = try #require(subrequest(plain))
        #expect(plain.timeout == .milliseconds(250) && !plain.allowsOnFailure)
        #expect(plain.cache.lifetime == .seconds(300) && plain.keyParts == nil)
        #expect(usual.host == "backend" && usual.method == "GET")
        #expect(usual.passedStatuses == [401, 403])
        #expect(usual.target == nil && usual.forwardedFields == nil)
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
        let chosen = try #require(subrequest(full))
        #expect(chosen.method == nil && chosen.target == "/a?b")
        #expect(chosen.forwardedFields == ["Cookie"])
        #expect(chosen.ownedNames == ["X-User"])
        #expect(chosen.passedFields == ["Location"])
        #expect(chosen.passedStatuses == [302] && full.allowsOnFailure)
        #expect(full.keyParts == [.path, .source, .field("Cookie")])
        #expect(full.cache.lifetime == .seconds(60) && full.cache.staleIfError == .seconds(10))
        #expect(full.cache.refusalLifetime == .seconds(5) && full.cache.capacity == 7)
    }

    @Test("a function is told what it belongs to, by the emulator or any path") func functions()
        throws
    {
        let plain = try #require(
            try load("type: lambda, upstream: backend").authorizers[0].external)
        guard case .function(let emulated) = plain.service else {
            Issue.record("no function")
            return
        }
        #expect(emulated.target == .emulator(host: "backend") && emulated.serial == .decimal)
        #expect(emulated.authorizer.api.format == .http2)
        #expect(emulated.authorizer.api.stage == "$default")
        #expect(emulated.authorizer.identitySources.isEmpty && plain.ownedNames.isEmpty)
        let full = try #require(
            try load(
                """
                type: lambda, upstream: backend, host: h, path: /f, format: rest, apiId: i,
                stage: s, resource: /r, region: eu-west-1, account: '1', serialNumber: colons,
                identitySources: [method.request.header.Token], headers: {X-A: context.path}
                """
            ).authorizers[0].external)
        guard case .function(let own) = full.service else {
            Issue.record("no function")
            return
        }
        #expect(own.target == .http(host: "h", path: "/f") && own.serial == .colons)
        let api = own.authorizer.api
        #expect(api.format == .rest && api.identifier == "i" && api.stage == "s")
        #expect(api.resource == "/r" && api.region == "eu-west-1" && api.account == "1")
        #expect(!own.authorizer.identitySources.isEmpty && full.ownedNames == ["X-A"])
    }

    @Test("a function in AWS: its region is the ARN's, the key's or the environment's")
    func lambda() throws {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
        let variables = ["AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-1"]
        let usual = ["AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-1"]
        let cases: [(String, [String: String], String, String)] = [
            // Keys, variables, region of the function, region of the API.
            ("function: '\(arn)'", variables, "eu-west-1", "eu-west-1"),
            ("function: '\(arn)', region: us-east-2", variables, "eu-west-1", "us-east-2"),
            ("function: f, region: us-east-2", variables, "us-east-2", "us-east-2"),
            ("function: f", variables, "us-west-2", "us-west-2"),
            ("function: f", usual, "us-west-1", "us-west-1"),
        ]
        for (keys, variables, region, api) in cases {
            let settings = try load(
                "type: lambda, upstream: backend, host: h, \(keys), qualifier: q",
                environment: variables)
            let external = try #require(settings.authorizers[0].external)
            guard case .function(let function) = external.service else {
                Issue.record("no function")
                return
            }
            let identifier = keys.contains("arn") ? arn : "f"
            let name = try LambdaFunctionName(identifier, qualifier: "q")
            #expect(function.target == .lambda(name, region: region, host: "h"))
            #expect(function.authorizer.api.region == api)
            #expect(external.isSigned && settings.needsAWSCredentials)
        }
        let plain = try load("type: lambda, upstream: backend")
        #expect(!plain.needsAWSCredentials)
    }

    @Test("without tls AWS is not asked; with it, by its own name") func secrecy() throws {
        let text = try ConfigurationText.minimal(route: "authorize: service")
        let tls = text.replacing(
            "upstreams:",
            with: "upstreams:\n  aws: {members: ['lambda.internal:443'], tls: {trust: ca.pem}}")
        #expect(tls != text)
        let settings = try ConfigurationText.load(
            tls + "\nauthorizers:\n  service: {type: lambda, upstream: aws, function: f, "
                + "region: cn-north-1}\n")
        guard case .function(let function) = settings.authorizers[0].external?.service else {
            Issue.record("no function")
            return
        }
        #expect(function.target.host == "lambda.cn-north-1.amazonaws.com.cn")
        let plain = text.replacing(
            "upstreams:",
            with: "upstreams:\n  aws: {members: ['lambda.eu-west-1.amazonaws.com:80']}")
        #expect(throws: DiagnosticList.self) {
            try ConfigurationText.load(
                plain + "\nauthorizers:\n  service: {type: lambda, upstream: aws, host: h, "
                    + "function: f, region: eu-west-1}\n")
        }
    }

    static let wrong: [(String, String)] = [
        (
            "type: lambda, upstream: backend, host: h, function: f",
            "region: is required, as the function is no ARN and AWS_REGION is not set"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: f, region: EU",
            "region: 'EU' is no region"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: f/g, region: a",
            "function: 'f/g' is no function: a name"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: '', region: a",
            "function: is required"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: 'f:1', qualifier: '2', region: a",
            "qualifier: '2' contradicts the function's own, '1'"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: f, qualifier: a b, region: a",
            "qualifier: 'a b' is no version, no alias and not $LATEST"
        ),
        (
            "type: lambda, upstream: backend, qualifier: live",
            "qualifier: has no effect without function"
        ),
        (
            "type: lambda, upstream: backend, host: h, function: f, region: a, path: /x",
            "path: contradicts function"
        ),
        (
            "type: lambda, upstream: backend, function: f, region: a",
            "upstream: 'backend' has no tls, without which AWS is not asked"
        ),
        (
            "type: lambda, upstream: backend, host: lambda.a.AmazonAWS.com, function: f, region: a",
            "upstream: 'backend' has no tls, without which AWS is not asked"
        ),
        ("type: http, upstream: backend, function: f", "function: is for authorizers of the type"),
        ("type: lambada", "type: 'lambada' is not one of rules, http, lambda"),
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
        (
            "type: http, upstream: backend, responseHeaders: ['X-Auth-*']",
            "'X-Auth-*' is no field's"
        ),
        ("type: http, upstream: backend, requestHeaders: ['*']", "'*' is no field's name; each is"),
        (
            "type: http, upstream: backend, cacheKey: [path, 'header: Authorization']",
            "'header: Authorization' is not one of method, host"
        ),
        ("type: http, upstream: backend, cacheKey: ['header:X-*']", "'header:X-*' is not one of"),
        (
            "type: http, upstream: backend, responseHeaders: [X_Forwarded.For]",
            "responseHeaders: 'X_Forwarded.For' is set by the gateway itself"
        ),
        ("type: http, upstream: backend, passedStatuses: [200]", "'200' is not a status from 300"),
        ("type: http, upstream: backend, cacheLifetime: 2h", "cacheLifetime: is longer than 1h"),
        (
            "type: http, upstream: backend, cacheLifetime: 0, staleIfError: 1s",
            "staleIfError: has no effect"
        ),
        ("type: http, upstream: backend, cacheLifetime: 1s, cacheKey: [x]", "'x' is not one of"),
        ("type: http, upstream: backend, format: rest", "format: is for authorizers of the type"),
        ("type: http, upstream: backend, headers: {A: b}", "headers: is for authorizers of the"),
        ("type: lambda, upstream: backend, method: GET", "method: is for authorizers of the type"),
        (
            "type: lambda, upstream: backend, format: http-3",
            "'http-3' is not one of rest, http-1.0"
        ),
        ("type: lambda, upstream: backend, stage: a/b", "stage: 'a/b' has blanks or one of"),
        (
            "type: lambda, upstream: backend, identitySources: [Token]",
            "identitySources: 'Token' is not one of: a header"
        ),
        (
            "type: lambda, upstream: backend, headers: {Host: $context.path}",
            "headers.Host: 'Host' is no field that an authorizer may set"
        ),
        (
            "type: lambda, upstream: backend, headers: {X-A: $context.x}",
            "headers.X-A: '$context.x' is not one of: $request.header.NAME"
        ),
        (
            "type: lambda, upstream: backend, headers: {X-Request-Id: $context.requestId}",
            "headers.X-Request-Id: 'X-Request-Id' is set by the gateway itself"
        ),
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
