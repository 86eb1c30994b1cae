import Foundation
import Testing

@Suite("a function in AWS decides, invoked by signed requests", .serialized)
struct LambdaIsInvokedBySignedRequests {
    private let region = ["AWS_REGION": "eu-central-1"]

    private func gateway(
        _ loop: LoopKind, _ service: LambdaService, environment: [String: String]
    ) throws -> GatewayUnderTest {
        let admin = "admin.address=unix:\(service.folder)/admin-\(UUID().uuidString)"
        return try GatewayUnderTest(
            loop, [admin], log: true,
            environment: environment.merging(region) { given, _ in given },
            configuration: service.configuration())
    }

    private func variables(_ keys: LambdaService.Keys) -> [String: String] {
        var variables = [
            "AWS_ACCESS_KEY_ID": keys.accessKey, "AWS_SECRET_ACCESS_KEY": keys.secretKey,
        ]
        variables["AWS_SESSION_TOKEN"] = keys.token
        return variables
    }

    private func instance(_ service: LambdaService) -> [String: String] {
        ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://\(service.address)/"]
    }

    private func passes(_ gateway: GatewayUnderTest, _ path: String = "/") throws -> Bool {
        try gateway.curl(path).text.contains("\"x-level\":\"7\"")
    }

    /// Asks again and again until the answer is so, or it is too late.
    private func becomes(
        _ expected: Bool, _ gateway: GatewayUnderTest, seconds: TimeInterval = 20
    ) throws -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if try passes(gateway) == expected { return true }
            usleep(100_000)
        }
        return false
    }

    private func log(_ gateway: GatewayUnderTest) -> String {
        (try? String(contentsOfFile: gateway.folder + "/log", encoding: .utf8)) ?? ""
    }

    private func waitForLog(_ gateway: GatewayUnderTest, _ text: String) -> Bool {
        for _ in 0..<100 {
            if log(gateway).contains(text) { return true }
            usleep(50_000)
        }
        return false
    }

    private func metric(_ gateway: GatewayUnderTest, _ name: String) throws -> Int {
        let socket = try #require(gateway.adminAddress)
        let text = try GatewayUnderTest.shell(
            ["curl", "-sS", "--unix-socket", socket, "http://x/metrics"]
        ).text
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
    }

    /// Nothing that the services hand out, or say of errors, is in any log.
    private func expectNoSecrets(_ gateway: GatewayUnderTest) {
        let text = log(gateway)
        for secret in ["hidden", "Bearer", "metadata-token", "Signature=", "/container"] {
            #expect(!text.contains(secret), "\(text)")
        }
    }

    @Test("by keys of the environment, with a token and without", arguments: LoopKind.allCases)
    func environment(loop: LoopKind) throws {
        for token in [false, true] {
            let service = try LambdaService()
            let keys = LambdaService.Keys(token: token)
            try service.accept(keys)
            let gateway = try gateway(loop, service, environment: variables(keys))
            for _ in 0..<3 { #expect(try passes(gateway), "\(log(gateway))") }
            let asked = service.invocations
            #expect(asked.map(\.status) == [200, 200, 200])
            #expect(
                asked.first?.target == "/2015-03-31/functions/edge/invocations?Qualifier=live")
            #expect(
                waitForLog(gateway, "credentials for AWS: the access key \(keys.accessKey)"))
            expectNoSecrets(gateway)
        }
    }

    @Test("over TLS by the name of AWS, which is signed, too", arguments: LoopKind.allCases)
    func secure(loop: LoopKind) throws {
        let own = GatewayUnderTest.certificates
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        for (folder, isTrusted) in [(own, true), (other, false)] {
            let service = try LambdaService(certificate: own + "/server")
            let keys = LambdaService.Keys(token: true)
            try service.accept(keys)
            let gateway = try GatewayUnderTest(
                loop, log: true,
                environment: variables(keys).merging(region) { given, _ in given },
                configuration: service.configuration(
                    "stage: test", tls: ", tls: {trust: \(folder)/ca.pem}"))
            #expect(try passes(gateway) == isTrusted, "\(log(gateway))")
            #expect(
                service.invocations.map(\.host)
                    == (isTrusted ? ["lambda.eu-central-1.amazonaws.com"] : []))
            expectNoSecrets(gateway)
        }
    }

    @Test(
        "keys that AWS does not accept, a function that it does not know or run: 500, and why",
        arguments: LoopKind.allCases)
    func refusals(loop: LoopKind) throws {
        let service = try LambdaService()
        let keys = LambdaService.Keys()
        try service.accept(keys)
        var wrong = keys
        wrong.secretKey += "x"
        let closed = try gateway(loop, service, environment: variables(wrong))
        for _ in 0..<3 {
            let answer = try closed.curl("/", ["-i"]).text
            #expect(answer.contains(" 500 "))
            #expect(answer.hasSuffix(#"{"message":"Internal Server Error"}"#), "\(answer)")
        }
        #expect(service.invocations.map(\.status) == [403, 403, 403])
        let reason =
            "authorizer 'function': Lambda refuses the credentials or their permission (403): "
            + "InvalidSignatureException"
        #expect(waitForLog(closed, reason), "\(log(closed))")
        #expect(log(closed).components(separatedBy: reason).count == 2)
        expectNoSecrets(closed)

        let gateway = try gateway(loop, service, environment: variables(keys))
        for (path, reason) in [
            (
                "/missing",
                "Lambda does not know the authorizer function (404): "
                    + "ResourceNotFoundException"
            ),
            (
                "/busy",
                "Lambda is at its limit of concurrent functions (429): "
                    + "TooManyRequestsException"
            ),
        ] {
            for _ in 0..<2 { #expect(try gateway.curl(path, ["-i"]).text.contains(" 500 ")) }
            #expect(waitForLog(gateway, reason), "\(log(gateway))")
        }
        #expect(try gateway.curl("/failed", ["-i"]).text.contains(" 500 "))
        #expect(try passes(gateway))
        expectNoSecrets(gateway)
    }

    @Test(
        "by a profile of a file, which is read again when AWS refuses it",
        arguments: LoopKind.allCases)
    func file(loop: LoopKind) throws {
        let service = try LambdaService()
        let old = LambdaService.Keys()
        let new = LambdaService.Keys(token: true)
        let path = service.folder + "/credentials"
        func store(_ keys: LambdaService.Keys) throws {
            try """
            [default]
            aws_access_key_id = nobody
            aws_secret_access_key = hidden
            [edge]
            aws_access_key_id = \(keys.accessKey)
            aws_secret_access_key = \(keys.secretKey)
            aws_session_token = \(keys.token ?? "")
            """.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try store(old)
        try service.accept(old)
        let gateway = try gateway(
            loop, service,
            environment: ["AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "edge"])
        #expect(try passes(gateway), "\(log(gateway))")
        try store(new)
        try service.accept(new)
        #expect(try !passes(gateway))
        #expect(try becomes(true, gateway))
        #expect(service.invocations.last?.accessKey == new.accessKey)
        expectNoSecrets(gateway)
    }

    @Test(
        "by the container's, which may come later than the first request",
        arguments: LoopKind.allCases)
    func container(loop: LoopKind) throws {
        let service = try LambdaService()
        let keys = LambdaService.Keys(token: true)
        try service.accept(keys)
        try "Bearer agent\n".write(
            toFile: service.folder + "/token", atomically: true, encoding: .utf8)
        let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        let gateway = try gateway(
            loop, service,
            environment: [
                variable: "http://\(service.address)/container",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": service.folder + "/token",
            ])
        #expect(try gateway.curl("/", ["-i"]).text.contains(" 500 "))
        #expect(service.invocations.isEmpty)
        #expect(waitForLog(gateway, "the container's credentials: status 500"))
        #expect(try metric(gateway, "postern_aws_credentials_failures_total") >= 1)
        try service.handOut(keys, by: "container")
        #expect(try becomes(true, gateway), "\(log(gateway))")
        #expect(
            try metric(gateway, "postern_aws_credentials_expiry_timestamp_seconds")
                > Int(Date().timeIntervalSince1970))
        expectNoSecrets(gateway)
    }

    @Test(
        "by the instance's role, whose keys change while requests pass",
        arguments: LoopKind.allCases)
    func rotation(loop: LoopKind) throws {
        let service = try LambdaService()
        let old = LambdaService.Keys(token: true)
        let new = LambdaService.Keys(token: true)
        try service.accept(old, new)
        try service.handOut(old, by: "instance", seconds: 6)
        let gateway = try gateway(loop, service, environment: instance(service))
        #expect(try passes(gateway), "\(log(gateway))")
        #expect(service.invocations.last?.accessKey == old.accessKey)
        try service.handOut(new, by: "instance")
        let deadline = Date().addingTimeInterval(10)
        while service.invocations.last?.accessKey == old.accessKey, Date() < deadline {
            #expect(try passes(gateway))
        }
        #expect(service.invocations.last?.accessKey == new.accessKey)
        #expect(service.invocations.allSatisfy { $0.status == 200 })
        expectNoSecrets(gateway)
    }

    @Test(
        "what has expired signs nothing; new ones are taken when they come",
        arguments: LoopKind.allCases)
    func expiry(loop: LoopKind) throws {
        let service = try LambdaService()
        let old = LambdaService.Keys(token: true)
        let new = LambdaService.Keys(token: true)
        try service.accept(old, new)
        try service.handOut(old, by: "instance", seconds: 4)
        let gateway = try gateway(loop, service, environment: instance(service))
        #expect(try passes(gateway), "\(log(gateway))")
        try service.handOut(nil, by: "instance")
        // Nobody but the gateway keeps to the end: the service would go on accepting the old ones.
        #expect(try becomes(false, gateway))
        let count = service.invocations.count
        #expect(try gateway.curl("/", ["-i"]).text.contains(" 500 "))
        #expect(service.invocations.count == count)
        #expect(waitForLog(gateway, "instance metadata: there is no role: status 500"))
        try service.handOut(new, by: "instance")
        gateway.signal(SIGHUP)
        #expect(try becomes(true, gateway), "\(log(gateway))")
        #expect(service.invocations.allSatisfy { $0.status == 200 })
        expectNoSecrets(gateway)
    }

    @Test("an authorizer that a reload brings gets credentials, too", arguments: LoopKind.allCases)
    func reload(loop: LoopKind) throws {
        let service = try LambdaService()
        let keys = LambdaService.Keys()
        try service.accept(keys)
        let gateway = try GatewayUnderTest(
            loop, log: true,
            environment: variables(keys).merging(region) { given, _ in given })
        #expect(try gateway.curl("/").text.contains("x-client-cert-sub"))
        try service.configuration()(gateway.backendAddress, gateway.folder).write(
            toFile: gateway.folder + "/postern.yaml", atomically: true, encoding: .utf8)
        gateway.signal(SIGHUP)
        #expect(try becomes(true, gateway), "\(log(gateway))")
    }

    @Test(
        "a metadata service that hangs holds up neither the start, nor a reload, nor the end",
        arguments: LoopKind.allCases)
    func hanging(loop: LoopKind) throws {
        let service = try LambdaService()
        try service.hang()
        let start = Date()
        let gateway = try gateway(loop, service, environment: instance(service))
        #expect(Date().timeIntervalSince(start) < 5)
        #expect(try gateway.curl("/", ["-i"]).text.contains(" 500 "))
        gateway.signal(SIGHUP)
        #expect(waitForLog(gateway, "reloaded: generation 2 serves"), "\(log(gateway))")
        let end = Date()
        gateway.signal(SIGTERM)
        #expect(gateway.exitStatus(within: 10) == 0)
        // An attempt takes up to five seconds.
        #expect(Date().timeIntervalSince(end) < 4)
        #expect(log(gateway).contains("stopped"))
    }

    @Test("the check names the source, or says that there is none for now") func check() throws {
        let service = try LambdaService()
        let keys = LambdaService.Keys()
        let path = service.folder + "/postern.yaml"
        try service.configuration("host: h, region: eu-central-1".replacing(", ", with: "\n    "))(
            "127.0.0.1:1", service.folder
        ).write(
            toFile: path, atomically: true, encoding: .utf8)
        func check(_ variables: [String]) throws -> GatewayUnderTest.Output {
            try GatewayUnderTest.shell(
                ["env", "-i", "AWS_EC2_METADATA_DISABLED=true"] + variables
                    + [GatewayUnderTest.binary, "check", "--config", path])
        }
        let named = try check([
            "AWS_ACCESS_KEY_ID=\(keys.accessKey)", "AWS_SECRET_ACCESS_KEY=\(keys.secretKey)",
        ])
        #expect(named.status == 0)
        #expect(
            named.text.contains(
                "credentials for AWS: the access key \(keys.accessKey), of the variables "
                    + "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "\(named.text)")
        #expect(!named.text.contains("hidden"))
        let none = try check([])
        #expect(none.status == 0)
        #expect(none.text.contains("credentials for AWS: none for now: no source"), "\(none.text)")
    }
}
