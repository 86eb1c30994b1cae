/// One file of the repository, as text and as code.
struct SourceFile {
    /// Path from the top of the repository, such as `Sources/Core/Slab.swift`.
    let path: String
    /// The lines as they stand, without their line ends.
    let lines: [Substring]
    /// The same lines with comments and the contents of string literals blanked out.
    let code: [[Character]]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var blanker = Blanker(Array(text))
        code = path.hasSuffix(".swift") ? blanker.blankedLines() : lines.map { Array($0) }
    }

    /// The file's name without folders.
    var name: Substring { path.split(separator: "/").last ?? "" }

    var isSwift: Bool { path.hasSuffix(".swift") }

    /// Whether the file lies under this folder, such as `Sources/Core`.
    func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }

    /// A finding in this file; `line` counts from 0.
    func finding(_ line: Int, _ message: String) -> Finding {
        Finding(path: path, line: line + 1, message: message)
    }
}

/// One thing to put right, printed as `path:line: message`.
struct Finding {
    let path: String
    let line: Int
    let message: String

    var text: String { "\(path):\(line): \(message)" }
}

/// Blanks comments and string contents of Swift text, keeping every other character in its place.
///
/// It knows nested block comments, multi-line and raw strings, and interpolations (whose contents
/// are code again). It does not know regex literals, which this repository does not use.
private struct Blanker {
    private enum Mode {
        case code(parentheses: Int)
        case string(hashes: Int, isMultiline: Bool)
        case lineComment
        case blockComment(depth: Int)
    }

    private let text: [Character]
    private var position = 0
    private var modes: [Mode] = []
    private var mode = Mode.code(parentheses: 0)
    private var result: [[Character]] = [[]]

    init(_ text: [Character]) { self.text = text }

    mutating func blankedLines() -> [[Character]] {
        while position < text.count {
            if text[position] == "\n" {
                endLine()
                continue
            }
            switch mode {
            case .code(let parentheses): stepInCode(parentheses)
            case .string(let hashes, let isMultiline): stepInString(hashes, isMultiline)
            case .lineComment: emit(1, blank: true)
            case .blockComment(let depth): stepInComment(depth)
            }
        }
        return result
    }

    private mutating func endLine() {
        if case .lineComment = mode { leave() }
        result.append([])
        position += 1
    }

    private mutating func stepInCode(_ parentheses: Int) {
        if starts(with: "//") {
            enter(.lineComment)
            return emit(2, blank: true)
        }
        if starts(with: "/*") {
            enter(.blockComment(depth: 1))
            return emit(2, blank: true)
        }
        if let opening = stringOpening() {
            emit(opening.length, blank: false)
            return enter(.string(hashes: opening.hashes, isMultiline: opening.isMultiline))
        }
        if text[position] == "(" { mode = .code(parentheses: parentheses + 1) }
        if text[position] == ")" {
            // The closing parenthesis of an interpolation leads back into its string.
            if parentheses == 0, !modes.isEmpty {
                leave()
            } else {
                mode = .code(parentheses: parentheses - 1)
            }
        }
        emit(1, blank: false)
    }

    private mutating func stepInString(_ hashes: Int, _ isMultiline: Bool) {
        let escape = "\\" + String(repeating: "#", count: hashes)
        let closing =
            (isMultiline ? "\"\"\"" : "\"") + String(repeating: "#", count: hashes)
        if starts(with: escape + "(") {
            enter(.code(parentheses: 0))
            emit(escape.count + 1, blank: false)
        } else if starts(with: escape) {
            emit(min(escape.count + 1, text.count - position), blank: true)
        } else if starts(with: closing) {
            leave()
            emit(closing.count, blank: false)
        } else {
            emit(1, blank: true)
        }
    }

    private mutating func stepInComment(_ depth: Int) {
        if starts(with: "/*") {
            mode = .blockComment(depth: depth + 1)
            emit(2, blank: true)
        } else if starts(with: "*/") {
            if depth == 1 { leave() } else { mode = .blockComment(depth: depth - 1) }
            emit(2, blank: true)
        } else {
            emit(1, blank: true)
        }
    }

    private func stringOpening() -> (length: Int, hashes: Int, isMultiline: Bool)? {
        var end = position
        while end < text.count, text[end] == "#" { end += 1 }
        guard end < text.count, text[end] == "\"" else { return nil }
        let hashes = end - position
        let isMultiline = end + 2 < text.count && text[end + 1] == "\"" && text[end + 2] == "\""
        return (hashes + (isMultiline ? 3 : 1), hashes, isMultiline)
    }

    private func starts(with prefix: String) -> Bool {
        text[position...].starts(with: prefix)
    }

    private mutating func enter(_ next: Mode) {
        modes.append(mode)
        mode = next
    }

    private mutating func leave() {
        mode = modes.popLast() ?? .code(parentheses: 0)
    }

    private mutating func emit(_ count: Int, blank: Bool) {
        for _ in 0..<count where position < text.count {
            if text[position] == "\n" {
                result.append([])
            } else {
                result[result.count - 1].append(blank ? " " : text[position])
            }
            position += 1
        }
    }
}
