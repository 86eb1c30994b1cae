import Authorization
import Crypto
import Identity
import TLS
import Testing

@Suite("the first rule that is about a client decides") struct RuleSetTests {
    private let now = MintedChain.now

    private func rule(
        _ name: String, _ effect: Rule.Effect, cn: String? = nil, ou: String? = nil,
        reportOnly: Bool = false, client: Rule.Client = .any
    ) throws -> Rule {
        var conditions: [RuleCondition] = []
        if let cn { conditions.append(try RuleCondition(subject: "CN", [cn])) }
        if let ou { conditions.append(try RuleCondition(subject: "OU", [ou])) }
        return Rule(
            name: name, effect: effect, isReportOnly: reportOnly, client: client,
            conditions: conditions)
    }

    private func subject(_ cn: String, ou: String = "Staff") throws -> RuleSubject {
        RuleSubject(try MintedChain().chain([.init("OU", ou), .init("CN", cn)]))
    }

    @Test("order decides, conditions are joined, and no rule means no")
    func order() throws {
        let rules = RuleSet(
            name: "staff",
            rules: [
                try rule("not-eve", .deny, cn: "eve"),
                try rule("staff", .allow, ou: "Staff"),
                try rule("guest-mallory", .allow, cn: "mallory", ou: "Guests"),
                try rule("nobody", .deny, cn: "zoe"),
            ])
        let cases: [(RuleSubject, Bool, String)] = [
            (try subject("alice"), true, "staff"), (try subject("eve"), false, "not-eve"),
            (try subject("zoe"), true, "staff"), (try subject("zoe", ou: "X"), false, "nobody"),
            (try subject("mallory", ou: "Guests"), true, "guest-mallory"),
            (try subject("bob", ou: "Guests"), false, "(none)"), (.anonymous, false, "(none)"),
        ]
        for (subject, isAllowed, name) in cases {
            let verdict = rules.judge(subject, at: now)
            #expect(verdict.isAllowed == isAllowed && rules.name(of: verdict.decidedBy) == name)
            #expect(verdict.reported == nil && verdict.changesAt == .max)
        }
    }

    @Test("a rule without conditions is about everybody it is meant for") func clients() throws {
        let known = try subject("alice")
        for (client, forKnown, forAnonymous) in [
            (.any, true, true), (.verified, true, false), (.anonymous, false, true),
        ] as [(Rule.Client, Bool, Bool)] {
            let rules = RuleSet(name: "a", rules: [try rule("r", .allow, client: client)])
            #expect(rules.judge(known, at: now).isAllowed == forKnown)
            #expect(rules.judge(.anonymous, at: now).isAllowed == forAnonymous)
        }
        let verified = RuleSet(name: "a", rules: [try rule("r", .allow, cn: "*", client: .any)])
        #expect(!verified.judge(.anonymous, at: now).isAllowed)
    }

    @Test("a rule that reports changes nothing, and the first of them is named")
    func reporting() throws {
        let rules = RuleSet(
            name: "a",
            rules: [
                try rule("weak", .deny, ou: "Interns", reportOnly: true),
                try rule("also", .deny, cn: "a*", reportOnly: true),
                try rule("not-eve", .deny, cn: "eve"), try rule("all", .allow),
            ])
        let intern = rules.judge(try subject("alice", ou: "Interns"), at: now)
        #expect(intern.isAllowed && intern.decidedBy == .rule(3) && intern.reported == .rule(0))
        let alice = rules.judge(try subject("alice"), at: now)
        #expect(alice.isAllowed && alice.reported == .rule(1))
        let eve = rules.judge(try subject("eve", ou: "Interns"), at: now)
        #expect(!eve.isAllowed && eve.decidedBy == .rule(2) && eve.reported == .rule(0))
        #expect(rules.judge(try subject("zoe"), at: now).reported == nil)
    }

    @Test("an authorizer that only reports refuses nobody, and says whom it would have")
    func reportOnly() throws {
        let rules = RuleSet(
            name: "a",
            rules: [try rule("not-eve", .deny, cn: "eve"), try rule("staff", .allow, ou: "Staff")],
            isReportOnly: true)
        let eve = rules.judge(try subject("eve"), at: now)
        #expect(eve.isAllowed && eve.decidedBy == .rule(0) && eve.reported == .rule(0))
        let guest = rules.judge(try subject("bob", ou: "Guests"), at: now)
        #expect(guest.isAllowed && guest.decidedBy == .noRule && guest.reported == .noRule)
        #expect(rules.judge(try subject("alice"), at: now).reported == nil)
        #expect(rules.judge(.anonymous, at: now).isAllowed)
    }

    @Test("each rule's part is told, behind the one that decides too") func traces() throws {
        let rules = RuleSet(
            name: "a",
            rules: [
                try rule("both", .allow, cn: "alice", ou: "Guests"), try rule("all", .allow),
                try rule("late", .deny, cn: "alice", reportOnly: true),
            ])
        let traces = rules.trace(try subject("alice"), at: now)
        #expect(traces.map(\.rule) == ["both", "all", "late"])
        #expect(traces.map(\.isMatch) == [false, true, true])
        #expect(traces[0].conditions.map(\.name) == ["subject.CN", "subject.OU"])
        #expect(traces[0].conditions.map(\.isMet) == [true, false])
        #expect(traces[2].isReportOnly && traces[2].effect == "deny")
        #expect(rules.trace(.anonymous, at: now).map(\.isMatch) == [false, true, false])
    }

    @Test("a route's verdicts: assurance first, each authorizer asked once")
    func routes() throws {
        let chain = try MintedChain().chain([.init("OU", "Staff"), .init("CN", "alice")])
        let strong = RuleSet(
            name: "strong",
            rules: [
                Rule(
                    name: "p384", effect: .allow, conditions: [RuleCondition(minimumECBits: 384)])
            ])
        let staff = RuleSet(name: "staff", rules: [try rule("staff", .allow, ou: "Staff")])
        let guests = RuleSet(name: "guests", rules: [try rule("guests", .allow, ou: "Guests")])
        let policies: [RoutePolicy?] = [
            nil, RoutePolicy(assurance: nil, authorizer: staff),
            RoutePolicy(assurance: strong, authorizer: guests),
            RoutePolicy(assurance: nil, authorizer: guests),
        ]
        let verdicts = try #require(RouteVerdicts(policies, chain, at: now))
        let expected: [Denial?] = [nil, nil, .assuranceUnmet, .notAuthorized]
        for (index, denial) in expected.enumerated() {
            let decision = Authorizer.decide(
                identity: .anonymous, requirement: .none, verdict: verdicts[index])
            switch decision {
            case .allow: #expect(denial == nil)
            case .ask: Issue.record("there is no service to ask")
            case .deny(let found): #expect(found == denial)
            }
            #expect(verdicts[index].isAllowed == (denial == nil))
        }
        #expect(RouteVerdicts([nil, nil], chain, at: now) == nil)
        // Who has to show a certificate and has none is not asked who it is.
        guard
            case .deny(.certificateRequired) = Authorizer.decide(
                identity: .anonymous, requirement: .verifiedCertificate, verdict: verdicts[1])
        else {
            Issue.record("the wrong decision")
            return
        }
    }
}
