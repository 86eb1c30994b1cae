import Foundation
import Testing

/// `lambda-endpoint.mjs` with one function called `authorizer`, on a port of its own.
final class FunctionEndpoint {
    /// The credentials that invocations have to be signed with.
    static let credentials = [
        "AWS_ACCESS_KEY_ID": "AKIDSAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/of+sample",
        "AWS_SESSION_TOKEN": "token==",
    ]

    private let process = Process()
    private let folder: String
    let address: String

    /// Runs the sample's authorizer, or what `script` is: a module of JavaScript. `port` 0 is any.
    init(
        _ script: String? = nil, arguments: [String] = [], environment: [String: String] = [:],
        port: String = "0"
    ) throws {
        folder = NSTemporaryDirectory() + "postern-endpoint-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var file = SampleGateway.source + "/authorizer/index.mjs"
        if let script {
            file = folder + "/function.mjs"
            try script.write(toFile: file, atomically: true, encoding: .utf8)
        }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "node", SampleGateway.source + "/lambda-endpoint.mjs", "--listen",
                "127.0.0.1:\(port)", "--port-file", folder + "/port", "--verify-signatures",
            ] + arguments + ["authorizer=" + file]
        process.environment = ProcessInfo.processInfo.environment
            .merging(Self.credentials) { $1 }.merging(environment) { $1 }
        let log = folder + "/log"
        try "".write(toFile: log, atomically: false, encoding: .utf8)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle.nullDevice
        try process.run()
        var found = ""
        for _ in 0..<500 where found.isEmpty {
            found = (try? String(contentsOfFile: folder + "/port", encoding: .utf8)) ?? ""
            if found.isEmpty { usleep(20_000) }
        }
        try #require(!found.isEmpty, "the function's endpoint did not start")
        address = "127.0.0.1:" + found
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Ends it: nobody answers at its address any more.
    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// How often the function was invoked.
    var invocations: Int {
        let text = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
        return text.components(separatedBy: #"{"function":"authorizer""#).count - 1
    }
}
