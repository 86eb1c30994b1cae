import Core
import Crypto
import Testing

@Suite("credentials for AWS, from containers and instances") struct AWSMetadataTests {
    private func outcome<Value>(
        _ body: () throws(AWSCredentialProblem) -> Value
    ) -> Result<Value, AWSCredentialProblem> {
        do throws(AWSCredentialProblem) { return .success(try body()) } catch {
            return .failure(error)
        }
    }

    private static let variable = "AWS_CONTAINER_CREDENTIALS_"
    private static let unsafe =
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor http:// with a loopback "
        + "address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]"

    @Test(
        "a container is asked without TLS on its own machine alone",
        arguments: [
            ("http://127.0.0.1:8080/c", true), ("http://127.255.0.9/c", true),
            ("http://localhost:1/c", true), ("http://[::1]/c", true), ("http://[::1]:80/c", true),
            ("http://169.254.170.2/v2/x", true), ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true), ("https://vault.internal/c", true),
            ("http://169.254.170.3/c", false), ("http://10.0.0.1/c", false),
            ("http://example.com/c", false), ("http://127.0.0.1@example.com/c", false),
            ("http://127.0.0.1.example.com/c", false), ("http://127.1/c", false),
            ("http://0127.0.0.1/c", false), ("http://localhost:x/c", false),
            ("http://[::1].example.com/c", false), ("http://[::2]/c", false),
            ("http://localhost.example.com/", false), ("http://127.0.0.1\\@example.com/", false),
            ("http://", false), ("https://", false), ("ftp://127.0.0.1/c", false),
            ("file:///etc/passwd", false), ("http://127.0.0.1/a b", false), ("/c", false),
        ])
    func fullURI(url: String, isAllowed: Bool) {
        let made = outcome { () throws(AWSCredentialProblem) in
            try AWSContainerEndpoint(environment: [Self.variable + "FULL_URI": url])?.url
        }
        #expect(made == (isAllowed ? .success(url) : .failure(.init(Self.unsafe))))
    }

    @Test("a relative URI comes first; the token goes along; logs get the host alone")
    func relativeURI() throws {
        let endpoint = try #require(
            try AWSContainerEndpoint(environment: [
                Self.variable + "RELATIVE_URI": "/v2/credentials/hidden?a",
                Self.variable + "FULL_URI": "http://example.com",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer x",
            ]))
        #expect(endpoint.url == "http://169.254.170.2/v2/credentials/hidden?a")
        #expect(endpoint.token == "Bearer x" && endpoint.tokenFile == nil)
        #expect(
            "\(AWSCredentialSource.container(endpoint))"
                == "the container's credentials at http://169.254.170.2")
        let bare = try AWSContainerEndpoint(environment: [
            Self.variable + "FULL_URI": "https://example.com?hidden"
        ])
        #expect(bare?.description == "https://example.com")
        var dumped = "\(endpoint)" + String(reflecting: AWSCredentialSource.container(endpoint))
        dump(AWSCredentialSource.container(endpoint), to: &dumped)
        #expect(!dumped.contains("hidden") && !dumped.contains("Bearer"), "\(dumped)")
        let question = try endpoint.question(token: endpoint.token)
        #expect(question.url == endpoint.url && question.method == "GET")
        #expect(question.fields.map { "\($0.name): \($0.value)" } == ["Authorization: Bearer x"])
        #expect(try endpoint.question(token: nil).fields.isEmpty)
        for bad in ["", "a\r\nb", "a\nb"] {
            #expect(throws: AWSCredentialProblem.self) { try endpoint.question(token: bad) }
        }
        for bad in ["v2/x", "@example.com/", "/a b"] {
            #expect(throws: AWSCredentialProblem.self) {
                try AWSContainerEndpoint(environment: [Self.variable + "RELATIVE_URI": bad])
            }
        }
    }

    @Test("files come before the container, and the container in place of the instance")
    func precedence() throws {
        func sources(_ environment: [String: String]) throws -> [String] {
            try AWSCredentialChain(environment: environment).sources.map { "\($0)" }
        }
        let file = "the profile 'default' of /h/.aws/credentials"
        let container = "the container's credentials at http://169.254.170.2"
        #expect(
            try sources(["HOME": "/h"])
                == [file, "the instance's role at http://169.254.169.254"])
        #expect(
            try sources(["HOME": "/h", Self.variable + "RELATIVE_URI": "/x"])
                == [file, container])
        #expect(try sources(["AWS_EC2_METADATA_DISABLED": "True"]) == [])
        // Of a source that is not read here, nobody else's takes the place.
        let webIdentity = ["AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "HOME": "/h"]
        #expect(throws: AWSCredentialProblem.self) { try sources(webIdentity) }
        #expect(
            try sources(webIdentity.merging(["AWS_PROFILE": "default"]) { $1 }).first == file)
        #expect(
            try sources(["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"])
                == ["the instance's role at http://[fd00:ec2::254]"])
        #expect(
            try sources(["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"])
                == ["the instance's role at http://127.0.0.1:1"])
    }

    private static func answer(
        code: String? = nil, key: String? = "AKID", expiration: String? = "2026-11-23T12:00:00Z"
    ) -> AWSCredentialAnswer {
        var answer = AWSCredentialAnswer()
        answer.code = code
        answer.accessKey = key
        answer.secretKey = "hidden"
        answer.token = "token"
        answer.expiration = expiration
        return answer
    }

    @Test("what a container answers") func containerAnswers() {
        let found = SignatureV4.Credentials(
            accessKey: "AKID", secretKey: "hidden", sessionToken: "token",
            expiry: 1_795_435_200)
        var lasting = found
        lasting.expiry = nil
        let from = "the container's credentials: "
        let cases:
            [(Int, AWSCredentialAnswer?, Result<SignatureV4.Credentials, AWSCredentialProblem>)] = [
                (200, Self.answer(), .success(found)),
                (200, Self.answer(expiration: nil), .success(lasting)),
                (403, Self.answer(), .failure(.init(from + "status 403"))),
                (200, nil, .failure(.init(from + "the answer is no JSON object"))),
                (
                    200, Self.answer(key: nil),
                    .failure(.init(from + "the answer has no AccessKeyId or no SecretAccessKey"))
                ),
                (
                    200, Self.answer(key: "hid den"),
                    .failure(
                        .init(
                            from + "the access key's id has blanks, or other characters than "
                                + "visible ASCII"))
                ),
                (
                    200, Self.answer(expiration: "soon"),
                    .failure(.init(from + "the Expiration is no time"))
                ),
                (
                    200, Self.answer(expiration: "2026-11-23T11:59:59Z"),
                    .failure(.init(from + "the credentials have expired already"))
                ),
            ]
        for (status, answer, expected) in cases {
            #expect(
                outcome { () throws(AWSCredentialProblem) in
                    try AWSContainerEndpoint.credentials(
                        status: status, answer, at: 1_795_435_199)
                } == expected)
        }
    }

    @Test("an instance: a token, a role, credentials") func instance() throws {
        var metadata = try #require(
            AWSInstanceMetadata(environment: ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://m"]))
        #expect(metadata.first.method == "PUT" && metadata.first.url == "http://m/latest/api/token")
        #expect(
            metadata.first.fields.map { "\($0.name): \($0.value)" }
                == ["X-aws-ec2-metadata-token-ttl-seconds: 60"])
        let roles = "http://m/latest/meta-data/iam/security-credentials/"
        for (body, url) in [("t0ken==", roles), ("edge-role\nother", roles + "edge-role")] {
            guard
                case .ask(let next) = try metadata.answered(status: 200, body, nil, at: 0)
            else {
                Issue.record("another question is expected")
                return
            }
            #expect(next.method == "GET" && next.url == url)
            #expect(
                next.fields.map { "\($0.name): \($0.value)" }
                    == ["X-aws-ec2-metadata-token: t0ken=="])
        }
        let step = try metadata.answered(
            status: 200, "", Self.answer(code: "Success"), at: 1_795_435_199)
        guard case .found(let credentials) = step else {
            Issue.record("credentials are expected")
            return
        }
        #expect(credentials.expiry == 1_795_435_200 && credentials.sessionToken == "token")
    }

    @Test(
        "what goes wrong on the way",
        arguments: [
            ([(403, "")], "there is no token: status 403"),
            ([(200, "")], "the answer to the question for a token is none"),
            ([(200, "hid\r\nden")], "the answer to the question for a token is none"),
            ([(200, "t"), (404, "")], "the instance has no role"),
            ([(200, "t"), (401, "")], "there is no role: status 401"),
            ([(200, "t"), (200, "../hidden")], "the role's name is none"),
            ([(200, "t"), (200, "")], "the role's name is none"),
            ([(200, "t"), (200, "r"), (500, "")], "there are no credentials: status 500"),
            ([(200, "t"), (200, "r"), (200, "Failed")], "the answer's Code is not Success"),
        ] as [([(Int, String)], String)])
    func mistakes(answers: [(Int, String)], problem: String) throws {
        var metadata = try #require(AWSInstanceMetadata(environment: [:]))
        var last: AWSCredentialProblem?
        for (status, body) in answers {
            #expect(last == nil)
            do throws(AWSCredentialProblem) {
                _ = try metadata.answered(
                    status: status, body, Self.answer(code: body), at: 0)
            } catch {
                last = error
            }
        }
        #expect(last?.description == "instance metadata: " + problem)
    }
}

