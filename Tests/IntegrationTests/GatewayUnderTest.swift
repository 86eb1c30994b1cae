import Foundation
import Testing

/// Which loop the gateway runs on: every scenario runs on both.
enum LoopKind: String, CaseIterable, Sendable {
    case uring = "io_uring"
    case epoll
}

/// The real binary: an echo backend and a gateway in front of it, both on ports of their own.
final class GatewayUnderTest {
    let folder: String
    let address: String
    let adminAddress: String?
    let backendAddress: String
    private let gateway: Process
    private let backend: Process

    static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["GATEWAY_BINARY"] { return path }
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return root.appendingPathComponent(".build/debug/postern").path
    }()

    /// Certificates of every kind, made once per test run.
    static let certificates: String = {
        let path =
            NSTemporaryDirectory() + "postern-test-\(ProcessInfo.processInfo.processIdentifier)"
        _ = try? shell([binary, "certificates", "test", "--output", path])
        return path
    }()

    /// `configuration` makes the file's text of the backend's address and the folder for sockets;
    /// one of its listeners is called `edge`. `output` is the gateway's standard output;
    /// with `log` its standard error goes to the file `log` of its folder. `environment` are
    /// variables of its own.
    init(
        _ loop: LoopKind, _ overrides: [String] = [], workers: Int = 1, output: Pipe? = nil,
        log: Bool = false, environment: [String: String] = [:],
        configuration: (_ upstream: String, _ folder: String) -> String = oneVirtualHost
    ) throws {
        folder = NSTemporaryDirectory() + "postern-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        backend = try Self.start([
            "echo", "--listen", "127.0.0.1:0", "--port-file", folder + "/port", "--io", "epoll",
        ])
        backendAddress = try Self.wait(for: folder + "/port")
        try configuration(backendAddress, folder).write(
            toFile: folder + "/postern.yaml", atomically: true, encoding: .utf8)
        var arguments = [
            "run", "--config", folder + "/postern.yaml", "--io", loop.rawValue,
            "--workers", "\(workers)", "--ready-file", folder + "/ready",
        ]
        for override in overrides { arguments += ["--set", override] }
        gateway = try Self.start(
            arguments, output: output, log: log ? folder + "/log" : nil,
            environment: environment)
        let ready = try Self.wait(for: folder + "/ready").split(separator: "\n")
        let edge = ready.first { $0.hasPrefix("edge ") } ?? ""
        address = String(edge.dropFirst("edge ".count))
        adminAddress = overrides.first { $0.hasPrefix("admin.address=unix:") }
            .map { String($0.dropFirst("admin.address=unix:".count)) }
    }

    deinit {
        stop(gateway)
        stop(backend)
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: Processes

    var isRunning: Bool { gateway.isRunning }
    var identifier: Int32 { gateway.processIdentifier }

    func killBackend() {
        kill(backend.processIdentifier, SIGKILL)
        backend.waitUntilExit()
    }

    func signal(_ signal: Int32) { kill(gateway.processIdentifier, signal) }

    /// Waits for the gateway's end; its exit status, or nil when it was killed by a signal.
    func exitStatus(within seconds: Double) -> Int32? {
        let deadline = Date().addingTimeInterval(seconds)
        while gateway.isRunning, Date() < deadline { usleep(20_000) }
        guard !gateway.isRunning, gateway.terminationReason == .exit else { return nil }
        return gateway.terminationStatus
    }

    private func stop(_ process: Process) {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func start(
        _ arguments: [String], output: Pipe? = nil, log: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.environment = ["SWIFT_BACKTRACE": "enable=no", "PATH": "/usr/bin:/bin"]
            .merging(environment) { $1 }
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        if let log {
            try "".write(toFile: log, atomically: false, encoding: .utf8)
            process.standardError = FileHandle(forWritingAtPath: log)
        }
        try process.run()
        return process
    }

    private static func wait(for path: String) throws -> String {
        for _ in 0..<500 {
            if let text = try? String(contentsOfFile: path, encoding: .utf8), !text.isEmpty {
                return text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            usleep(20_000)
        }
        throw Missing(path: path)
    }

    private struct Missing: Error { let path: String }

    /// One listener and one virtual host, which wants certificates.
    static func oneVirtualHost(upstream: String, folder: String) -> String {
        """
        listeners:
          edge:
            address: 127.0.0.1:0
        virtualHosts:
          main:
            serverNames: [localhost, 127.0.0.1]
            default: true
            certificates:
              main: {chain: \(certificates)/server.pem, key: \(certificates)/server.key}
            clientCertificate: required
            trustStore: clients
            identityHeaders:
              X-Client-Cert-Sub: subject
              X-Client-Cert-Sub-Base64: subjectBase64
            routes:
              all: {path: /, upstream: backend}
        trustStores:
          clients: {file: \(certificates)/ca.pem}
        upstreams:
          backend: {members: ["\(upstream)"]}
        """
    }

    // MARK: Clients

    /// What a command printed, and its exit status.
    struct Output {
        var text: String
        var status: Int32
    }

    @discardableResult
    static func shell(_ command: [String], input: String? = nil) throws -> Output {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let feed = Pipe()
        process.standardInput = feed
        try process.run()
        if let input { feed.fileHandleForWriting.write(Data(input.utf8)) }
        try feed.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Output(
            text: String(decoding: data, as: UTF8.self), status: process.terminationStatus)
    }

    /// Runs curl with the certificate called `certificate`, or none.
    func curl(
        _ path: String, certificate: String? = "client", _ arguments: [String] = []
    ) throws -> Output {
        let folder = Self.certificates
        var command = ["curl", "-sS", "--max-time", "20", "--cacert", folder + "/ca.pem"]
        if let certificate {
            command += ["--cert", "\(folder)/\(certificate).pem"]
            command += ["--key", "\(folder)/\(certificate).key"]
        }
        return try Self.shell(command + arguments + ["https://\(address)\(path)"])
    }

    /// Runs `body`, a Python script, with a verified TLS socket `s` to the gateway.
    func python(_ body: String) throws -> Output {
        let parts = address.split(separator: ":")
        let folder = Self.certificates
        let script = """
            import socket, ssl, sys, time
            c = ssl.create_default_context(cafile='\(folder)/ca.pem')
            c.load_cert_chain('\(folder)/client.pem', '\(folder)/client.key')
            def connect():
                raw = socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10)
                return c.wrap_socket(raw, server_hostname='localhost')
            def all(s):
                data = b''
                try:
                    while True:
                        piece = s.recv(65536)
                        if not piece: break
                        data += piece
                except (ssl.SSLError, ConnectionError, TimeoutError) as e:
                    data += b'!!' + type(e).__name__.encode()
                return data
            s = connect()
            \(body)
            """
        return try Self.shell(["python3", "-c", script])
    }
}
