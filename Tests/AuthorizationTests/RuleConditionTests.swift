import Authorization
import Crypto
import TLS
import Testing

@Suite("conditions of rules") struct RuleConditionTests {
    /// Whether a rule with `condition` is about the client.
    private func meets(
        _ chain: ValidatedChain?, _ condition: RuleCondition, effect: Rule.Effect = .allow,
        at now: Int64 = MintedChain.now
    ) -> Bool {
        let rules = RuleSet(
            name: "a", rules: [Rule(name: "r", effect: effect, conditions: [condition])])
        return rules.judge(RuleSubject(chain), at: now).decidedBy == .rule(0)
    }

    private func meets(
        _ chain: ValidatedChain?, _ key: RuleCondition.TextKey, _ values: [String],
        effect: Rule.Effect = .allow
    ) throws -> Bool {
        meets(chain, try RuleCondition(key, values), effect: effect)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("a certificate by fingerprint, key, issuer and number; its issuer; its authorities")
    func certificates() throws {
        let minted = try MintedChain()
        let chain = try minted.chain()
        let other = try minted.chain([.init("CN", "client2")]) { $0.serialNumber = [2] }
        let key = try #require(chain.members.first?.publicKeyHash.bytes)
        let values = [
            "sha256:" + hex(chain.fingerprint.bytes), "spki-sha256:" + hex(key),
            "spki-sha256:" + String(decoding: Base64.encode(key), as: UTF8.self),
            "issuer:\"cn=issuing ca\" serial:1ab",
        ]
        for value in values {
            #expect(
                try meets(
                    chain, .certificate, ["sha256:" + hex([UInt8](repeating: 0, count: 32)), value])
            )
            #expect(try !meets(other, .certificate, [value]))
            #expect(try !meets(nil, .certificate, [value]))
        }
        #expect(try meets(chain, .issuer, ["CN=Else", "CN=Issuing  CA"]))
        #expect(try !meets(chain, .issuer, ["CN=Root CA"]))
        #expect(try !meets(chain, .issuer, ["CN=Issuing CA,O=x"]))
        let authority = "sha256:" + hex(SHA256.hash(minted.intermediate.der))
        #expect(try meets(chain, .authority, [authority]))
        #expect(try meets(chain, .authority, ["sha256:" + hex(SHA256.hash(minted.root.der))]))
        #expect(try !meets(chain, .authority, [values[0]]))
        #expect(try !meets(try MintedChain().chain(), .authority, [authority]))
    }

    @Test("the trust store that has the anchor") func anchors() throws {
        let minted = try MintedChain()
        let chain = try minted.chain()
        let store = TrustStoreOptions(file: minted.rootFile)
        let condition = RuleCondition(anchors: try store.fingerprints(at: MintedChain.now))
        #expect(meets(chain, condition) && condition.name == "trustStore")
        #expect(!meets(try MintedChain().chain(), condition))
        #expect(!meets(nil, condition))
    }

    @Test("attributes of the subject: exact, suffix, any text, any of several")
    func subject() throws {
        let chain = try MintedChain().chain([
            .init("C", "DE"), .init("O", "Acme * Inc."), .init("OU", "Payments"),
            .init("OU", "Platform"), .init("UID", "svc-42", joinsPrevious: true),
            .init("CN", "client1"),
        ])
        for (type, value, isMet) in [
            ("CN", "client1", true), ("cn", "client?", true), ("commonName", "*1", true),
            ("2.5.4.3", "client1", true), ("CN", "Client1", false), ("CN", "client", false),
            ("OU", "Platform", true), ("OU", "P*ments", true), ("OU", "Sales", false),
            ("UID", "svc-*", true), ("O", "Acme \\* Inc.", true), ("O", "Acme \\? Inc.", false),
            ("O", "Acme ? Inc.", true), ("L", "*", false), ("C", "D", false),
        ] {
            let condition = try RuleCondition(subject: type, [value, "none"])
            #expect(meets(chain, condition) == isMet, "\(type) \(value)")
            #expect(!meets(nil, condition))
        }
        #expect(throws: RuleMistake.self) { try RuleCondition(subject: "CNN", ["x"]) }
        #expect(throws: RuleMistake.self) { try RuleCondition(subject: "CN", [""]) }
    }

