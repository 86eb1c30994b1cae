/// What is wrong with a template, and where.
public struct TemplateMistake: Error, Equatable, Sendable {
    /// Character of the template, from 1.
    public let position: Int
    /// What is wrong, and what is allowed.
    public let reason: String
}

/// A header value with places for what the certificate says: `{subject.OU}/{subject.CN}`.
///
/// `{{` and `}}` are braces. Everything is checked when it is parsed; rendering fails only for what
/// a certificate says.
public struct IdentityTemplate: Sendable {
    /// Variables with a part to fill in: a type or OID, or a number from 0, or from -1 backwards.
    public static var patterns: [String] { TemplateVariable.patterns }

    private enum Piece {
        case literal([UInt8])
        case variable(TemplateVariable)
    }

    private let pieces: [Piece]
    private let encoding: HeaderEncoding
    private let fallback: [UInt8]?

    /// Parses `text`.
    ///
    /// - Parameter fallback: The value, as it is, where a variable has none; nil sends no header.
    public init(
        _ text: String, encoding: HeaderEncoding = .raw, fallback: String? = nil
    ) throws(TemplateMistake) {
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        let characters = Array(text)
        var index = 0
        func mistake(_ reason: String) -> TemplateMistake {
            TemplateMistake(position: index + 1, reason: reason)
        }
        while index < characters.count {
            let character = characters[index]
            if character == "{" || character == "}",
                index + 1 < characters.count, characters[index + 1] == character
            {
                literal += Array(String(character).utf8)
                index += 2
            } else if character == "{" {
                guard let end = characters[index...].firstIndex(of: "}") else {
                    throw mistake("'{' has no '}'; for a brace write '{{'")
                }
                let name = String(characters[(index + 1)..<end])
                guard let variable = TemplateVariable.named(name) else {
                    throw mistake(
                        "there is no variable '\(name)'; known are "
                            + TemplateVariable.names.joined(separator: ", "))
                }
                guard variable.kind != .bytes || encoding != .raw else {
                    throw mistake("'\(name)' is no text: choose an encoding other than raw")
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = []
                pieces.append(.variable(variable))
                index = end + 1
            } else {
                guard character != "}" else {
                    throw mistake("'}' has no '{'; for a brace write '}}'")
                }
                guard character.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
                    throw mistake("only printable ASCII may stand here")
                }
                literal += Array(character.utf8)
                index += 1
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        guard !pieces.isEmpty else { throw mistake("the template is empty") }
        guard encoding != .raw || characters.first != " " && characters.last != " " else {
            throw mistake("HTTP strips blanks at the ends of a value")
        }
        self.pieces = pieces
        self.encoding = encoding
        self.fallback = fallback.map { Array($0.utf8) }
    }

    /// The value for `input`; nil where a variable has none and nothing stands for it.
    func render(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        var values: [TemplateVariable.Value] = []
        for piece in pieces {
            switch piece {
            case .literal(let bytes): values.append(.init(bytes: bytes, kind: .text))
            case .variable(let variable):
                guard let value = try variable.value(input) else { return fallback }
                values.append(.init(bytes: value, kind: variable.kind))
            }
        }
        return try encoding.encode(values)
    }
}

extension IdentityHeader {
    /// The header `name` with the value of `template`.
    ///
    /// - Parameter fallback: The value, as it is, where a variable has none; nil sends no header.
    public init(
        name: String, template: String, encoding: HeaderEncoding = .raw, fallback: String? = nil
    ) throws(IdentityError) {
        if let fallback {
            guard !fallback.isEmpty, !fallback.hasPrefix(" "), !fallback.hasSuffix(" "),
                fallback.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
            else { throw .invalidDefault }
        }
        let parsed: IdentityTemplate
        do throws(TemplateMistake) {
            parsed = try IdentityTemplate(template, encoding: encoding, fallback: fallback)
        } catch {
            throw .template(error)
        }
        let identity = [template, encoding.rawValue, fallback.map { "=\($0)" } ?? ""]
        try self.init(
            name: name,
            format: IdentityFormat(name: identity.joined(separator: "\n")) {
                (input) throws(IdentityError) in try parsed.render(input)
            })
    }
}
