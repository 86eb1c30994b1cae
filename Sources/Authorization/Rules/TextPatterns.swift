/// Patterns for texts whose case counts, but never lets anybody escape: a rule that allows compares
/// them as they are written, one that denies without case.
struct TextPatterns: Sendable {
    private let exact: [WildcardPattern]
    private let folded: [WildcardPattern]

    init(_ values: [String]) throws(RuleMistake) {
        exact = try Self.patterns(values)
        folded = try Self.patterns(values.map { $0.lowercased() })
    }

    /// Whether one of them is like one of `texts`.
    func match(anyOf texts: [String], isForAllowing: Bool) -> Bool {
        let patterns = isForAllowing ? exact : folded
        return texts.contains { text in
            let bytes = Array((isForAllowing ? text : text.lowercased()).utf8)
            return patterns.contains { $0.matches(bytes) }
        }
    }

    /// A pattern for each of `values`.
    static func patterns(_ values: [String]) throws(RuleMistake) -> [WildcardPattern] {
        for value in values where value.isEmpty {
            throw RuleMistake(message: "an empty text matches nothing")
        }
        return values.map { WildcardPattern($0) }
    }
}
