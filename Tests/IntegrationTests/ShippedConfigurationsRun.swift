import Foundation
import Testing

@Suite("the configuration files that come with the gateway are good ones", .serialized)
struct ShippedConfigurationsRun {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A folder with `Config/NAME`, which has the test's certificates where it expects `demo`.
    private final class Copy {
        let folder = NSTemporaryDirectory() + "postern-config-\(UUID().uuidString)"
        var file: String { folder + "/postern.yaml" }

        init(_ name: String, replacing replacements: [String: String] = [:]) throws {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/demo", withDestinationPath: GatewayUnderTest.certificates)
            let source = root.appendingPathComponent("Config/\(name)")
            var text = try String(contentsOf: source, encoding: .utf8)
            for (old, new) in replacements {
                try #require(text.contains(old), "\(old) in \(name)")
                text = text.replacingOccurrences(of: old, with: new)
            }
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }
    }

    // The environment is the test run's: GATEWAY_BINARY in it must not be taken for a key.
    @Test("`postern check` accepts each", arguments: ["minimal.yaml", "postern.yaml"])
    func check(name: String) throws {
        let copy = try Copy(name)
        let output = try GatewayUnderTest.shell(
            ["env", "GATEWAY_BINARY=x", GatewayUnderTest.binary, "check", "--config", copy.file])
        #expect(output.status == 0 && output.text.contains("is good"), "\(output.text)")
    }

    @Test("`postern check` refuses a key file that is not there")
    func checkReadsKeys() throws {
        let copy = try Copy("minimal.yaml", replacing: ["demo/server.key": "demo/no.key"])
        let output = try GatewayUnderTest.shell(
            [GatewayUnderTest.binary, "check", "--config", copy.file])
        #expect(output.status == 1 && output.text.contains("no.key"), "\(output.text)")
    }

    @Test("`postern run` serves with each until SIGTERM", arguments: LoopKind.allCases)
    func run(loop: LoopKind) throws {
        // Ports and sockets of its own: tests of other checkouts may run at the same time.
        let port = ["127.0.0.1:8443": "127.0.0.1:0"]
        let admin = ["/tmp/postern-admin.sock": NSTemporaryDirectory() + "\(UUID().uuidString).s"]
        defer { for path in admin.values { try? FileManager.default.removeItem(atPath: path) } }
        for copy in [
            try Copy("minimal.yaml", replacing: port),
            try Copy("postern.yaml", replacing: port.merging(admin) { $1 }),
        ] {
            let text = try String(contentsOfFile: copy.file, encoding: .utf8)
            let gateway = try GatewayUnderTest(
                loop,
                configuration: { _, folder in
                    text.replacingOccurrences(of: "demo/", with: copy.folder + "/demo/")
                })
            // Whatever the backend is, if there is one.
            let answer = try gateway.curl("/", ["-i"]).text
            #expect(answer.hasPrefix("HTTP/1.1 "), "\(answer)")
            gateway.signal(SIGTERM)
            #expect(gateway.exitStatus(within: 10) == 0)
        }
    }
}
