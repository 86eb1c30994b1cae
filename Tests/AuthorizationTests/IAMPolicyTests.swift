import Authorization
import Testing

@Suite("an authorizer function's policy is asked for each request") struct IAMPolicyTests {
    static let base = "arn:aws:execute-api:us-east-1:123456789012:abcdef123"

    /// What the policy with these statements says of a GET of `path`.
    private func verdict(_ statements: String, _ path: String = "request") -> IAMPolicy.Verdict? {
        let body = """
            {"principalId":"u","policyDocument":{"Version":"2012-10-17","Statement":\(statements)}}
            """
        let answer = try? LambdaAnswer(Array(body.utf8), format: .rest)
        return answer?.evaluate(resource: "\(Self.base)/test/GET/\(path)")
    }

    private static func statement(
        _ effect: String, _ resource: String, action: String = "\"execute-api:Invoke\""
    ) -> String {
        #"{"Effect":"\#(effect)","Action":\#(action),"Resource":\#(resource)}"#
    }

    @Test(
        "wildcards cross slashes, case counts in resources",
        arguments: [
            ("\(base)/test/GET/request", .allow), ("*", .allow), ("\(base)/*", .allow),
            ("\(base)/*/GET/*", .allow), ("\(base)/test/*", .allow),
            ("\(base)/test/G?T/reques?", .allow), ("arn:aws:execute-api:*:request", .implicitDeny),
            ("arn:aws:execute-api:*/request", .allow), ("\(base)/test/GET/*/x", .implicitDeny),
            ("\(base)/test/POST/request", .implicitDeny),
            ("\(base)/test/get/request", .implicitDeny),
            ("\(base)/test/GET/reques", .implicitDeny),
            ("\(base)/test/GET/request?", .implicitDeny),
            ("\(base)/test/GET/**request", .allow),
        ] as [(String, IAMPolicy.Verdict)])
    func resources(resource: String, expected: IAMPolicy.Verdict) {
        #expect(verdict("[\(Self.statement("Allow", "\"\(resource)\""))]") == expected)
        let denied = verdict(Self.statement("Deny", "[\"x\",\"\(resource)\"]"))
        #expect(denied == (expected == .allow ? .explicitDeny : .implicitDeny))
    }

    @Test("a cached policy is evaluated for each path") func paths() {
        let policy =
            "[\(Self.statement("allow", "\"\(Self.base)/test/GET/pets/*\"")),"
            + "\(Self.statement("deny", "\"\(Self.base)/*/pets/secret\""))]"
        #expect(verdict(policy, "pets/1/toys") == .allow)
        #expect(verdict(policy, "pets/secret") == .explicitDeny)
        #expect(verdict(policy, "admin") == .implicitDeny)
        #expect(verdict(policy, "pets") == .implicitDeny)
    }

    @Test(
        "Effect and Action are compared without case",
        arguments: [
            ("Allow", "\"execute-api:Invoke\"", .allow), ("allow", "\"*\"", .allow),
            ("ALLOW", "[\"s3:Get*\",\"EXECUTE-API:invoke\"]", .allow),
            ("Allow", "\"execute-api:*\"", .allow), ("Allow", "\"execute-api:In?oke\"", .allow),
            ("Allow", "\"s3:*\"", .implicitDeny), ("dENY", "\"*\"", .explicitDeny),
            ("Allow", "\"\"", nil), ("Allow", "[]", nil), ("Permit", "\"*\"", nil),
            ("Allow", "7", nil), ("Allow", "[\"*\",7]", nil),
        ] as [(String, String, IAMPolicy.Verdict?)])
    func effects(effect: String, action: String, expected: IAMPolicy.Verdict?) {
        #expect(verdict("[\(Self.statement(effect, "\"*\"", action: action))]") == expected)
    }

    @Test(
        "what would be read wrongly is malformed",
        arguments: [
            "[{\"Effect\":\"Allow\",\"Action\":\"*\"}]",
            "[{\"Effect\":\"Allow\",\"Resource\":\"*\"}]",
            "[{\"Action\":\"*\",\"Resource\":\"*\"}]",
            "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{}}]",
            "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotAction\":\"s3:*\",\"Resource\":\"*\"}]",
            "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Principal\":\"*\"}]",
            "[7]", "\"x\"", "[[]]", "null",
        ])
    func malformed(statements: String) { #expect(verdict(statements) == nil) }

    @Test("NotAction and NotResource mean all others") func inverted() {
        let others = #"{"Effect":"Deny","NotAction":"s3:*","NotResource":"*/public/*"}"#
        #expect(verdict(others, "admin") == .explicitDeny)
        #expect(verdict(others, "public/x") == .implicitDeny)
        let none = #"{"Effect":"Deny","NotAction":"execute-api:*","Resource":"*"}"#
        #expect(verdict(none) == .implicitDeny)
    }

    @Test("nobody waits for a policy that is long or hard to match") func bounds() {
        let long = "\"" + String(repeating: "a", count: IAMPolicy.resourceLimit + 1) + "\""
        #expect(verdict(Self.statement("Allow", long)) == nil)
        let hard = "\"" + String(repeating: "*a", count: 250) + "*b\""
        let many = [String](repeating: Self.statement("Allow", hard), count: 30)
        let path = String(repeating: "a", count: 1_500)
        #expect(verdict("[\(many.joined(separator: ","))]", path) == .implicitDeny)
        let more = [String](repeating: Self.statement("Allow", hard), count: 33)
        #expect(verdict("[\(more.joined(separator: ","))]") == nil)
        #expect(verdict("[]") == .implicitDeny)
    }
}
