/// A report as a tree, for people or for machines.
enum Report {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([Report])
    case object([(key: String, value: Report)])

    /// One line of JSON (RFC 8259).
    var json: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list(let items): "[" + items.map(\.json).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.key) + ":" + $0.value.json }.joined(separator: ",")
                + "}"
        }
    }

    /// Indented lines, each with its line feed.
    var lines: String { lines(indent: 0) }

    private func lines(indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .text(let text): return margin + text + "\n"
        case .number(let number): return margin + "\(number)\n"
        case .flag(let flag): return margin + "\(flag)\n"
        case .list(let items):
            return items.map { item in
                margin + "- " + item.lines(indent: indent + 2).dropFirst(indent + 2)
            }.joined()
        case .object(let members):
            return members.map { member in
                switch member.value {
                case .text, .number, .flag:
                    margin + member.key + ": " + member.value.lines(indent: 0)
                case .list(let items) where items.isEmpty: margin + member.key + ": none\n"
                case .list, .object:
                    margin + member.key + ":\n" + member.value.lines(indent: indent + 2)
                }
            }.joined()
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
