public import Foundation
import Testing

/// A service in Python on a port of its own, for as long as the object. The script writes the port
/// to the file `port` in its folder, whole, and what it wants to tell into other files there.
public final class PythonService {
    private let process = Process()
    /// Its folder, which goes with it.
    public let folder: String
    /// Where it listens: `127.0.0.1:PORT`.
    public let address: String

    /// Runs what `script` makes of the folder. Its arguments are the folder, then `arguments`.
    public init(
        _ name: String, _ arguments: [String] = [], script: (_ folder: String) -> String
    ) throws {
        folder = NSTemporaryDirectory() + "postern-\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script(folder), folder] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        var port = ""
        for _ in 0..<500 where port.isEmpty {
            port = (try? String(contentsOfFile: folder + "/port", encoding: .utf8)) ?? ""
            if port.isEmpty { usleep(20_000) }
        }
        try #require(!port.isEmpty, "the \(name) did not start")
        address = "127.0.0.1:" + port
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The lines of its file `log` so far.
    public var log: [Data] {
        let text = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { Data($0.utf8) }
    }
}