@Suite("when credentials for AWS are read again") struct AWSCredentialRefreshTests {
    private func now(_ seconds: UInt64) -> Now {
        Now(monotonic: Instant(nanoseconds: seconds * 1_000_000_000), wallSeconds: Int64(seconds))
    }

    private func credentials(_ expiry: Int64?) -> SignatureV4.Credentials {
        SignatureV4.Credentials(accessKey: "a", secretKey: "b", expiry: expiry)
    }

    /// The first second from which they are due, up to `limit`.
    private func due(_ refresh: AWSCredentialRefresh, after start: UInt64, _ limit: UInt64)
        -> UInt64?
    {
        (start...limit).first { refresh.isDue(now($0)) }
    }

    @Test(
        "well before they expire, with jitter",
        arguments: [
            // Expiry, random number, due.
            (21_600, 0, 21_300), (21_600, 60, 21_240), (21_600, 61, 21_300), (1_000, 0, 700),
            (600, 0, 300), (400, 0, 200), (400, 40, 160), (10, 0, 5), (10, 1, 4), (2, 0, 1),
            (1, 7, 1),
        ] as [(Int64, UInt64, UInt64)])
    func expiry(expiry: Int64, random: UInt64, at: UInt64) {
        var refresh = AWSCredentialRefresh()
        #expect(refresh.isDue(now(0)))
        let isNew1 = refresh.obtained(
            credentials(expiry), isStatic: false, now: now(0), random: random)
        #expect(isNew1)
        #expect(due(refresh, after: 0, 22_000) == at)
        #expect(refresh.pause(now(0)) <= .seconds(30))
    }

