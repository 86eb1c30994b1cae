/// Words and imports that this repository does not use, each with what to write instead.
enum BannedNames {
    static func findings(in file: SourceFile) -> [Finding] {
        var found = markers(in: file)
        if file.isSwift {
            found += calls(in: file) + names(in: file) + imports(in: file)
        }
        if file.isUnder("Sources/CLinux/include") {
            found += headers(in: file)
        }
        return found
    }

    // The markers are spelt in two parts so that this file does not find itself.
    private static let leftovers = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
    private static let unwritten = "fatalError(\"" + "not implemented"

    private static func markers(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for (number, line) in file.lines.enumerated() {
            for marker in leftovers where words(of: line).contains(Substring(marker)) {
                found.append(file.finding(number, "leftover \(marker): do it, or file an issue"))
            }
            if line.contains(unwritten) {
                found.append(file.finding(number, "unwritten code: write it, or leave it out"))
            }
        }
        return found
    }

    private static func calls(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for (number, line) in file.code.enumerated() {
            let text = String(line)
            if text.contains("try!") {
                found.append(file.finding(number, "try!: handle the error, or let it be thrown"))
            }
            if text.contains(" as!") {
                found.append(file.finding(number, "as!: use a type that needs no cast"))
            }
        }
        return found
    }

    /// A type or file is named after what it is: these words say nothing of that.
    private static func names(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        let base = file.name.split(separator: ".").first ?? ""
        for component in file.path.split(separator: "/").dropLast() + [base] {
            if let word = emptyWord(in: component) {
                found.append(file.finding(0, "\(component): \"\(word)\" says nothing, use a noun"))
            }
        }
        for (number, line) in file.code.enumerated() {
            for name in declaredTypes(in: line) {
                guard let word = emptyWord(in: name) else { continue }
                found.append(file.finding(number, "type \(name): \"\(word)\" says nothing"))
            }
        }
        return found
    }

    /// The names of the types that a line of code declares.
    static func declaredTypes(in line: [Character]) -> [Substring] {
        let parts = words(of: Substring(String(line)))
        let keywords: Set<Substring> = [
            "struct", "class", "enum", "protocol", "actor", "typealias",
        ]
        return zip(parts, parts.dropFirst())
            .filter { keywords.contains($0) && $1.first?.isUppercase == true }
            .map { $1 }
    }

    private static func emptyWord(in name: Substring) -> String? {
        let suffixes = ["Utils", "Utilities", "Manager", "Helper", "Helpers", "Impl"]
        if let suffix = suffixes.first(where: { name.hasSuffix($0) }) { return suffix }
        // "CommonName" is a word of X.509 and stays.
        return name == "Common" ? "Common" : nil
    }

    private static func imports(in file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for imported in ImportLine.all(in: file) {
            let reason: String?
            switch imported.module {
            case "Foundation" where file.isUnder("Sources"):
                reason = "use Glibc; the product does not link Foundation"
            case "EventLoop" where file.isUnder("Sources/Proxy"):
                reason = "Proxy is pure: it takes events and returns actions"
            case let module where module.hasPrefix("NIO"):
                reason = "use EventLoop"
            default: reason = nil
            }
            if let reason {
                found.append(file.finding(imported.line, "import \(imported.module): \(reason)"))
            }
        }
        return found
    }

    private static func headers(in file: SourceFile) -> [Finding] {
        file.lines.enumerated()
            .filter { $1.contains("#include") && $1.contains("liburing.h") }
            .map { number, _ in
                file.finding(number, "liburing.h in the public header: include it in the .c file")
            }
    }

    private static func words(of line: Substring) -> [Substring] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}

/// One `import` of a Swift file; `line` counts from 0.
struct ImportLine {
    let line: Int
    let module: String

    static func all(in file: SourceFile) -> [Self] {
        file.code.enumerated().compactMap { number, line in
            let words = String(line).split(separator: " ")
            guard let keyword = words.firstIndex(of: "import"),
                words[..<keyword].allSatisfy({ prefixes.contains($0) || $0.hasPrefix("@") })
            else { return nil }
            // `import struct Core.ByteRange` names a declaration of a module.
            let rest = words[(keyword + 1)...].drop { kinds.contains($0) }
            guard let name = rest.first?.split(separator: ".").first else { return nil }
            return Self(line: number, module: String(name))
        }
    }

    private static let prefixes: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private",
    ]
    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]
}
