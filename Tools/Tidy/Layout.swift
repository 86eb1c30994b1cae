import Foundation

/// What stands where: the top level, the folders of Tests, and the links between documents.
enum Layout {
    private static let top: Set<String> = [
        "Package.swift", "Sources", "Benchmarks", "Tests", "Config", "Tools", "README.md",
        "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE",
    ]
    /// What SwiftPM and the demo leave behind; git ignores them.
    private static let ignored: Set<String> = ["Package.resolved", "postern-demo"]
    /// Folders of Tests that are rings of their own rather than the tests of one target.
    private static let rings: Set<String> = ["Simulation", "Conformance", "Integration"]

    /// The top level is exactly the allowed set; names with a leading dot are free.
    static func topLevelFindings(_ names: [String]) -> [Finding] {
        let present = Set(names.filter { !$0.hasPrefix(".") }).subtracting(ignored)
        let extra = present.subtracting(top).sorted().map {
            Finding(path: $0, line: 1, message: "does not belong at the top of the repository")
        }
        let missing = top.subtracting(present).sorted().map {
            Finding(path: $0, line: 1, message: "is missing at the top of the repository")
        }
        return extra + missing
    }

    /// Each folder of Tests mirrors a target: `<Target>Tests`, a ring, TestSupport or Fuzz.
    static func testFolderFindings(_ folders: [String], manifest: Manifest) -> [Finding] {
        let targets = Set(manifest.targets.map(\.name))
        return folders.sorted().compactMap { folder in
            if folder == "Fuzz" { return nil }
            guard targets.contains(folder) else {
                return Finding(path: "Tests/\(folder)", line: 1, message: "is no target")
            }
            let subject = folder.hasSuffix("Tests") ? String(folder.dropLast(5)) : folder
            let isKnown =
                folder == "TestSupport" || rings.contains(subject) || targets.contains(subject)
            guard !isKnown else { return nil }
            return Finding(
                path: "Tests/\(folder)", line: 1, message: "mirrors no target named \(subject)")
        }
    }

    /// Relative links of a Markdown file that lead nowhere.
    static func linkFindings(
        in file: SourceFile, exists: (String) -> Bool
    ) -> [Finding] {
        guard file.path.hasSuffix(".md") else { return [] }
        let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
        var found: [Finding] = []
        var isInCodeBlock = false
        for (number, line) in file.lines.enumerated() {
            if line.hasPrefix("```") { isInCodeBlock.toggle() }
            if isInCodeBlock { continue }
            for link in links(in: line) where !exists(folder.isEmpty ? link : folder + "/" + link) {
                found.append(file.finding(number, "the link \(link) leads nowhere"))
            }
        }
        return found
    }

    private static func links(in line: Substring) -> [String] {
        line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap {
            let target = $0.prefix { $0 != ")" && $0 != "#" && $0 != " " }
            return target.isEmpty || target.contains(":") ? nil : String(target)
        }
    }
}
