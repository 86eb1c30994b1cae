import Foundation
import Testing

/// The sample of `Config/aws-api-gateway`, running: its configuration, and a function behind its
/// Lambda endpoint.
final class SampleGateway {
    /// Where the configuration, the function and the endpoint are.
    static let source = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Config/aws-api-gateway").path

    /// A root, a server, clients `client1` to `client3` of that root, and `stranger` of another;
    /// made once per test run.
    static let certificates: String = {
        let path =
            NSTemporaryDirectory() + "postern-test-\(ProcessInfo.processInfo.processIdentifier)/aws"
        try? FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        func mint(_ arguments: String...) {
            _ = try? GatewayUnderTest.shell(
                [GatewayUnderTest.binary, "certificates"] + arguments + ["--out", path])
        }
        for root in ["rootca", "otherca"] {
            mint("ca", "--subject", "CN=\(root)", "--name", root)
        }
        func issue(_ name: String, by root: String, _ more: String...) {
            _ = try? GatewayUnderTest.shell(
                [
                    GatewayUnderTest.binary, "certificates", "issue", "--ca", "\(path)/\(root).pem",
                    "--ca-key", "\(path)/\(root).key", "--subject", "CN=\(name)", "--name", name,
                    "--out", path,
                ] + more)
        }
        issue("localhost", by: "rootca", "--usage", "server", "--san", "dns:localhost")
        for client in ["client1", "client2", "client3"] { issue(client, by: "rootca") }
        issue("stranger", by: "otherca")
        return path
    }()

    /// Two certificates of one authority `CN=middle`, from both roots.
    static func intermediates(in folder: String) throws -> String {
        try ["rootca", "otherca"].map { root in
            let made = try GatewayUnderTest.shell([
                GatewayUnderTest.binary, "certificates", "ca", "--ca",
                "\(certificates)/\(root).pem", "--ca-key", "\(certificates)/\(root).key",
                "--subject", "CN=middle", "--name", "below-\(root)", "--out", folder,
            ])
            try #require(made.status == 0, "\(made.text)")
            return try String(contentsOfFile: "\(folder)/below-\(root).pem", encoding: .utf8)
        }.joined()
    }

    let endpoint: FunctionEndpoint
    let gateway: GatewayUnderTest
    /// A file that is the trust store, where that is not in S3.
    let trustStore: String

    /// `overrides` are settings of the gateway, `credentials` its variables. The trust store is in
    /// the S3 that `moto` is, or else a file.
    init(
        _ loop: LoopKind, endpoint: FunctionEndpoint, _ overrides: [String] = [],
        credentials: [String: String] = FunctionEndpoint.credentials, moto: MotoServer? = nil
    ) throws {
        self.endpoint = endpoint
        let folder = NSTemporaryDirectory() + "postern-sample-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        trustStore = folder + "/truststore.pem"
        try FileManager.default.copyItem(
            atPath: Self.certificates + "/rootca.pem", toPath: trustStore)
        var text = try String(contentsOfFile: Self.source + "/postern.yaml", encoding: .utf8)
        let object = "s3://sample-truststore/truststore.pem"
        let replacements = [
            ("0.0.0.0:8443", "127.0.0.1:0"), ("127.0.0.1:9001", endpoint.address),
            (object, moto == nil ? trustStore : object),
            ("127.0.0.1:5000", moto?.address ?? "127.0.0.1:5000"),
            ("stateDirectory: state", "stateDirectory: \(folder)/state"),
            ("pollInterval: 60s", "pollInterval: 200ms"),
            ("certificates/server", Self.certificates + "/localhost"),
        ]
        for (old, new) in replacements {
            try #require(text.contains(old), "\(old) in the sample's configuration")
            text = text.replacingOccurrences(of: old, with: new)
        }
        gateway = try GatewayUnderTest(loop, overrides, log: true, environment: credentials) {
            [text] upstream, _ in
            text.replacingOccurrences(of: "127.0.0.1:3000", with: upstream)
        }
    }

    deinit {
        try? FileManager.default.removeItem(
            atPath: (trustStore as NSString).deletingLastPathComponent)
    }

    /// What the gateway has logged.
    var log: String {
        (try? String(contentsOfFile: gateway.folder + "/log", encoding: .utf8)) ?? ""
    }

    /// What curl prints of `GET /sayhello` with the certificate of `client`, headers included.
    func ask(
        _ client: String? = "client1", query: String = "", _ arguments: [String] = []
    ) throws -> GatewayUnderTest.Output {
        let files = Self.certificates
        var command = ["curl", "-sSi", "--max-time", "20", "--cacert", files + "/rootca.pem"]
        if let client {
            let pair = client.hasPrefix("/") ? client : "\(files)/\(client)"
            command += ["--cert", pair + ".pem", "--key", pair + ".key"]
        }
        let port = gateway.address.split(separator: ":").last ?? ""
        let url = "https://localhost:\(port)/sayhello\(query)"
        return try GatewayUnderTest.shell(command + arguments + [url])
    }
}

extension GatewayUnderTest.Output {
    /// The status of an answer that was printed with its headers; 0 when there is none.
    var httpStatus: Int {
        let line = text.split(separator: "\r\n").first?.split(separator: " ") ?? []
        return line.count > 1 && line[0].hasPrefix("HTTP/") ? Int(line[1]) ?? 0 : 0
    }

    /// Its body.
    var body: String {
        text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }
}
