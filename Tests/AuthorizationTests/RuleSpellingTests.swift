import Authorization
import Crypto
import TLS
import Testing

@Suite("S10 no spelling of a name allows by what is no identity, or escapes a rule that denies")
struct RuleSpellingTests {
    /// Whether a rule with the condition `key` is about a client with `names`.
    private func meets(
        _ names: [CertificateRequest.AlternativeName], _ key: RuleCondition.TextKey,
        _ value: String, effect: Rule.Effect
    ) throws -> Bool {
        let chain = try MintedChain().chain { $0.alternativeNames = names }
        let condition = try RuleCondition(key, [value])
        let rules = RuleSet(
            name: "a", rules: [Rule(name: "r", effect: effect, conditions: [condition])])
        let verdict = rules.judge(RuleSubject(chain), at: MintedChain.now)
        return verdict.decidedBy == .rule(0)
    }

    @Test("S10 a URI allows by a SPIFFE ID only where that is the client's identity")
    func uris() throws {
        let valid = "spiffe://example.org/ns/prod/pay"
        #expect(try meets([.uri(valid)], .uri, "spiffe://example.org/*", effect: .allow))
        #expect(try meets([.uri(valid), .uri("urn:x")], .uri, "urn:x", effect: .allow))
        #expect(
            try meets([.uri(valid), .uri("https://a")], .uri, "spiffe://*", effect: .allow))
        for name in [
            "spiffe://example.org/ns/prod/../../admin", "SPIFFE:whatever", "Spiffe://example.org/a",
            "spiffe://example.org:443/ns/prod", "spiffe://example.org/ns//prod",
            " spiffe://example.org/ns/prod", "spiffe://example.org/ns%2fprod",
        ] {
            for pattern in ["*", "*ns/prod*", name] {
                #expect(
                    try !meets([.uri(name)], .uri, pattern, effect: .allow), "\(name) \(pattern)")
            }
            #expect(try meets([.uri(name)], .uri, name, effect: .deny), "\(name)")
        }
        let several: [CertificateRequest.AlternativeName] = [
            .uri(valid), .uri("spiffe://other.org/b"),
        ]
        for pattern in ["spiffe://example.org/*", "spiffe://other.org/b", "*"] {
            #expect(try !meets(several, .uri, pattern, effect: .allow), "\(pattern)")
            #expect(try meets(several, .uri, pattern, effect: .deny), "\(pattern)")
        }
    }
}
