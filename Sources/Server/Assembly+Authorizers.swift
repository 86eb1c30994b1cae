import Authorization
import Core
import EventLoop
import GatewayConfiguration
import TLS

extension Assembly {
    /// The authorizers that routes of `host` name, by their place in the settings.
    func authorizers(
        of host: VirtualHostSettings
    ) throws(GatewayError) -> [Int: RuleSet] {
        var authorizers: [Int: RuleSet] = [:]
        for index in host.routes.flatMap({ [$0.authorizer, $0.assurance] }).compactMap({ $0 })
        where authorizers[index] == nil && settings.authorizers[index].external == nil {
            authorizers[index] = try ruleSet(settings.authorizers[index])
        }
        return authorizers
    }

    func policy(of route: RouteSettings, _ authorizers: [Int: RuleSet]) -> RoutePolicy? {
        let assurance = route.assurance.flatMap { authorizers[$0] }
        let authorizer = route.authorizer.flatMap { authorizers[$0] }
        guard assurance != nil || authorizer != nil else { return nil }
        return RoutePolicy(assurance: assurance, authorizer: authorizer)
    }

    private func ruleSet(_ settings: AuthorizerSettings) throws(GatewayError) -> RuleSet {
        var rules: [Rule] = []
        for entry in settings.rules {
            let rule = entry.rule
            var conditions = rule.conditions
            if !entry.trustStores.isEmpty {
                conditions.append(RuleCondition(anchors: try anchors(entry, of: settings)))
            }
            rules.append(
                Rule(
                    name: rule.name, effect: rule.effect, isReportOnly: rule.isReportOnly,
                    client: rule.client, conditions: conditions))
        }
        return RuleSet(name: settings.name, rules: rules, isReportOnly: settings.isReportOnly)
    }

    private func anchors(
        _ rule: AuthorizerSettings.Rule, of authorizer: AuthorizerSettings
    ) throws(GatewayError) -> Set<Fingerprint> {
        var anchors: Set<Fingerprint> = []
        for store in rule.trustStores {
            do throws(TLSConfigurationError) {
                var store = withContents(store)
                // Who is denied by a store is so the longer (S20).
                if rule.rule.effect == .deny { store.suspended = [] }
                anchors.formUnion(try store.fingerprints(at: judgedAt))
            } catch {
                throw GatewayError(
                    "rule '\(rule.rule.name)' of authorizer '\(authorizer.name)': \(error)")
            }
        }
        return anchors
    }
}
