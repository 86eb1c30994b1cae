/// Patterns for texts whose case counts, but never lets anybody escape: a rule that allows compares
/// them as they are written, one that denies without case as well.
struct TextPatterns: Sendable {
    private let exact: [WildcardPattern]
    private let folded: [WildcardPattern]

    init(_ values: [String]) throws(RuleMistake) {
        exact = try Self.patterns(values)
        folded = try Self.patterns(values.map(Self.folded))
    }

    /// `text` in one case. Letters with several lower cases, as s and \u{17f} are of S, have one
    /// upper case.
    private static func folded(_ text: String) -> String { text.uppercased().lowercased() }

    /// Whether one of them is like one of `texts`.
    func match(anyOf texts: [String], isForAllowing: Bool) -> Bool {
        texts.contains { text in
            Self.matches(text, exact) || !isForAllowing && Self.matches(Self.folded(text), folded)
        }
    }

    private static func matches(_ text: String, _ patterns: [WildcardPattern]) -> Bool {
        let bytes = Array(text.utf8)
        return patterns.contains { $0.matches(bytes) }
    }

    /// A pattern for each of `values`.
    static func patterns(_ values: [String]) throws(RuleMistake) -> [WildcardPattern] {
        for value in values where value.isEmpty {
            throw RuleMistake(message: "an empty text matches nothing")
        }
        return values.map { WildcardPattern($0) }
    }
}
