import Foundation
import Testing

/// A gateway with files of its own, to be changed while it runs, and an admin socket to see by
/// when a change is served.
final class ReloadedGateway {
    let gateway: GatewayUnderTest
    let files: String
    private let admin: String

    /// `extra` makes more YAML, at the left margin, of the files' path; `prepare` may change them
    /// before the start.
    init(
        _ loop: LoopKind, _ overrides: [String] = [], environment: [String: String] = [:],
        extra: (String) -> String = { _ in "" },
        prepare: (String) throws -> Void = { _ in }
    ) throws {
        let files = NSTemporaryDirectory() + "postern-reload-\(UUID().uuidString)"
        self.files = files
        admin = files + "/admin.sock"
        let source = GatewayUnderTest.certificates
        try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
        for name in ["server.pem", "server.key", "ca.pem"] {
            try FileManager.default.copyItem(
                atPath: "\(source)/\(name)", toPath: "\(files)/\(name)")
        }
        try prepare(files)
        gateway = try GatewayUnderTest(
            loop, ["admin.address=unix:\(admin)"] + overrides, workers: 2, log: true,
            environment: environment,
            configuration: { upstream, folder in
                GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                    .replacingOccurrences(of: source, with: files) + "\n" + extra(files)
            })
    }

    deinit { try? FileManager.default.removeItem(atPath: files) }

    // MARK: Changing files

    /// Another authority with another server, whose files lie in the folder.
    static func otherCertificates() throws -> String {
        let path = NSTemporaryDirectory() + "postern-other-\(UUID().uuidString)"
        let made = try GatewayUnderTest.shell(
            [GatewayUnderTest.binary, "certificates", "test", "--output", path])
        #expect(made.status == 0, "\(made.text)")
        return path
    }

    /// Replaces a file as editors do: the new one is renamed over it.
    func replace(_ name: String, by path: String) throws {
        let new = "\(files)/.\(UUID().uuidString).new"
        try FileManager.default.copyItem(atPath: path, toPath: new)
        let status = unsafe rename(new, "\(files)/\(name)")
        #expect(status == 0)
    }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(files)/\(name)", atomically: true, encoding: .utf8)
    }

    /// Changes the configuration file, at once; it must contain what is replaced. Two calls may
    /// be two reloads or one.
    func edit(_ changes: (old: String, new: String)...) throws {
        let path = gateway.folder + "/postern.yaml"
        var text = try String(contentsOfFile: path, encoding: .utf8)
        for change in changes {
            try #require(text.contains(change.old))
            text = text.replacingOccurrences(of: change.old, with: change.new)
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    // MARK: Looking

    func metric(_ name: String) throws -> Int {
        let text = try GatewayUnderTest.shell(
            ["curl", "-sS", "--max-time", "10", "--unix-socket", admin, "http://x/metrics"]
        ).text
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
    }

    /// Waits until the metric has at least the value; false when it takes too long.
    func reaches(_ value: Int, _ name: String = "postern_config_generation") throws -> Bool {
        for _ in 0..<200 {
            if try metric(name) >= value { return true }
            usleep(50_000)
        }
        return false
    }

    /// What the gateway has logged so far.
    var log: String {
        (try? String(contentsOfFile: gateway.folder + "/log", encoding: .utf8)) ?? ""
    }
}
