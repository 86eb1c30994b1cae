/// An IAM policy as authorizer functions return it, kept to be asked again for other methods.
public struct IAMPolicy: Equatable, Sendable {
    /// What a policy says of a request.
    public enum Verdict: Equatable, Sendable {
        /// A statement allows it, and none denies it.
        case allow
        /// A statement denies it, whatever others say.
        case explicitDeny
        /// No statement is about it.
        case implicitDeny
    }

    struct Statement: Equatable, Sendable {
        var isAllow: Bool
        var actions: Patterns
        var resources: Patterns
    }

    /// What a statement is about: all that is like one of the patterns, or all that is like none.
    struct Patterns: Equatable, Sendable {
        var patterns: [WildcardPattern]
        var isInverted: Bool

        func cover(_ text: [UInt8], ignoringCase: Bool) -> Bool {
            patterns.contains { $0.matches(text, ignoringCase: ignoringCase) } != isInverted
        }
    }

    let statements: [Statement]

    /// The only action there is.
    private static let invoke = Array("execute-api:Invoke".utf8)

    /// What it says of invoking `resource`, an ARN. Actions are compared without case.
    public func evaluate(resource: String) -> Verdict {
        let resource = Array(resource.utf8)
        var isAllowed = false
        for statement in statements
        where statement.actions.cover(Self.invoke, ignoringCase: true)
            && statement.resources.cover(resource, ignoringCase: false)
        {
            guard statement.isAllow else { return .explicitDeny }
            isAllowed = true
        }
        return isAllowed ? .allow : .implicitDeny
    }
}

extension IAMPolicy {
    /// Bytes of all patterns of a policy together, which bounds what a look at it costs.
    public static let patternLimit = 16_384
    /// Bytes of one resource.
    public static let resourceLimit = 512

    /// The policy that `document` is.
    ///
    /// An element that is not known here could narrow a statement, so it makes the policy
    /// unusable: `Condition` among them.
    init(_ document: JSONValue) throws(LambdaAnswer.Problem) {
        guard case .object(let members) = document, let statement = document["Statement"] else {
            throw .malformed("policyDocument has no Statement")
        }
        for member in members where !["Version", "Id", "Statement"].contains(member.name) {
            throw .malformed("policyDocument has an unknown element")
        }
        var room = Self.patternLimit
        var statements: [Statement] = []
        switch statement {
        case .array(let items):
            for item in items { statements.append(try Statement(item, &room)) }
        default: statements.append(try Statement(statement, &room))
        }
        self.statements = statements
    }
}

extension IAMPolicy.Statement {
    private static let elements = [
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource",
    ]

    fileprivate init(_ value: JSONValue, _ room: inout Int) throws(LambdaAnswer.Problem) {
        guard case .object(let members) = value else {
            throw .malformed("a statement is no object")
        }
        for member in members where !Self.elements.contains(member.name) {
            throw .malformed(
                member.name == "Condition"
                    ? "a statement has a Condition" : "a statement has an unknown element")
        }
        switch value["Effect"]?.text?.lowercased() {
        case "allow": isAllow = true
        case "deny": isAllow = false
        default: throw .malformed("an Effect is neither Allow nor Deny")
        }
        actions = try Self.patterns(value["Action"], value["NotAction"], .max, &room)
        resources = try Self.patterns(
            value["Resource"], value["NotResource"], IAMPolicy.resourceLimit, &room)
    }

    private static func patterns(
        _ wanted: JSONValue?, _ unwanted: JSONValue?, _ limit: Int, _ room: inout Int
    ) throws(LambdaAnswer.Problem) -> IAMPolicy.Patterns {
        guard let value = wanted ?? unwanted, wanted == nil || unwanted == nil else {
            throw .malformed("a statement needs one Action and one Resource")
        }
        let items: [JSONValue]
        if case .array(let list) = value { items = list } else { items = [value] }
        guard !items.isEmpty else { throw .malformed("a list in a statement is empty") }
        var patterns: [WildcardPattern] = []
        for item in items {
            guard let text = item.text, !text.isEmpty, text.utf8.count <= limit else {
                throw .malformed("an Action or Resource is no text, or too long")
            }
            room -= text.utf8.count
            guard room >= 0 else { throw .malformed("the policy is too long") }
            patterns.append(WildcardPattern(text, hasEscapes: false))
        }
        return .init(patterns: patterns, isInverted: wanted == nil)
    }
}
