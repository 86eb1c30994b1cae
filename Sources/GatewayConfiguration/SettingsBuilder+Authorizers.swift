import Authorization
import Core
import TLS

extension SettingsBuilder {
    mutating func authorizer(_ name: String) -> AuthorizerSettings {
        let base = "authorizers.\(name)."
        var authorizer = AuthorizerSettings()
        authorizer.name = name
        let type = reader.choice(base + "type")
        checkKeys(of: type, base)
        guard type == "rules" else {
            authorizer.external = externalAuthorizer(isFunction: type == "lambda", base)
            return authorizer
        }
        authorizer.isReportOnly = reader.flag(base + "reportOnly")
        authorizer.rules = reader.names(below: base + "rules").map { name in
            rule(name, base + "rules.\(name).")
        }
        if authorizer.rules.isEmpty {
            reader.fail(
                base + "rules",
                "at least one rule is required: without any, everybody would be refused")
        }
        return authorizer
    }

    /// The authorizer that the key at `path` names; nil for none.
    mutating func authorizerIndex(_ path: String) -> Int? {
        guard reader.isGiven(path) else { return nil }
        let name = reader.text(path) ?? ""
        guard !name.isEmpty else {
            reader.fail(path, "is empty: name an authorizer, or leave the key out")
            return nil
        }
        let names = settings.authorizers.map(\.name)
        guard let index = names.firstIndex(of: name) else {
            reader.fail(path, unknown("authorizer", name, names))
            return nil
        }
        return index
    }

    /// The same for an assurance, which only rules can judge: it is about the certificate alone.
    mutating func assuranceIndex(_ path: String) -> Int? {
        guard let index = authorizerIndex(path) else { return nil }
        guard reader.choice("authorizers.\(settings.authorizers[index].name).type") == "rules"
        else {
            reader.fail(
                path, "'\(settings.authorizers[index].name)' asks a service; rules are required")
            return nil
        }
        return index
    }

    private mutating func rule(_ name: String, _ base: String) -> AuthorizerSettings.Rule {
        let effect = Rule.Effect(rawValue: reader.choice(base + "effect")) ?? .deny
        let isReportOnly = reader.flag(base + "reportOnly")
        if isReportOnly, effect == .allow {
            reader.fail(base + "reportOnly", "has no effect: only a rule that denies reports")
        }
        let client = Rule.Client(rawValue: reader.choice(base + "client")) ?? .any
        let conditions = conditions(base)
        let trustStores = trustStores(base)
        if client == .anonymous, !conditions.isEmpty || !trustStores.isEmpty {
            reader.fail(
                base + "client",
                "'anonymous' contradicts the rule's conditions, which only certificates meet")
        }
        if effect == .allow, conditions.isEmpty, trustStores.isEmpty {
            refuseZeros(base)
        }
        return .init(
            rule: Rule(
                name: name, effect: effect, isReportOnly: isReportOnly, client: client,
                conditions: conditions), trustStores: trustStores)
    }

    /// A rule that says how long keys are, but asks for no length, would allow everybody.
    private mutating func refuseZeros(_ base: String) {
        for key in ["minimumRSABits", "minimumECBits"] where reader.isGiven(base + key) {
            guard reader.integer(base + key) == 0 else { continue }
            reader.fail(
                base + key, "0 leaves the rule without a condition, so that everybody is allowed")
        }
    }

    private mutating func trustStores(_ base: String) -> [TrustStoreOptions] {
        let known = reader.names(below: "trustStores")
        var stores: [TrustStoreOptions] = []
        for name in listed(base + "trustStore") {
            guard known.contains(name) else {
                reader.fail(base + "trustStore", unknown("trust store", name, known))
                continue
            }
            stores.append(trustStore("trustStores.\(name)."))
        }
        return stores
    }

    private mutating func conditions(_ base: String) -> [RuleCondition] {
        var conditions: [RuleCondition] = []
        for key in RuleCondition.TextKey.allCases {
            let path = base + key.rawValue
            let values = listed(path)
            guard !values.isEmpty else { continue }
            do throws(RuleMistake) {
                conditions.append(try RuleCondition(key, values))
            } catch {
                reader.fail(path, error.message)
            }
        }
        let types = reader.names(below: base + "subject")
        if types.isEmpty, reader.hasSection(base + "subject") {
            // No condition at all would be met by everybody.
            reader.fail(
                base + "subject",
                "is empty: name at least one attribute, such as CN, or leave the key out")
        }
        for type in types {
            let path = base + "subject.\(type)"
            do throws(RuleMistake) {
                conditions.append(try RuleCondition(subject: type, listed(path)))
            } catch {
                reader.fail(path, error.message)
            }
        }
        let rsaBits = reader.integer(base + "minimumRSABits")
        if rsaBits > 0 { conditions.append(RuleCondition(minimumRSABits: rsaBits)) }
        let curveBits = reader.integer(base + "minimumECBits")
        if curveBits > 0 { conditions.append(RuleCondition(minimumECBits: curveBits)) }
        if reader.isGiven(base + "maximumAge") {
            let age = reader.duration(base + "maximumAge")
            conditions.append(RuleCondition(maximumAge: Int64(age.count / 1_000_000_000)))
        }
        return conditions
    }

    /// The list at `path`. An empty one would be met by nobody, which is hardly meant.
    private mutating func listed(_ path: String) -> [String] {
        let values = reader.list(path)
        if values.isEmpty, reader.isGiven(path) {
            reader.fail(path, "is empty: name at least one value, or leave the key out")
        }
        return values
    }
}
