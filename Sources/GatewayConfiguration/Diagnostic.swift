/// Where something stands in a configuration: a place in a file, a variable or a flag.
public struct Origin: Sendable, Equatable, Hashable {
    /// File name, `environment`, or `--set`.
    public var source: String
    /// Line, from 1; 0 when there is none.
    public var line = 0
    /// Column, from 1; 0 when there is none.
    public var column = 0

    /// The place in `source`.
    public init(source: String, line: Int = 0, column: Int = 0) {
        self.source = source
        self.line = line
        self.column = column
    }
}

/// One mistake in a configuration, or something in it that deserves a look.
public struct Diagnostic: Sendable, Equatable, CustomStringConvertible {
    /// How bad it is.
    public enum Severity: String, Sendable {
        /// The configuration cannot be used.
        case error
        /// It can.
        case warning
    }

    /// Where it is.
    public var origin: Origin
    /// Which key, dotted; empty for the file as a whole.
    public var path: String
    /// What is wrong, and what is allowed.
    public var message: String
    /// How bad it is.
    public var severity: Severity

    /// What `message` says of the key `path`, at `origin`.
    public init(origin: Origin, path: String, message: String, severity: Severity = .error) {
        self.severity = severity
        self.origin = origin
        self.path = path
        self.message = message
    }

    /// `file:line:column: error: key.path: message`, or `warning` for `error`.
    public var description: String {
        let place =
            origin.line > 0
            ? "\(origin.source):\(origin.line):\(origin.column)" : origin.source
        return "\(place): \(severity.rawValue): \(text)"
    }

    /// `key.path: message`: where the place does not matter.
    public var text: String { (path.isEmpty ? "" : path + ": ") + message }
}

/// Every mistake of a configuration at once.
public struct DiagnosticList: Error, Sendable, Equatable, CustomStringConvertible {
    /// The mistakes, in the order of the file.
    public var diagnostics: [Diagnostic]

    /// One line each.
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// The known word that `word` was probably meant to be.
func suggestion(for word: String, among known: [String]) -> String? {
    let candidates = known.map { ($0, distance(word.lowercased(), $0.lowercased())) }
    guard let best = candidates.min(by: { $0.1 < $1.1 }), best.1 <= max(2, word.count / 3) else {
        return nil
    }
    return best.0
}

/// Levenshtein's distance.
private func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (index, character) in left.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in right.indices {
            let above = row[column + 1]
            let substituted = diagonal + (right[column] == character ? 0 : 1)
            row[column + 1] = min(substituted, above + 1, row[column] + 1)
            diagonal = above
        }
    }
    return row[right.count]
}
