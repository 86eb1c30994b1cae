import Foundation
import Testing

/// What `postern check` and the gateway's log say of a trust store that can be used, but not all
/// of it.
@Suite(.serialized) struct CheckWarnsOfTrustStores {
    private static func configuration(_ upstream: String, _ folder: String, mode: String) -> String
    {
        GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder).replacingOccurrences(
            of: "clients: {file: \(GatewayUnderTest.certificates)/ca.pem}",
            with: "clients: {file: trust.pem, mode: \(mode)}")
    }

    /// The good root, an authority that expires soon, and the root again.
    private static func writeStore(in folder: String) throws {
        let root = try String(
            contentsOfFile: GatewayUnderTest.certificates + "/ca.pem", encoding: .utf8)
        let made = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "certificates", "ca", "--subject", "CN=Brief", "--days", "1",
            "--out", folder + "/brief",
        ])
        #expect(made.status == 0, "\(made.text)")
        let brief = try String(contentsOfFile: folder + "/brief/ca.pem", encoding: .utf8)
        try (root + brief + root).write(
            toFile: folder + "/trust.pem", atomically: true, encoding: .utf8)
    }

    @Test("check prints each with file, line, certificate and subject, and exits with 0")
    func check() throws {
        let folder = NSTemporaryDirectory() + "postern-warn-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.writeStore(in: folder)
        let file = folder + "/postern.yaml"
        try Self.configuration("127.0.0.1:1", folder, mode: "aws-apigw").write(
            toFile: file, atomically: true, encoding: .utf8)
        let output = try GatewayUnderTest.shell([GatewayUnderTest.binary, "check", "-c", file])
        #expect(output.status == 0)
        let lines = output.text.split(separator: "\n").map(String.init)
        try #require(lines.count == 3, "\(output.text)")
        let key = "warning: trustStores.clients.file: \(folder)/trust.pem: "
        for line in lines.prefix(2) { #expect(line.hasPrefix("\(file):18:19: \(key)"), "\(line)") }
        #expect(lines[0].contains("certificate 2 (CN=Brief) expires soon, on "))
        #expect(lines[1].contains("certificate 3 ("))
        #expect(lines[1].hasSuffix(") is certificate 1 once more"))
        #expect(lines[2].hasSuffix("the configuration is good"))
    }

    @Test("start and reload log them, and serve", arguments: LoopKind.allCases)
    func log(_ loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, ["reload.watch=false"], log: true) {
            upstream, folder in
            try? Self.writeStore(in: folder)
            return Self.configuration(upstream, folder, mode: "aws-apigw")
        }
        func count() throws -> Int {
            let log = try String(contentsOfFile: gateway.folder + "/log", encoding: .utf8)
            return log.components(separatedBy: "certificate 2 (CN=Brief) expires soon").count - 1
        }
        #expect(try count() == 1)
        #expect(try gateway.curl("/").status == 0)
        gateway.signal(SIGHUP)
        for _ in 0..<250 where try count() < 2 { usleep(20_000) }
        #expect(try count() == 2)
    }

    @Test("intermediates that clients send do not count in aws-apigw", arguments: LoopKind.allCases)
    func intermediates(_ loop: LoopKind) throws {
        for (mode, status) in [("standard", Int32(0)), ("aws-apigw", 56)] {
            let gateway = try GatewayUnderTest(loop) { upstream, folder in
                try? FileManager.default.copyItem(
                    atPath: GatewayUnderTest.certificates + "/ca.pem", toPath: folder + "/trust.pem"
                )
                return Self.configuration(upstream, folder, mode: mode)
            }
            #expect(try gateway.curl("/", certificate: "client").status == 0)
            let output = try gateway.curl("/", certificate: "intermediate")
            #expect(output.status == status, "\(mode): \(output.text)")
        }
    }
}
