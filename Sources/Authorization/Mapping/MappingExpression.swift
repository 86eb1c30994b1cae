/// Where a mapped value comes from, in API Gateway's words.
///
///     method.request.header.NAME        REST APIs
///     context.authorizer.NAME
///     'static'
///     $request.header.NAME              HTTP APIs
///     $context.authorizer.NAME
///     ${context.requestId}-${request.querystring.NAME}
public struct MappingExpression: Equatable, Sendable {
    /// Whose grammar it is.
    public enum Dialect: Sendable {
        /// Without `$`; fixed texts in single quotes.
        case rest
        /// With `$`; all else is fixed text.
        case http
    }

    /// One value of a request.
    enum Source: Equatable, Sendable {
        /// The last value of a field, or all of them, joined by commas.
        case field(String, isWhole: Bool)
        /// The last value of a parameter of the query, or all of them, joined by commas.
        case parameter(String, isWhole: Bool)
        case path
        case stageVariable(String)
        /// A value of the authorizer's context.
        case authorizer(String)
        case variable(ContextVariable)
        case text(String)
    }

    let parts: [Source]

    /// Parses `text`.
    public init(_ text: String, _ dialect: Dialect) throws(MappingError) {
        switch dialect {
        case .rest: parts = [try Self.restSource(text)]
        case .http: parts = try Self.httpParts(text)
        }
    }

    /// The value for a request; nil when it has none. Of an expression in several parts, those
    /// without a value are empty.
    public func evaluate(_ input: MappingInput) -> String? {
        if parts.count == 1 { return input.value(of: parts[0]) }
        return parts.map { input.value(of: $0) ?? "" }.joined()
    }

    // MARK: REST

    private static let restAllowed =
        "method.request.header.NAME, method.request.querystring.NAME, stageVariables.NAME, "
        + "context.NAME or 'text'"

    private static func restSource(_ text: String) throws(MappingError) -> Source {
        if text.utf8.count >= 2, text.hasPrefix("'"), text.hasSuffix("'") {
            return .text(String(text.dropFirst().dropLast()))
        }
        let source =
            name(text, "method.request.header.").map { Source.field($0, isWhole: false) }
            ?? name(text, "method.request.multivalueheader.").map { .field($0, isWhole: true) }
            ?? name(text, "method.request.querystring.").map { .parameter($0, isWhole: false) }
            ?? name(text, "method.request.multivaluequerystring.").map {
                .parameter($0, isWhole: true)
            }
            ?? shared(text)
        guard let source else { throw .unknownSource(text, allowed: restAllowed) }
        return source
    }

    // MARK: HTTP

    private static let httpAllowed =
        "$request.header.NAME, $request.querystring.NAME, $request.path, $stageVariables.NAME, "
        + "$context.NAME, text, or these in ${…}"

    private static func httpParts(_ text: String) throws(MappingError) -> [Source] {
        if text.hasPrefix("$"), !text.hasPrefix("${") {
            return [try httpSource(text.dropFirst())]
        }
        var parts: [Source] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if start.lowerBound > rest.startIndex {
                parts.append(.text(String(rest[..<start.lowerBound])))
            }
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "}") else {
                throw .unknownSource(text, allowed: "a '}' for each '${'")
            }
            parts.append(try httpSource(rest[..<end]))
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty || parts.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    private static func httpSource(_ text: Substring) throws(MappingError) -> Source {
        let text = String(text)
        if text == "request.path" { return .path }
        let source =
            name(text, "request.header.").map { Source.field($0, isWhole: true) }
            ?? name(text, "request.querystring.").map { .parameter($0, isWhole: true) }
            ?? shared(text)
        guard let source else { throw .unknownSource("$" + text, allowed: httpAllowed) }
        return source
    }

    // MARK: Both

    private static func shared(_ text: String) -> Source? {
        if let name = name(text, "stageVariables.") { return .stageVariable(name) }
        if let name = name(text, "context.authorizer.") { return .authorizer(name) }
        guard text.hasPrefix("context.") else { return nil }
        return ContextVariable(rawValue: String(text.dropFirst("context.".count)))
            .map { .variable($0) }
    }

    /// What follows `prefix`, if it is a name: `^[a-zA-Z0-9._$-]+$`.
    private static func name(_ text: String, _ prefix: String) -> String? {
        guard text.hasPrefix(prefix) else { return nil }
        let name = text.dropFirst(prefix.count)
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "._$-".utf8.contains(byte)
            }
        }
        return isName && !name.isEmpty ? String(name) : nil
    }
}
