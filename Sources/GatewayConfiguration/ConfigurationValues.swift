/// Values by concrete path, from file, environment and flags, in one table.
///
/// The strongest source wins: flag, environment, file, default.
struct ConfigurationValues {
    /// A value as written, and where.
    struct Entry {
        var texts: [String]
        var isList: Bool
        var origin: Origin
    }

    private(set) var entries: [String: Entry] = [:]
    /// Instance names below a path, in order of appearance: `listeners` → `edge`, …
    private(set) var names: [String: [(name: String, origin: Origin)]] = [:]
    /// Paths of the file that have keys below, or could have.
    private(set) var sections: Set<String> = []
    var diagnostics: [Diagnostic] = []

    // MARK: File

    mutating func add(_ node: Node, at path: [String] = []) {
        switch node {
        case .map(let pairs, let origin):
            guard KeyTable.key(for: path) == nil else {
                report(origin, path, "a value is expected here, not keys")
                return
            }
            sections.insert(path.joined(separator: "."))
            for pair in pairs { addChild(pair.key, pair.keyOrigin, pair.value, below: path) }
        case .scalar(let text, let origin):
            guard KeyTable.key(for: path) != nil else {
                // `routes:` with nothing below is an empty map.
                guard text.isEmpty else {
                    report(origin, path, "keys are expected here, not a value")
                    return
                }
                sections.insert(path.joined(separator: "."))
                return
            }
            set(path, Entry(texts: [text], isList: false, origin: origin))
        case .list(let items, let origin):
            guard let key = KeyTable.key(for: path), key.kind.isList else {
                report(origin, path, "a list is not allowed here")
                return
            }
            var texts: [String] = []
            for item in items {
                guard case .scalar(let text, _) = item else {
                    report(item.origin, path, "only texts are allowed in this list")
                    continue
                }
                texts.append(text)
            }
            set(path, Entry(texts: texts, isList: true, origin: origin))
        }
    }

    private mutating func addChild(
        _ key: String, _ origin: Origin, _ value: Node, below path: [String]
    ) {
        let known = KeyTable.children(of: path)
        guard known.contains(key) || known.contains("*") else {
            let hint = suggestion(for: key, among: known).map { "did you mean '\($0)'?" }
            report(
                origin, path,
                "unknown key '\(key)' (\(hint ?? "allowed: " + known.joined(separator: ", ")))")
            return
        }
        if !known.contains(key) {
            guard !key.isEmpty, !key.contains("."), !key.contains(" ") else {
                report(origin, path, "'\(key)' is no name: no dots, no blanks")
                return
            }
            names[path.joined(separator: "."), default: []].append((key, origin))
        }
        add(value, at: path + [key])
    }

    // MARK: Environment and flags

    /// Applies `POSTERN_A__B_C=value` as `a.bC`.
    mutating func add(environment: [String: String]) {
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("POSTERN_") {
            let origin = Origin(source: "environment")
            let words = name.dropFirst("POSTERN_".count).split(
                separator: "__", omittingEmptySubsequences: false
            ).map(String.init)
            guard let path = resolve(words) else {
                let known = Self.allPaths(names).map(Self.environmentName)
                let hint = suggestion(for: name, among: known).map { " (did you mean \($0)?)" }
                report(origin, [], "\(name) names no key\(hint ?? "")")
                continue
            }
            setText(path, value, origin)
        }
    }

    /// Applies `path=value`.
    mutating func add(overrides: [String]) {
        for override in overrides {
            let origin = Origin(source: "--set")
            let parts = override.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                report(origin, [], "'\(override)' is not key=value")
                continue
            }
            let path = parts[0].split(separator: ".").map(String.init)
            guard KeyTable.key(for: path) != nil else {
                let known = KeyTable.keys.map(\.pattern)
                let hint = suggestion(for: String(parts[0]), among: known)
                report(
                    origin, [],
                    "unknown key '\(parts[0])'" + (hint.map { " (did you mean '\($0)'?)" } ?? ""))
                continue
            }
            setText(path, String(parts[1]), origin)
        }
    }

    private mutating func setText(_ path: [String], _ text: String, _ origin: Origin) {
        for index in path.indices where KeyTable.children(of: Array(path[..<index])) == ["*"] {
            let parent = path[..<index].joined(separator: ".")
            if !names[parent, default: []].contains(where: { $0.name == path[index] }) {
                names[parent, default: []].append((path[index], origin))
            }
        }
        guard KeyTable.key(for: path)?.kind.isList == true else {
            set(path, Entry(texts: [text], isList: false, origin: origin))
            return
        }
        let texts = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
        set(path, Entry(texts: texts, isList: true, origin: origin))
    }

    /// The path that the words of an environment name stand for; names of the operator's choice
    /// are those of the file, compared without case and with `-` as `_`.
    private func resolve(_ words: [String]) -> [String]? {
        var path: [String] = []
        for word in words {
            let known = KeyTable.children(of: path)
            if let child = known.first(where: { $0 != "*" && Self.upperSnake($0) == word }) {
                path.append(child)
            } else if known.contains("*") {
                let given = names[path.joined(separator: ".")]?.first {
                    Self.upperSnake($0.name) == word
                        || $0.name.uppercased().replacing("-", with: "_") == word
                }
                path.append(given?.name ?? word.lowercased())
            } else {
                return nil
            }
        }
        return KeyTable.key(for: path) == nil ? nil : path
    }

    /// `listeners.edge.address` → `POSTERN_LISTENERS__EDGE__ADDRESS`.
    static func environmentName(_ path: String) -> String {
        "POSTERN_"
            + path.split(separator: ".").map { upperSnake(String($0)) }
            .joined(separator: "__")
    }

    /// `maxIdle` → `MAX_IDLE`.
    private static func upperSnake(_ word: String) -> String {
        var text = ""
        for character in word {
            if character.isUppercase, let last = text.last, last != "_" { text.append("_") }
            text += character == "-" ? "_" : character.uppercased()
        }
        return text
    }

    private static func allPaths(
        _ names: [String: [(name: String, origin: Origin)]]
    ) -> [String] {
        var paths = [""]
        var found: [String] = []
        for key in KeyTable.keys {
            paths = [""]
            for component in key.components {
                paths = paths.flatMap { path -> [String] in
                    let prefix = path.isEmpty ? "" : path + "."
                    guard component == "*" else { return [prefix + component] }
                    return (names[path] ?? []).map { prefix + $0.name }
                }
            }
            found += paths
        }
        return found
    }

    private mutating func set(_ path: [String], _ entry: Entry) {
        entries[path.joined(separator: ".")] = entry
    }

    mutating func report(_ origin: Origin, _ path: [String], _ message: String) {
        diagnostics.append(
            Diagnostic(origin: origin, path: path.joined(separator: "."), message: message))
    }
}
