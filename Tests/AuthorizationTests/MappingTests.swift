import Authorization
import Testing

@Suite("values are mapped to header fields by API Gateway's expressions") struct MappingTests {
    private func input(_ context: String = "{}") throws -> MappingInput {
        let body = """
            {"principalId":"CN=client1","policyDocument":{"Statement":[]},"context":\(context)}
            """
        return MappingInput(
            LambdaEventTests.request(), LambdaEventTests.api(.rest),
            answer: try LambdaAnswer(Array(body.utf8), format: .rest))
    }

    @Test(
        "of REST APIs",
        arguments: [
            ("context.authorizer.clientCertSub", "CN=client1"),
            ("context.authorizer.principalId", "CN=client1"),
            ("context.authorizer.missing", nil),
            ("context.identity.clientCert.subjectDN", "C=US,O=Acme\\, Inc.,CN=client1"),
            ("context.identity.clientCert.validity.notAfter", "Aug  5 09:36:04 2021 GMT"),
            ("context.identity.sourceIp", "192.0.2.7"), ("context.requestId", "0123"),
            ("method.request.header.X-Token", "t2"), ("method.request.header.x-TOKEN", "t2"),
            ("method.request.multivalueheader.x-token", "t1,t2"),
            ("method.request.querystring.a", "2"), ("method.request.querystring.A", nil),
            ("method.request.multivaluequerystring.a", "1,2"),
            ("stageVariables.StageVar1", "v"), ("'static'", "static"), ("''", ""),
        ] as [(String, String?)])
    func rest(text: String, expected: String?) throws {
        let expression = try MappingExpression(text, .rest)
        #expect(expression.evaluate(try input(#"{"clientCertSub":"CN=client1"}"#)) == expected)
    }

    @Test(
        "of HTTP APIs, composed too",
        arguments: [
            ("$context.authorizer.sub", "s"), ("$request.header.x-token", "t1,t2"),
            ("$request.querystring.a", "1,2"), ("$request.path", "/pets/1"),
            ("$stageVariables.StageVar1", "v"), ("plain text", "plain text"), ("", ""),
            ("${request.path} ${context.requestId}", "/pets/1 0123"),
            ("id-${context.authorizer.none}-x", "id--x"),
        ] as [(String, String?)])
    func http(text: String, expected: String?) throws {
        let expression = try MappingExpression(text, .http)
        #expect(expression.evaluate(try input(#"{"sub":"s"}"#)) == expected)
    }

    @Test(
        "what is no expression is a mistake",
        arguments: [
            ("$context.requestId", MappingExpression.Dialect.rest), ("static", .rest),
            ("context.unknown", .rest), ("method.request.body", .rest), ("'x", .rest), ("'", .rest),
            ("method.request.header.", .rest), ("method.request.header.a b", .rest),
            ("$request.body.x", .http), ("${context.requestId", .http), ("$nothing", .http),
            ("${'x'}", .http),
        ])
    func refused(text: String, dialect: MappingExpression.Dialect) {
        #expect(throws: MappingError.self) { try MappingExpression(text, dialect) }
    }

    @Test("fields come in order, those without a value not at all") func fields() throws {
        let mapping = try FieldMapping(
            [
                ("integration.request.header.X-Client-Cert-Sub", "context.authorizer.sub"),
                ("integration.request.header.X-None", "context.authorizer.none"),
                ("integration.request.header.X-Static", "'s'"),
            ], .rest)
        #expect(mapping.ownedNames == ["X-Client-Cert-Sub", "X-None", "X-Static"])
        let fields = try mapping.fields(try input(#"{"sub":"CN=client1"}"#))
        #expect(fields == [.init("X-Client-Cert-Sub", "CN=client1"), .init("X-Static", "s")])
        let http = try FieldMapping(
            [
                ("append:header.x-a", "$context.authorizer.sub"), ("remove:header.x-b", "''"),
                ("overwrite:header.x-c", "${request.path}"),
            ], .http)
        #expect(http.ownedNames == ["x-a", "x-b", "x-c"])
        #expect(
            try http.fields(try input(#"{"sub":"1"}"#))
                == [.init("x-a", "1"), .init("x-c", "/pets/1")])
    }

    @Test(
        "S28 Host, framing, hop-by-hop, Trailer and Expect cannot be mapped to, in any spelling",
        arguments: [
            "Host", "content-length", "Transfer-Encoding", "Connection", "keep-alive",
            "Proxy-Connection", "TE", "Trailer", "Upgrade", "Expect", "Content_Length",
            "HTTP2-Settings",
        ])
    func reserved(name: String) {
        #expect(throws: MappingError.reservedName(name)) {
            try FieldMapping([("integration.request.header.\(name)", "'x'")], .rest)
        }
        #expect(throws: MappingError.reservedName(name)) {
            try FieldMapping([("overwrite:header.\(name)", "x")], .http)
        }
    }

    @Test("S28 an HTTP API reserves more, and a target stands once")
    func targets() throws {
        for name in ["Authorization", "Via", "X-Amzn-Trace-Id", "x-forwarded-for"] {
            #expect(throws: MappingError.reservedName(name)) {
                try FieldMapping([("append:header.\(name)", "x")], .http)
            }
        }
        #expect(throws: MappingError.duplicateTarget("x_a")) {
            try FieldMapping(
                [("append:header.X-A", "x"), ("overwrite:header.x_a", "y")], .http)
        }
        for target in ["header.x", "append:header.a b", "append:header.", "overwrite:path"] {
            #expect(
                throws: MappingError.unknownTarget(
                    target.hasPrefix("append")
                        ? String(target.dropFirst("append:header.".count)) : target)
            ) {
                try FieldMapping([(target, "x")], .http)
            }
        }
    }

    @Test(
        "S28 a value that no field can carry is an error, not a second field",
        arguments: [#"a\r\nX-Admin: 1"#, #"a\nb"#, #"a\u0000b"#, "Zoë", #"\u007f"#, " a", "a "])
    func illegal(value: String) throws {
        let mapping = try FieldMapping(
            [("integration.request.header.X-Sub", "context.authorizer.sub")], .rest)
        let input = try input("{\"sub\":\"\(value)\"}")
        #expect(throws: MappingError.illegalValue(name: "X-Sub")) { try mapping.fields(input) }
    }

    @Test("a missing or empty identity source means 401") func sources() throws {
        let input = try input()
        let found = try IdentitySources(
            [
                "method.request.header.x-token", "method.request.querystring.a",
                "stageVariables.StageVar1", "context.identity.clientCert.subjectDN",
            ], .rest)
        #expect(found.values(input) == ["t2", "2", "v", "C=US,O=Acme\\, Inc.,CN=client1"])
        for missing in ["method.request.header.none", "method.request.querystring.empty"] {
            #expect(try IdentitySources([missing], .rest).values(input) == nil)
        }
        #expect(try IdentitySources([], .rest).values(input) == [])
        #expect(try IdentitySources(["$request.header.x-token"], .http).values(input) != nil)
        for wrong in ["'x'", "context.authorizer.x", "method.request.path.id"] {
            #expect(throws: MappingError.self) { try IdentitySources([wrong], .rest) }
        }
        for wrong in ["$request.path", "x", "${request.header.a}${request.header.b}"] {
            #expect(throws: MappingError.self) { try IdentitySources([wrong], .http) }
        }
    }
}
