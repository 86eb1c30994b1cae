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

    @Test("S10 a rule that denies sees through a final dot, blanks, case and mapped addresses")
    func spellings() throws {
        let cases: [(CertificateRequest.AlternativeName, RuleCondition.TextKey, String)] = [
            (.dns("a.evil.org."), .dns, "a.evil.org"), (.dns("A.Evil.org."), .dns, "*.evil.org"),
            (.dns("a.evil.org"), .dns, "a.evil.org."), (.dns(" a.evil.org"), .dns, "a.evil.org"),
            (.dns("a.evil.org ."), .dns, "a.evil.org"), (.dns("*.evil.org."), .dns, "*.evil.org"),
            (.email("x@evil.org."), .email, "*@evil.org"), (.email(" x@evil.org "), .email, "x@*g"),
            (.uri(" urn:evil "), .uri, "urn:evil"), (.ip("::ffff:192.0.2.1"), .ip, "192.0.2.1"),
            (.ip("192.0.2.1"), .ip, "::ffff:192.0.2.1"),
            (.uri("HTTPS://Evil.org/x"), .uri, "https://evil.org/*"),
            (.uri("https://evil.org/X"), .uri, "https://Evil.org/x"),
            (.email("Mallory@EVIL.org"), .email, "mallory@evil.org"),
            (.email("m@evil.org"), .email, "*@Evil.Org"),
        ]
        for (name, key, value) in cases {
            #expect(try meets([name], key, value, effect: .deny), "\(name) \(value)")
        }
        for (name, key, value) in cases where name != .dns("*.evil.org.") {
            #expect(try !meets([name], key, value, effect: .allow), "\(name) \(value)")
        }
        for (name, key, value) in [
            (.dns("a.evil.org."), .dns, "evil.org"), (.email("x@evil.org"), .email, "x@evil.or"),
            (.ip("2001:db8::192.0.2.1"), .ip, "192.0.2.1"),
            (.ip("::ffff:192.0.2.2"), .ip, "192.0.2.1"),
        ] as [(CertificateRequest.AlternativeName, RuleCondition.TextKey, String)] {
            #expect(try !meets([name], key, value, effect: .deny), "\(name) \(value)")
        }
    }

    @Test("S10 a rule that denies by the subject sees through blanks, and case of any script")
    func subjects() throws {
        let minted = try MintedChain()
        func meets(_ name: String, _ value: String, effect: Rule.Effect) throws -> Bool {
            let condition = try RuleCondition(subject: "O", [value])
            let rules = RuleSet(
                name: "a", rules: [Rule(name: "r", effect: effect, conditions: [condition])])
            let subject = RuleSubject(try minted.chain([.init("O", name)]))
            return rules.judge(subject, at: MintedChain.now).decidedBy == .rule(0)
        }
        for (name, value) in [
            ("Evil", "eviL"), (" evil ", "evil"), ("EVIL ", "ev?l"), ("\u{17f}ecret", "secret"),
            ("secret", "\u{17f}*"), ("\u{39f}\u{3a3}", "\u{3bf}\u{3c2}"), ("\u{212a}1", "k1"),
            ("stra\u{df}e", "STRASSE"),
        ] {
            #expect(try meets(name, value, effect: .deny), "\(name) \(value)")
            #expect(try !meets(name, value, effect: .allow), "\(name) \(value)")
        }
        // What is longer in another case is denied as it is written, too.
        #expect(try meets("a\u{130}b", "a??b", effect: .deny))
        #expect(try !meets("evils", "evil", effect: .deny))
    }

    @Test(
        "S10 a SPIFFE URI that is no valid SPIFFE ID meets every SPIFFE condition that denies",
        arguments: [
            "spiffe://evil.org:443/x", "spiffe://evil.org/?x=1", "spiffe://evil.org?x=1",
            "spiffe://evil.org%2fx", "spiffe://evil.org/%2f", "SPIFFE:x",
            "spiffe:/evil.org/x", " spiffe://evil.org/x", "spiffe://user@evil.org/x",
            "spiffe://evil.org/x#y", "spiffe://EVIL.org/x", "spiffe://evil.org/a/../x",
        ])
    func claims(name: String) throws {
        let keys: [(RuleCondition.TextKey, String)] = [
            (.spiffeTrustDomain, "evil.org"), (.spiffePath, "/x"),
            (.spiffeTrustDomain, "else.org"),
        ]
        for (key, value) in keys {
            let valid = CertificateRequest.AlternativeName.uri("spiffe://good.org/y")
            #expect(try meets([.uri(name)], key, value, effect: .deny), "\(value)")
            #expect(try meets([valid, .uri(name)], key, value, effect: .deny), "\(value)")
            #expect(try !meets([.uri(name)], key, value, effect: .allow), "\(value)")
            #expect(try !meets([valid], key, value, effect: .deny), "\(value)")
        }
        #expect(try !meets([.uri("https://x/spiffe:")], .spiffePath, "/x", effect: .deny))
    }

    @Test("S10 a trust domain with a final dot is another to allow, and the same to deny")
    func finalDot() throws {
        let names: [CertificateRequest.AlternativeName] = [.uri("spiffe://evil.org./x")]
        #expect(try meets(names, .spiffeTrustDomain, "evil.org", effect: .deny))
        #expect(try meets(names, .spiffeTrustDomain, "evil.org.", effect: .deny))
        #expect(try !meets(names, .spiffeTrustDomain, "else.org", effect: .deny))
        #expect(try meets(names, .spiffeTrustDomain, "evil.org.", effect: .allow))
        #expect(try !meets(names, .spiffeTrustDomain, "evil.org", effect: .allow))
    }
}