    @Test("the same again are no news; without an expiry they are read again, or never")
    func lasting() {
        var refresh = AWSCredentialRefresh()
        let isNew2 = refresh.obtained(
            credentials(nil), isStatic: false, now: now(0), random: 0)
        #expect(isNew2)
        #expect(due(refresh, after: 0, 400) == 300)
        let isNew3 = refresh.obtained(
            credentials(nil), isStatic: false, now: now(300), random: 0)
        #expect(!isNew3)
        let isNew4 = refresh.obtained(
            credentials(9_000), isStatic: false, now: now(600), random: 0)
        #expect(isNew4)
        var fixed = AWSCredentialRefresh()
        let isNew5 = fixed.obtained(
            credentials(nil), isStatic: true, now: now(0), random: 0)
        #expect(isNew5)
        #expect(!fixed.isDue(now(1_000_000)))
        #expect(fixed.pause(now(10)) == .seconds(30))
    }

    @Test("a failure keeps them, and is repeated after longer and longer pauses") func failures() {
        var refresh = AWSCredentialRefresh()
        _ = refresh.obtained(credentials(1_000), isStatic: false, now: now(0), random: 0)
        var time: UInt64 = 700
        for (random, pause) in [(0, 1), (999, 3), (0, 4), (0, 8), (0, 16), (0, 30), (29_999, 60)]
            as [(UInt64, UInt64)]
        {
            #expect(refresh.isDue(now(time)))
            refresh.failed(now: now(time), random: random)
            #expect(refresh.credentials?.expiry == 1_000)
            #expect(!refresh.isDue(now(time)))
            #expect(due(refresh, after: time, time + 100) == time + pause)
            time += pause
        }
        let isNew6 = refresh.obtained(
            credentials(9_000), isStatic: false, now: now(time), random: 0)
        #expect(isNew6)
        refresh.failed(now: now(time), random: 0)
        #expect(due(refresh, after: time, time + 100) == time + 1)
    }

    @Test("a refusal has them read again, every half a minute at most") func refusals() {
        var refresh = AWSCredentialRefresh()
        _ = refresh.obtained(credentials(nil), isStatic: true, now: now(0), random: 0)
        refresh.refused(now: now(10))
        #expect(refresh.isDue(now(10)))
        _ = refresh.obtained(credentials(nil), isStatic: true, now: now(10), random: 0)
        refresh.refused(now: now(39))
        #expect(!refresh.isDue(now(39)))
        refresh.refused(now: now(40))
        #expect(refresh.isDue(now(40)))
        _ = refresh.obtained(credentials(nil), isStatic: true, now: now(40), random: 0)
        refresh.expedite()
        #expect(refresh.isDue(now(40)) && refresh.pause(now(40)) == .zero)
    }
}
