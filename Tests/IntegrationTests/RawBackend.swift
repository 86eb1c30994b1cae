import Foundation
import TestSupport
import Testing

/// A backend that answers every request with the same bytes, and keeps what it received.
final class RawBackend {
    private let service: PythonService
    private var folder: String { service.folder }
    var address: String { service.address }

    /// - Parameters:
    ///   - end: What a request ends with.
    ///   - closes: Whether it closes after its answer.
    init(answer: String, endOfRequest end: String = "\\r\\n\\r\\n", closes: Bool = false) throws {
        service = try PythonService("backend") { folder in
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
            """
        }
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
