import Foundation
import Testing

/// A backend that answers every request with the same bytes, and keeps what it received.
final class RawBackend {
    private let process = Process()
    private let folder: String
    let address: String

    /// - Parameters:
    ///   - end: What a request ends with.
    ///   - closes: Whether it closes after its answer.
    init(answer: String, endOfRequest end: String = "\\r\\n\\r\\n", closes: Bool = false) throws {
        folder = NSTemporaryDirectory() + "postern-backend-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import os, socket, threading
            def serve(s):
                held = b''
                try:
                    while True:
                        piece = s.recv(65536)
                        if not piece: return
                        open('\(folder)/received', 'ab').write(piece)
                        held += piece
                        if held.endswith(b'\(end)'):
                            held = b''
                            s.sendall(b'\(answer)')
                            if \(closes ? "True" : "False"): return
                except OSError: pass
                finally: s.close()
            l = socket.create_server(('127.0.0.1', 0))
            open('\(folder)/port.new', 'w').write(str(l.getsockname()[1]))
            os.rename('\(folder)/port.new', '\(folder)/port')
            while True:
                threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
            """,
        ]
        try process.run()
        var port = ""
        for _ in 0..<500 where port.isEmpty {
            port = (try? String(contentsOfFile: folder + "/port", encoding: .utf8)) ?? ""
            if port.isEmpty { usleep(20_000) }
        }
        try #require(!port.isEmpty, "the backend did not start")
        address = "127.0.0.1:" + port
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The same, whatever it is.
    var receivedBytes: Data {
        FileManager.default.contents(atPath: folder + "/received") ?? Data()
    }

    /// All bytes received so far, on all connections.
    var received: String {
        (try? String(contentsOfFile: folder + "/received", encoding: .utf8)) ?? ""
    }
}