    @Test("alternative names") func alternativeNames() throws {
        let chain = try MintedChain().chain {
            $0.alternativeNames = [
                .dns("Api.Payments.example.com"), .uri("https://x.example/?a=1"),
                .email("zoe@example.com"), .ip("192.0.2.10"), .ip("2001:db8::a"),
            ]
        }
        let cases: [(RuleCondition.TextKey, String, Bool)] = [
            (.dns, "api.payments.example.com", true), (.dns, "*.EXAMPLE.com", true),
            (.dns, "example.com", false), (.dns, "*.payments.example.org", false),
            (.uri, "https://x.example/*", true), (.uri, "HTTPS://x.example/*", false),
            (.email, "*@example.com", true), (.email, "zoe@example", false),
            (.ip, "192.0.2.10", true), (.ip, "192.0.2.1", false),
            (.ip, "2001:DB8:0:0::a", true), (.ip, "2001:db8::b", false),
        ]
        for (key, value, isMet) in cases {
            #expect(try meets(chain, key, [value]) == isMet, "\(key) \(value)")
            #expect(try !meets(nil, key, [value]))
        }
    }

    @Test("SPIFFE trust domains exactly, paths by whole segments") func spiffe() throws {
        let chain = try MintedChain().chain {
            $0.alternativeNames = [.uri("spiffe://example.org/ns/prod/sa/payments")]
        }
        let cases: [(RuleCondition.TextKey, String, Bool)] = [
            (.spiffeTrustDomain, "example.org", true), (.spiffeTrustDomain, "org", false),
            (.spiffeTrustDomain, "prod.example.org", false), (.spiffePath, "/ns/prod", true),
            (.spiffePath, "/ns/prod/", true), (.spiffePath, "/ns/pro", false),
            (.spiffePath, "/ns/prod/sa/payments", true), (.spiffePath, "/", true),
            (.spiffePath, "/ns/prod/sa/payments/x", false),
        ]
        for (key, value, isMet) in cases {
            #expect(try meets(chain, key, [value]) == isMet, "\(key) \(value)")
        }
        let bare = try MintedChain().chain { $0.alternativeNames = [.uri("spiffe://example.org")] }
        #expect(try meets(bare, .spiffeTrustDomain, ["example.org"]))
        #expect(try !meets(bare, .spiffePath, ["/"]))
        #expect(throws: RuleMistake.self) {
            try RuleCondition(.spiffeTrustDomain, ["spiffe://example.org"])
        }
        #expect(throws: RuleMistake.self) { try RuleCondition(.spiffePath, ["ns/prod"]) }
    }

    @Test("usages, kinds of key and their strength") func quality() throws {
        let minted = try MintedChain()
        let curve = try minted.chain { $0.extendedUsages = [.clientAuth, .codeSigning] }
        let rsa = try minted.chain(key: .rsa(bits: 2_048)) { $0.extendedUsages = [] }
        let edwards = try minted.chain(key: .ed25519)
        #expect(try meets(curve, .extendedKeyUsage, ["codesigning"]))
        #expect(try meets(curve, .extendedKeyUsage, ["1.3.6.1.5.5.7.3.2", "1.2.3"]))
        #expect(try !meets(curve, .extendedKeyUsage, ["serverAuth"]))
        #expect(try !meets(rsa, .extendedKeyUsage, ["clientAuth"]))
        #expect(try !meets(curve, .policy, ["2.23.140.1.2.2"]))
        #expect(try meets(curve, .keyType, ["ec"]) && !meets(curve, .keyType, ["RSA", "ed448"]))
        #expect(try meets(rsa, .keyType, ["RSA"]) && meets(edwards, .keyType, ["ed25519"]))
        #expect(meets(rsa, RuleCondition(minimumRSABits: 2_048)))
        #expect(!meets(rsa, RuleCondition(minimumRSABits: 3_072)))
        #expect(meets(curve, RuleCondition(minimumRSABits: 3_072)))
        #expect(meets(curve, RuleCondition(minimumECBits: 256)))
        #expect(!meets(curve, RuleCondition(minimumECBits: 384)))
        #expect(meets(edwards, RuleCondition(minimumECBits: 384)))
        for (key, value) in [
            (.keyType, "dsa"), (.policy, "none"), (.extendedKeyUsage, "client"), (.ip, "host"),
            (.certificate, "9f86"), (.issuer, "Issuing CA"), (.certificate, "# nothing"),
        ] as [(RuleCondition.TextKey, String)] {
            #expect(throws: RuleMistake.self, "\(value)") { try RuleCondition(key, [value]) }
        }
    }

    @Test("the certificate's age, and when that changes the verdict") func age() throws {
        let chain = try MintedChain().chain()
        let hour: Int64 = 3_600
        let now = MintedChain.now
        #expect(meets(chain, RuleCondition(maximumAge: 25 * hour)))
        #expect(!meets(chain, RuleCondition(maximumAge: 23 * hour)))
        let rules = RuleSet(
            name: "a",
            rules: [
                Rule(
                    name: "new", effect: .allow,
                    conditions: [RuleCondition(maximumAge: 25 * hour)]),
                Rule(
                    name: "newer", effect: .deny,
                    conditions: [RuleCondition(maximumAge: 2 * hour)]),
            ])
        let subject = RuleSubject(chain)
        let verdict = rules.judge(subject, at: now)
        #expect(verdict.isAllowed && verdict.changesAt == now + hour + 1)
        #expect(rules.judge(subject, at: now + hour).isAllowed)
        let later = rules.judge(subject, at: now + hour + 1)
        #expect(!later.isAllowed && later.changesAt == .max)
        #expect(rules.judge(.anonymous, at: now).changesAt == .max)
    }

    @Test("S10 several common names or SPIFFE URIs, and wildcards, allow nothing, but are denied")
    func doubt() throws {
        let minted = try MintedChain()
        let names = try minted.chain([.init("CN", "client1"), .init("CN", "admin")])
        for name in ["client1", "admin", "*"] {
            let condition = try RuleCondition(subject: "CN", [name])
            #expect(!meets(names, condition) && meets(names, condition, effect: .deny))
        }
        let identities = try minted.chain {
            $0.alternativeNames = [
                .uri("spiffe://example.org/a"), .uri("spiffe://other.org/b"),
                .dns("*.example.com"),
            ]
        }
        let cases: [(RuleCondition.TextKey, String)] = [
            (.spiffeTrustDomain, "example.org"), (.spiffeTrustDomain, "other.org"),
            (.spiffePath, "/b"), (.dns, "*.example.com"), (.dns, "*"),
        ]
        for (key, value) in cases {
            #expect(try !meets(identities, key, [value]), "\(key)")
            #expect(try meets(identities, key, [value], effect: .deny), "\(key)")
        }
    }

    @Test("S10 who has a control character or a NUL in a name is refused, whatever the rules say")
    func unreadable() throws {
        let minted = try MintedChain()
        for value in [[0x61, 0x0A, 0x62], [0x61, 0x00, 0x62], [0x61, 0xC2, 0x85]] as [[UInt8]] {
            let chain = try minted.chain([
                .init("O", bytes: value, isAlwaysUTF8: true), .init("CN", "client1"),
            ])
            let subject = RuleSubject(chain)
            let everybody = RuleSet(name: "a", rules: [Rule(name: "all", effect: .allow)])
            #expect(!everybody.judge(subject, at: MintedChain.now).isAllowed)
            let reporting = RuleSet(
                name: "a", rules: [Rule(name: "all", effect: .allow)], isReportOnly: true)
            let verdict = reporting.judge(subject, at: MintedChain.now)
            #expect(verdict.isAllowed && verdict.reported == .noRule)
        }
    }
}
