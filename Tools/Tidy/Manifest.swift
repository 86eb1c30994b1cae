/// The targets that Package.swift declares, in its order.
struct Manifest {
    struct Target {
        let name: String
        /// Names of targets of this package and of products of others.
        let dependencies: [String]
        /// Folder from the top of the repository.
        let folder: String
        let isTest: Bool
        /// Where Package.swift declares it, counted from 0.
        let line: Int
    }

    let targets: [Target]

    /// Reads the calls `module(…)`, `tests(…)`, `.target(…)` and `.executableTarget(…)` whose
    /// first argument is a name in quotes.
    init(text: String) {
        let characters = Array(text)
        var found: [Target] = []
        for call in Self.calls where text.contains(call.opening) {
            for start in Self.positions(of: call.opening, in: characters) {
                let end = Self.closing(of: characters, from: start)
                let body = String(characters[start..<end])
                let line = characters[..<start].count { $0 == "\n" }
                if let target = Self.target(body, isTest: call.isTest, line: line) {
                    found.append(target)
                }
            }
        }
        targets = found.sorted { $0.line < $1.line }
    }

    /// The target to which a file belongs: the one with the longest folder above it.
    func target(of path: String) -> Target? {
        targets
            .filter { path.hasPrefix($0.folder + "/") }
            .max { $0.folder.count < $1.folder.count }
    }

    private static let calls: [(opening: String, isTest: Bool)] = [
        ("module(", false), ("tests(", true), (".target(", false), (".executableTarget(", false),
    ]

    private static func target(_ body: String, isTest: Bool, line: Int) -> Target? {
        let beforeList = body.split(separator: "[", maxSplits: 1).first ?? ""
        guard let name = quoted(String(beforeList)).first, name == quoted(body).first else {
            return nil
        }
        var dependencies: [String] = []
        let start = body.contains("dependencies:") ? "dependencies:" : name
        let isShort = !body.hasPrefix("(name:") && !body.contains("name:")
        if isShort || body.contains("dependencies:"), let range = body.firstRange(of: start) {
            let rest = body[range.upperBound...]
            if let open = rest.firstIndex(of: "["), let close = rest.firstIndex(of: "]") {
                dependencies = quoted(String(rest[open...close]))
            }
        }
        var folder = (isTest ? "Tests/" : "Sources/") + name
        if let range = body.firstRange(of: "path:"),
            let path = quoted(String(body[range.upperBound...])).first
        {
            folder = path
        }
        return Target(
            name: name, dependencies: dependencies, folder: folder, isTest: isTest, line: line)
    }

    private static func quoted(_ text: String) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
    }

    /// Positions just after each occurrence that no letter precedes.
    private static func positions(of word: String, in text: [Character]) -> [Int] {
        let word = Array(word)
        guard text.count > word.count else { return [] }
        return (1..<(text.count - word.count))
            .filter { text[$0] == word[0] && text[$0..<($0 + word.count)].elementsEqual(word) }
            .filter { !text[$0 - 1].isLetter }
            .map { $0 + word.count }
    }

    private static func closing(of text: [Character], from start: Int) -> Int {
        var depth = 1
        for position in start..<text.count {
            if text[position] == "(" { depth += 1 }
            if text[position] == ")" { depth -= 1 }
            if depth == 0 { return position }
        }
        return text.count
    }
}
