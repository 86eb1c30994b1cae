internal import Identity

/// One rule: whom it is about, and what becomes of them.
public struct Rule: Sendable {
    /// What becomes of those who meet all conditions.
    public enum Effect: String, Sendable { case allow, deny }

    /// Which clients a rule is about before its conditions are asked.
    public enum Client: String, CaseIterable, Sendable { case any, verified, anonymous }

    /// Its id: the name in the configuration, and in log lines.
    public let name: String
    /// What becomes of those it is about.
    public let effect: Effect
    /// Whether what it would refuse is only counted and logged.
    public let isReportOnly: Bool
    /// Which clients it is about.
    public let client: Client
    /// What a certificate has to meet, all of it. Anonymous clients meet no condition.
    public let conditions: [RuleCondition]

    /// The rule called `name`.
    public init(
        name: String, effect: Effect, isReportOnly: Bool = false, client: Client = .any,
        conditions: [RuleCondition] = []
    ) {
        self.name = name
        self.effect = effect
        self.isReportOnly = isReportOnly
        self.client = client
        self.conditions = conditions
    }

    /// Whether it is about `subject`, and which of its conditions that meets. Who cannot be read
    /// meets none.
    func match(
        _ subject: RuleSubject, at now: Int64
    ) -> (isMatch: Bool, conditions: [Bool]) {
        let isMeant =
            switch (client, subject) {
            case (.any, _), (.anonymous, .anonymous): true
            case (.verified, .certificate), (.verified, .unreadable): true
            case (.verified, .anonymous), (.anonymous, .certificate), (.anonymous, .unreadable):
                false
            }
        let met = conditions.map { condition in
            guard case .certificate(let attributes, let members) = subject else { return false }
            return condition.isMet(
                by: attributes, members, isForAllowing: effect == .allow, at: now)
        }
        return (isMeant && met.allSatisfy { $0 }, met)
    }
}

/// An authorizer made of rules: the first that is about a client decides; if none is, the client
/// is refused.
public final class RuleSet: Sendable {
    /// The name in the configuration, and in log lines.
    public let name: String
    /// The rules, in order.
    public let rules: [Rule]
    /// Whether nobody is refused, but only counted and logged.
    public let isReportOnly: Bool

    /// The authorizer called `name`.
    public init(name: String, rules: [Rule], isReportOnly: Bool = false) {
        self.name = name
        self.rules = rules
        self.isReportOnly = isReportOnly
    }

    /// What the rules say of `subject`, `now` in seconds since 1970.
    public func judge(_ subject: RuleSubject, at now: Int64) -> RuleVerdict {
        var verdict = RuleVerdict()
        verdict.changesAt = nextChange(subject, after: now)
        if case .unreadable = subject {
            refuse(&verdict)
            return verdict
        }
        for (index, rule) in rules.enumerated() where rule.match(subject, at: now).isMatch {
            if rule.isReportOnly {
                if verdict.reported == nil { verdict.reported = .rule(index) }
                continue
            }
            verdict.decidedBy = .rule(index)
            verdict.isAllowed = rule.effect == .allow
            break
        }
        if !verdict.isAllowed { refuse(&verdict) }
        return verdict
    }

    private func refuse(_ verdict: inout RuleVerdict) {
        guard isReportOnly else { return }
        verdict.isAllowed = true
        // Who is refused by a rule that counts matters more than who would be by one that does not.
        verdict.reported = verdict.decidedBy
    }

    /// When the next condition on the certificate's age fails, seconds since 1970.
    private func nextChange(_ subject: RuleSubject, after now: Int64) -> Int64 {
        guard case .certificate(let attributes, _) = subject else { return .max }
        let ends = rules.flatMap(\.conditions).compactMap(\.age)
            .map { attributes.notBefore + $0 + 1 }
        return ends.filter { $0 > now }.min() ?? .max
    }

    /// Name of what decided, for log lines.
    public func name(of source: RuleVerdict.Source) -> String {
        switch source {
        case .rule(let index): rules[index].name
        case .noRule: "(none)"
        }
    }
}

/// What an authorizer's rules say of a client.
public struct RuleVerdict: Equatable, Sendable {
    /// What decided.
    public enum Source: Equatable, Sendable {
        /// The rule at that position.
        case rule(Int)
        /// That no rule is about the client.
        case noRule
    }

    /// Whether the client may pass.
    public internal(set) var isAllowed = false
    /// What decided.
    public internal(set) var decidedBy = Source.noRule
    /// What would have refused the client, were it not there to report only.
    public internal(set) var reported: Source?
    /// From when on the verdict may be another, seconds since 1970.
    public internal(set) var changesAt = Int64.max
}

/// How one rule came to count or not, for explanations.
public struct RuleTrace: Equatable, Sendable {
    /// Name of the rule.
    public let rule: String
    /// `allow` or `deny`.
    public let effect: String
    /// Whether it only reports.
    public let isReportOnly: Bool
    /// Whether it is about the client.
    public let isMatch: Bool
    /// Its conditions, and whether the client meets each.
    public let conditions: [(name: String, isMet: Bool)]

    /// Whether both say the same.
    public static func == (left: RuleTrace, right: RuleTrace) -> Bool {
        left.rule == right.rule && left.effect == right.effect
            && left.isReportOnly == right.isReportOnly && left.isMatch == right.isMatch
            && left.conditions.elementsEqual(right.conditions, by: ==)
    }
}

extension RuleSet {
    /// Each rule's part in the verdict on `subject`, those behind the one that decides included.
    public func trace(_ subject: RuleSubject, at now: Int64) -> [RuleTrace] {
        rules.map { rule in
            let match = rule.match(subject, at: now)
            return RuleTrace(
                rule: rule.name, effect: rule.effect.rawValue, isReportOnly: rule.isReportOnly,
                isMatch: match.isMatch,
                conditions: zip(rule.conditions, match.conditions).map { ($0.name, $1) })
        }
    }
}
