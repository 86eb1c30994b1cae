/// The hard stops on size: what does not fit is split along a noun, not squeezed.
enum Lengths {
    static let fileLines = 500
    static let testFileLines = 800
    static let functionLines = 70
    static let columns = 100

    static func findings(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        let limit = file.isUnder("Tests") ? testFileLines : fileLines
        // The text ends in a newline, so the last element is empty and no line.
        let count = file.lines.last == "" ? file.lines.count - 1 : file.lines.count
        if count > limit {
            found.append(file.finding(limit, "the file has \(count) lines, the limit is \(limit)"))
        }
        for (number, line) in file.lines.enumerated() where line.count > columns {
            found.append(
                file.finding(number, "the line has \(line.count) columns, the limit is \(columns)"))
        }
        if file.isSwift {
            found += longFunctions(in: file)
        }
        return found
    }

    private static func longFunctions(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for start in file.code.indices {
            guard let name = functionName(in: file.code[start]),
                let end = bodyEnd(of: file.code, from: start)
            else { continue }
            let count = end - start + 1
            if count > functionLines {
                found.append(
                    file.finding(
                        start, "\(name) has \(count) lines, the limit is \(functionLines)"))
            }
        }
        return found
    }

    /// The name of the function that a line declares.
    private static func functionName(in line: [Character]) -> String? {
        let words = String(line).split { !($0.isLetter || $0.isNumber || $0 == "_") }
        if let keyword = words.firstIndex(of: "func"), keyword + 1 < words.count {
            return "func \(words[keyword + 1])"
        }
        // `self.init(…)` and `Type.init` are calls; a declaration stands first but for modifiers.
        let modifiers: Set<Substring> = [
            "public", "internal", "private", "fileprivate", "convenience",
        ]
        let first = words.first { !modifiers.contains($0) }
        guard first == "init" || first == "deinit" else { return nil }
        return String(line).contains(".init") ? nil : first.map(String.init)
    }

    /// The line of the brace that closes the body which opens at or after `start`.
    ///
    /// A requirement of a protocol has no body: its declaration ends with its line, unless the
    /// next line goes on with it.
    private static func bodyEnd(of code: [[Character]], from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        for number in start..<code.count {
            if number > start, parentheses == 0, braces == 0, !continues(code[number]) {
                return nil
            }
            for character in code[number] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{" where parentheses == 0 || braces > 0: braces += 1
                case "}" where braces > 0:
                    braces -= 1
                    if braces == 0 { return number }
                default: break
                }
            }
        }
        return nil
    }

    private static func continues(_ line: [Character]) -> Bool {
        let text = String(line).drop { $0 == " " }
        return ["{", "where ", "->", "throws", "async", ")"].contains { text.hasPrefix($0) }
    }
}
