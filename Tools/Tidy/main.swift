import Foundation

// Usage: Tidy [--self-test] [ROOT]. Prints `file:line: message` for all that is not tidy and
// exits 1 if there was any.

let arguments = CommandLine.arguments.dropFirst()

if arguments.contains("--self-test") {
    let failures = SelfTest.failures()
    failures.forEach { print("self-test: \($0)") }
    print(failures.isEmpty ? "tidy self-test: passed" : "tidy self-test: FAILED")
    exit(failures.isEmpty ? 0 : 1)
}

do {
    let root = arguments.first ?? FileManager.default.currentDirectoryPath
    let findings = try Repository(root: root).findings()
    findings.forEach { print($0.text) }
    print(findings.isEmpty ? "tidy: nothing found" : "tidy: \(findings.count) found")
    exit(findings.isEmpty ? 0 : 1)
} catch {
    print("tidy: \(error)")
    exit(2)
}
