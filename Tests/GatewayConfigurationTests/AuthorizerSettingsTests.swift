import Authorization
import Foundation
import GatewayConfiguration
import TLS
import Testing

@Suite("authorizers in the configuration") struct AuthorizerSettingsTests {
    private func load(
        _ authorizers: String, route: String = "authorize: staff",
        environment: [String: String] = [:]
    ) throws -> GatewaySettings {
        try ConfigurationText.load(
            ConfigurationText.minimal(route: route) + "\n" + authorizers, environment: environment)
    }

    private func mistakes(_ authorizers: String, route: String = "authorize: staff") -> String {
        do {
            _ = try load(authorizers, route: route)
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("rules keep the order of the file, with their conditions") func rules() throws {
        let settings = try load(
            """
            authorizers:
              staff:
                reportOnly: true
                rules:
                  zebra: {effect: deny, reportOnly: true, subject: {OU: [Interns], CN: ["x*"]}}
                  apple: {effect: allow, client: verified, dns: ["*.a.example"],
                          minimumRSABits: 3072, maximumAge: 24h, trustStore: [clients]}
                  last: {effect: allow, client: anonymous}
              strong: {rules: {ec: {effect: allow, keyType: [ec]}}}
            """, route: "authorize: staff, assurance: strong")
        let staff = settings.authorizers[0]
        #expect(settings.authorizers.map(\.name) == ["staff", "strong"] && staff.isReportOnly)
        #expect(staff.rules.map(\.rule.name) == ["zebra", "apple", "last"])
        #expect(staff.rules.map(\.rule.effect) == [.deny, .allow, .allow])
        #expect(staff.rules.map(\.rule.isReportOnly) == [true, false, false])
        #expect(staff.rules.map(\.rule.client) == [.any, .verified, .anonymous])
        #expect(staff.rules[0].rule.conditions.map(\.name) == ["subject.OU", "subject.CN"])
        #expect(
            staff.rules[1].rule.conditions.map(\.name)
                == ["dns", "minimumRSABits", "maximumAge"])
        #expect(staff.rules[1].trustStores.count == 1)
        #expect(staff.rules[1].trustStores[0].sources == settings.virtualHosts[0].trust?.sources)
        let route = settings.virtualHosts[0].routes[0]
        #expect(route.authorizer == 0 && route.assurance == 1)
        let changed = try load(
            "authorizers: {staff: {rules: {all: {effect: allow}}}}",
            environment: ["POSTERN_AUTHORIZERS__STAFF__RULES__ALL__EFFECT": "deny"])
        #expect(changed.authorizers[0].rules[0].rule.effect == .deny)
    }

    static let wrong: [(String, String)] = [
        ("all: {effect: permit}", "rules.all.effect: 'permit' is not one of allow, deny"),
        ("all: {subject: {CN: [x]}}", "rules.all.effect: '' is not one of allow, deny"),
        ("all: {effect: allow, reportOnly: true}", "rules.all.reportOnly: has no effect"),
        ("all: {effect: allow, dns: []}", "rules.all.dns: is empty"),
        ("all: {effect: allow, client: anonymous, dns: [x]}", "rules.all.client: 'anonymous'"),
        ("all: {effect: allow, subject: {CNN: [x]}}", "subject.CNN: 'CNN' is no attribute"),
        ("all: {effect: allow, issuer: [Acme]}", "rules.all.issuer: 'Acme': an attribute has no"),
        ("all: {effect: allow, certificate: [x]}", "rules.all.certificate: 'x': the line begins"),
        ("all: {effect: allow, ip: [x]}", "rules.all.ip: 'x' is no address"),
        ("all: {effect: allow, trustStore: [x]}", "there is no trust store 'x'"),
        ("all: {effect: allow, maximumAge: 0}", "rules.all.maximumAge: must be longer than 0"),
        ("all: {effect: allow, spiffe: [x]}", "unknown key 'spiffe'"),
    ]

    /// What is written but asks for nothing must not make a rule that everybody meets.
    static let empty: [(String, String)] = [
        ("all: {effect: allow, subject: {}}", "rules.all.subject: is empty"),
        ("all: {effect: allow, subject: }", "rules.all.subject: is empty"),
        ("all: {effect: allow, client: verified, subject: {}}", "rules.all.subject: is empty"),
        ("all: {effect: deny, subject: {}}", "rules.all.subject: is empty"),
        ("all: {effect: allow, subject: {}, dns: [x]}", "rules.all.subject: is empty"),
        ("all: {effect: allow, subject: {CN: []}}", "rules.all.subject.CN: is empty"),
        ("all: {effect: allow, subject: {CN: }}", "rules.all.subject.CN: is empty"),
        ("all: {effect: allow, trustStore: []}", "rules.all.trustStore: is empty"),
        ("all: {effect: allow, dns: }", "rules.all.dns: is empty"),
        ("all: {effect: allow, minimumRSABits: 0}", "rules.all.minimumRSABits: 0 leaves"),
        ("all: {effect: allow, minimumECBits: 0}", "rules.all.minimumECBits: 0 leaves"),
    ]

    @Test("a condition that asks for nothing is a mistake, not a rule for all", arguments: empty)
    func emptyConditions(rule: String, expected: String) {
        let found = mistakes("authorizers:\n  staff:\n    rules:\n      \(rule)\n")
        #expect(found.contains(expected), "\(found)")
        #expect(found.contains(#/a\.yaml:[0-9]+:[0-9]+: /#), "\(found)")
    }

    @Test("a 0 beside another condition leaves that one") func zeroBeside() throws {
        let settings = try load(
            "authorizers: {staff: {rules: {all: {effect: allow, minimumRSABits: 0, dns: [x]}}}}")
        #expect(settings.authorizers[0].rules[0].rule.conditions.map(\.name) == ["dns"])
    }

    @Test(
        "a route that names no authorizer leaves the key out",
        arguments: ["authorize", "assurance"])
    func unnamed(key: String) {
        let one = "authorizers: {staff: {rules: {all: {effect: allow}}}}"
        for value in ["\"\"", ""] {
            let found = mistakes(one, route: "\(key): \(value)")
            #expect(found.contains("\(key): is empty: name an authorizer"), "\(found)")
        }
    }

    @Test("mistakes are named with their place, key and what is allowed", arguments: wrong)
    func mistakes(rule: String, expected: String) {
        let found = mistakes("authorizers:\n  staff:\n    rules:\n      \(rule)\n")
        #expect(found.contains(expected), "\(found)")
        #expect(found.contains("a.yaml:"), "\(found)")
    }

    @Test("a route names an authorizer that there is, which has rules") func names() {
        let one = "authorizers: {staff: {rules: {all: {effect: allow}}}}"
        #expect(mistakes(one) == "accepted")
        #expect(
            mistakes(one, route: "authorize: stuff").contains(
                "authorize: there is no authorizer 'stuff' (did you mean 'staff'?)"))
        #expect(
            mistakes(one, route: "assurance: x").contains("assurance: there is no authorizer"))
        #expect(
            mistakes("authorizers: {staff: {reportOnly: true}}").contains("at least one rule"))
    }
}
