import Testing

@Suite("the sample remembers decisions only when it is told to", .serialized)
struct TheSampleRemembersOnlyWhenToldTo {
    private static let environment = ["DENIED_SUBJECTS": #"["CN=client2"]"#]

    @Test(
        "with a lifetime of 0 the authorizer is asked for every request",
        arguments: LoopKind.allCases)
    func uncached(_ loop: LoopKind) throws {
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(environment: Self.environment))
        for count in 1...3 {
            #expect(try sample.ask().httpStatus == 200)
            #expect(sample.endpoint.invocations == count)
        }
    }

    @Test(
        "S27 with a lifetime and a source, once for each source and certificate",
        arguments: LoopKind.allCases)
    func cached(_ loop: LoopKind) throws {
        let sample = try SampleGateway(
            loop, endpoint: FunctionEndpoint(environment: Self.environment),
            [
                "authorizers.authorizer.cacheLifetime=5m",
                "authorizers.authorizer.identitySources=method.request.header.X-Tenant",
            ])
        func ask(_ client: String, _ tenant: String, _ query: String = "") throws -> Int {
            try sample.ask(client, query: query, ["-H", "X-Tenant: \(tenant)"]).httpStatus
        }
        for _ in 0..<2 {
            #expect(try ask("client1", "a") == 200)
            #expect(try ask("client1", "a", "?other=query") == 200)
            #expect(sample.endpoint.invocations == 1)
        }
        #expect(try ask("client1", "b") == 200)
        #expect(sample.endpoint.invocations == 2)
        // The same source, another certificate: what was decided for one is nothing to the other.
        for _ in 0..<2 {
            #expect(try ask("client2", "a") == 403)
            #expect(sample.endpoint.invocations == 3)
        }
        #expect(try sample.ask().httpStatus == 401)
        #expect(sample.endpoint.invocations == 3)
    }
}
