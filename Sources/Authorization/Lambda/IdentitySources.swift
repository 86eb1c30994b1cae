/// The values of a request by which an authorizer function knows the client, in order.
///
/// When one is missing or empty, the answer is 401 and the function is not asked.
public struct IdentitySources: Equatable, Sendable {
    private let expressions: [MappingExpression]

    /// Parses `sources`: `method.request.header.NAME`, `method.request.querystring.NAME`,
    /// `stageVariables.NAME`, `context.NAME`, for HTTP APIs with `$` and without `method.`. What
    /// the authorizer says itself, the path, and fixed texts are no sources.
    public init(
        _ sources: [String], _ dialect: MappingExpression.Dialect
    ) throws(MappingError) {
        var expressions: [MappingExpression] = []
        for source in sources {
            let expression = try MappingExpression(source, dialect)
            guard expression.parts.count == 1, Self.isSource(expression.parts[0]) else {
                throw .unknownSource(
                    source, allowed: "a header, a query parameter, a stage variable or context.NAME"
                )
            }
            expressions.append(expression)
        }
        self.expressions = expressions
    }

    /// Whether there is none.
    public var isEmpty: Bool { expressions.isEmpty }

    /// The values for a request; nil when one of them is missing or empty.
    public func values(_ input: MappingInput) -> [String]? {
        var values: [String] = []
        for expression in expressions {
            guard let value = expression.evaluate(input), !value.isEmpty else { return nil }
            values.append(value)
        }
        return values
    }

    private static func isSource(_ source: MappingExpression.Source) -> Bool {
        switch source {
        case .field, .parameter, .stageVariable, .variable: true
        case .path, .authorizer, .text: false
        }
    }
}
