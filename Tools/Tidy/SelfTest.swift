/// Shows on small samples that each rule finds what it should, and nothing else.
enum SelfTest {
    private struct Sample {
        let name: String
        let path: String
        let text: String
        /// Parts of the messages expected, in order; empty when the sample is clean.
        let expected: [String]
    }

    private static let manifest = Manifest(
        text: """
            let x: Target.Dependency = .product(name: "Logging", package: "swift-log")
            targets: [
                .target(name: "CLinux", linkerSettings: [.linkedLibrary("uring")]),
                module("Core", []),
                module("EventLoop", ["Core", "CLinux"]),
                module("HTTP", ["Core"]),
                .executableTarget(
                    name: "postern",
                    dependencies: [
                        "Core", x,
                    ]),
                .executableTarget(name: "Tidy", path: "Tools/Tidy", swiftSettings: strict),
                tests("CoreTests", ["Core"]),
                tests("OddTests", ["Core"]),
            ]
            """)

    /// The failures, each in words; empty when all is well.
    static func failures() -> [String] {
        var failures = samples.compactMap { sample in
            failure(
                sample.name,
                Repository.findings(
                    in: SourceFile(path: sample.path, text: sample.text), manifest: manifest,
                    exists: { $0 == "Tools/test" || $0 == "Benchmarks/README.md" }),
                sample.expected)
        }
        failures += structureFailures()
        return failures
    }

    private static func structureFailures() -> [String] {
        let upsideDown = Manifest(
            text: """
                 module("HTTP", ["Core", "TLS"]),
                 module("TLS", ["Core"]),
                 module("Core", []),
                 module("Extra", []),
                """)
        let top = [
            "Package.swift", "Sources", "Benchmarks", "Tests", "Config", "Tools", "README.md",
            "ARCHITECTURE.md", "CONTRIBUTING.md", ".ci",
        ]
        return [
            failure("own layer table", LayerTable.findings(in: manifest), []),
            failure(
                "broken layer table", LayerTable.findings(in: upsideDown),
                ["may not depend on TLS", "stands below", "has no row"]),
            failure(
                "top level", Layout.topLevelFindings(top + ["Scratch", "LICENSE"]),
                ["does not belong"]),
            failure("missing at the top", Layout.topLevelFindings(top), ["is missing"]),
            failure(
                "test folders",
                Layout.testFolderFindings(
                    ["CoreTests", "Fuzz", "OddTests", "Scratch"], manifest: manifest),
                ["mirrors no target", "is no target"]),
        ].compactMap { $0 }
    }

    private static func failure(
        _ name: String, _ findings: [Finding], _ expected: [String]
    ) -> String? {
        let isRight =
            findings.count == expected.count
            && zip(findings, expected).allSatisfy { $0.text.contains($1) }
        guard !isRight else { return nil }
        return "\(name): expected \(expected), found \(findings.map(\.text))"
    }

    private static let samples: [Sample] = [
        Sample(
            name: "clean file", path: "Sources/HTTP/Head.swift",
            text: "import Core\n\n/// try! in a comment\nlet a = \"as! \\(b(\"}\")) {\"\n",
            expected: []),
        Sample(
            name: "long line", path: "Sources/HTTP/Head.swift",
            text: String(repeating: "x", count: 101) + "\n", expected: ["Head.swift:1: the line"]),
        Sample(
            name: "long file", path: "Sources/HTTP/Head.swift",
            text: String(repeating: "\n", count: 501), expected: ["501 lines"]),
        Sample(
            name: "long test file is fine", path: "Tests/CoreTests/Head.swift",
            text: String(repeating: "\n", count: 800), expected: []),
        Sample(
            name: "long function", path: "Sources/HTTP/Head.swift",
            text: "struct A {\n    func b(\n        c: Int\n    ) {\n"
                + String(repeating: "        x()\n", count: 68) + "    }\n}\n",
            expected: ["Head.swift:2: func b has 72 lines"]),
        Sample(
            name: "requirement without a body", path: "Sources/HTTP/Head.swift",
            text: "protocol A {\n    func b()\n    var c: Int { get }\n}\n"
                + String(repeating: "//\n", count: 90),
            expected: []),
        Sample(
            name: "banned calls", path: "Sources/HTTP/Head.swift",
            text: "let a = try! b()\nlet c = d as! E\n", expected: ["try!", "as!"]),
        Sample(
            name: "leftovers", path: "Tools/x.py",
            text: "# TO" + "DO later\nmktemp a.XXXXXX\n", expected: ["leftover"]),
        Sample(
            name: "empty names", path: "Sources/HTTP/Head.swift",
            text: "final class PoolManager {}\nstruct CommonName {}\n", expected: ["PoolManager"]),
        Sample(
            name: "empty file name", path: "Sources/HTTP/HTTPUtils.swift", text: "\n",
            expected: ["HTTPUtils"]),
        Sample(
            name: "banned imports", path: "Sources/HTTP/Head.swift",
            text: "public import Foundation\nimport struct NIOCore.ByteBuffer\n",
            expected: ["import Foundation", "import NIOCore"]),
        Sample(
            name: "Foundation in a test is fine", path: "Tests/CoreTests/Head.swift",
            text: "import Foundation\n@testable import Core\n", expected: []),
        Sample(
            name: "undeclared import", path: "Sources/HTTP/Head.swift",
            text: "internal import EventLoop\n", expected: ["HTTP does not list it"]),
        Sample(
            name: "pure proxy", path: "Sources/Proxy/Session.swift",
            text: "import EventLoop\n", expected: ["Proxy is pure"]),
        Sample(
            name: "liburing in the public header", path: "Sources/CLinux/include/CLinux.h",
            text: "#include <liburing.h>\n", expected: ["liburing.h"]),
        Sample(
            name: "type named as its target", path: "Sources/EventLoop/Backend.swift",
            text: "public struct EventLoop {}\n", expected: ["hides the module"]),
        Sample(
            name: "links", path: "README.md",
            text: "[a](Tools/test) [b](nowhere.md#x) [c](https://d) [e](#f)\n",
            expected: ["nowhere.md"]),
        Sample(
            name: "links from a folder", path: "Benchmarks/README.md",
            text: "[a](README.md)\n", expected: []),
    ]
}
