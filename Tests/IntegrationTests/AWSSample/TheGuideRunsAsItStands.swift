import Foundation
import Testing

/// The steps of `Config/aws-api-gateway/README.md`, run one after another in one shell: what
/// stands there works, and prints what it says.
@Suite(.serialized) struct TheGuideRunsAsItStands {
    /// A block of commands, and what it is said to print.
    private struct Step {
        var commands: [String] = []
        var output: [String]?
    }

    private static func steps(of guide: String) -> [Step] {
        var steps: [Step] = []
        var fence: String?
        for line in guide.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                let isOpening = fence == nil
                fence = isOpening ? String(line.dropFirst(3)) : nil
                if fence == "sh" { steps.append(Step()) }
                if fence == "text", !steps.isEmpty { steps[steps.count - 1].output = [] }
            } else if fence == "sh" {
                steps[steps.count - 1].commands.append(String(line))
            } else if fence == "text", !steps.isEmpty {
                steps[steps.count - 1].output?.append(String(line))
            }
        }
        return steps
    }

    /// Ports that nobody has, for those of the guide.
    private static func freePorts(_ count: Int) throws -> [String] {
        let sockets = (0..<count).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        defer { for descriptor in sockets { close(descriptor) } }
        return try sockets.map { "\(try bindToLoopback($0).port)" }
    }

    /// A test's children have most signals blocked; a shell that ends its jobs needs them.
    private static let launcher =
        "import os, signal, sys; "
        + "signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execvp(sys.argv[1], sys.argv[1:])"

    @Test("each step works, and prints what it says") func guide() throws {
        let folder = NSTemporaryDirectory() + "postern-guide-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: SampleGateway.source, toPath: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: folder + "/bin", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/bin/postern", withDestinationPath: GatewayUnderTest.binary)
        let ports = ["8443", "3000", "9001", "5000"]
        for (port, free) in zip(ports, try Self.freePorts(ports.count)) {
            for file in ["README.md", "postern.yaml"] {
                let path = folder + "/" + file
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try #require(text.contains(":\(port)"), "\(port) in \(file)")
                try text.replacingOccurrences(of: ":\(port)", with: ":\(free)")
                    .write(toFile: path, atomically: true, encoding: .utf8)
            }
        }
        let guide = try String(contentsOfFile: folder + "/README.md", encoding: .utf8)
        let steps = Self.steps(of: guide)
        try #require(steps.count > 10)
        let mark = "--- step"
        let script =
            "set -euo pipefail; cd '\(folder)'; PATH=$PWD/bin:$PATH\n"
            + "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
            + steps.map { "echo '\(mark)'\n" + $0.commands.joined(separator: "\n") }
            .joined(separator: "\n") + "\necho '\(mark)'\n"
        let output = try GatewayUnderTest.shell(
            ["python3", "-c", Self.launcher, "timeout", "-k", "5", "120", "bash", "-c", script])
        let printed = output.text.components(separatedBy: mark + "\n").dropFirst()
        #expect(output.status == 0, "\(output.text)")
        try #require(printed.count == steps.count + 1, "\(output.text)")
        for (step, text) in zip(steps, printed) {
            guard let expected = step.output else { continue }
            #expect(text == expected.joined(separator: "\n") + "\n", "\(step.commands)")
        }
    }
}
