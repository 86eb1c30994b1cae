/// Header fields that a request gets by mapping expressions, in order.
///
/// Their names are owned on every route to the upstream: a client's own fields of these names, in
/// any spelling, are removed before (S28).
public struct FieldMapping: Sendable {
    private let entries: [(name: String, expression: MappingExpression?)]

    /// Names that no client may send, for the header firewall.
    public var ownedNames: [String] { entries.map(\.name) }

    /// Whether a value is another for each request, even where a request is repeated.
    var isOfOneRequest: Bool {
        entries.contains { entry in
            entry.expression?.parts.contains { part in
                guard case .variable(let variable) = part else { return false }
                return [.requestId, .requestTime, .requestTimeEpoch].contains(variable)
            } ?? false
        }
    }

    /// What an HTTP API refuses to map to ("Transform API requests", reserved headers); a name
    /// that ends in `-` is a family.
    private static let reserved = [
        "access-control-", "apigw-", "authorization", "content-encoding", "content-location",
        "forwarded", "origin", "x-amz-", "x-amzn-", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "via",
    ]

    /// The mapping of `pairs`: targets (`integration.request.header.NAME`, or
    /// `append:header.NAME`, `overwrite:header.NAME`, `remove:header.NAME`) and expressions.
    public init(
        _ pairs: [(target: String, expression: String)], _ dialect: MappingExpression.Dialect
    ) throws(MappingError) {
        var entries: [(name: String, expression: MappingExpression?)] = []
        for pair in pairs {
            let target = try Self.target(pair.target, dialect)
            try Self.check(target.name, dialect)
            guard
                !entries.contains(where: {
                    MappedName.folded($0.name) == MappedName.folded(target.name)
                })
            else { throw .duplicateTarget(target.name) }
            let expression =
                target.isRemoved ? nil : try MappingExpression(pair.expression, dialect)
            entries.append((target.name, expression))
        }
        self.entries = entries
    }

    /// The fields for a request; those without a value are left out.
    public func fields(
        _ input: MappingInput
    ) throws(MappingError) -> [AuthorizationRequest.Field] {
        var fields: [AuthorizationRequest.Field] = []
        for entry in entries {
            guard let value = entry.expression?.evaluate(input), !value.isEmpty else { continue }
            guard MappedName.isLegal(value) else { throw .illegalValue(name: entry.name) }
            fields.append(.init(entry.name, value))
        }
        return fields
    }

    private static func target(
        _ text: String, _ dialect: MappingExpression.Dialect
    ) throws(MappingError) -> (name: String, isRemoved: Bool) {
        let prefixes: [(text: String, isRemoved: Bool)] =
            switch dialect {
            case .rest: [("integration.request.header.", false)]
            case .http:
                [
                    ("append:header.", false), ("overwrite:header.", false),
                    ("remove:header.", true),
                ]
            }
        for prefix in prefixes where text.hasPrefix(prefix.text) {
            return (String(text.dropFirst(prefix.text.count)), prefix.isRemoved)
        }
        throw .unknownTarget(text)
    }

    private static func check(
        _ name: String, _ dialect: MappingExpression.Dialect
    ) throws(MappingError) {
        try MappedName.check(name)
        let folded = MappedName.folded(name)
        guard dialect == .http else { return }
        for reserved in reserved
        where reserved.hasSuffix("-") ? folded.hasPrefix(reserved) : folded == reserved {
            throw .reservedName(name)
        }
    }
}
