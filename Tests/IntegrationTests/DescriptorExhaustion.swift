import Foundation
import Testing

/// The real binary under a hard limit of open files, which it cannot raise.
@Suite("a gateway without descriptors waits for some", .serialized)
struct DescriptorExhaustion {
    @Test(
        "stops accepting, serves whom it has, sleeps, and accepts again",
        arguments: LoopKind.allCases)
    func exhaustion(loop: LoopKind) throws {
        let gateway = try LimitedGateway(loop, descriptors: 64)
        defer { gateway.stop() }
        let answer = try GatewayUnderTest.shell(["python3", "-c", gateway.script])
        let lines = answer.text.split(separator: "\n")
        #expect(lines.first == "exhausted True", "\(answer.text)")
        #expect(lines.contains("established True"), "\(answer.text)")
        #expect(lines.contains("refused True"), "\(answer.text)")
        #expect(lines.contains("finished True"), "\(answer.text)")
        #expect(lines.contains("still True"), "\(answer.text)")
        #expect(lines.contains("backlog True"), "\(answer.text)")
        #expect(lines.contains("again True"), "\(answer.text)")
        #expect(gateway.isRunning)
        let ticks = lines.compactMap { $0.hasPrefix("ticks ") ? Int($0.dropFirst(6)) : nil }
        // A hundredth of a second each, over two seconds.
        #expect(ticks.count == 1 && ticks[0] <= 20, "\(answer.text)")
        print("\(loop.rawValue): \(ticks) ticks of CPU in 2 s without descriptors")
    }
}

/// A gateway started by a shell that lowered its limits.
private final class LimitedGateway {
    private let whole: GatewayUnderTest
    private let process = Process()
    private let address: String

    init(_ loop: LoopKind, descriptors: Int) throws {
        // Its backend, configuration and folder serve; a second gateway stands beside it.
        whole = try GatewayUnderTest(loop)
        let ready = whole.folder + "/limited"
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "ulimit -Sn \(descriptors); ulimit -Hn \(descriptors); exec \"$@\"", "sh",
            GatewayUnderTest.binary, "run", "--config", whole.folder + "/postern.yaml",
            "--io", loop.rawValue, "--workers", "1", "--ready-file", ready,
        ]
        process.environment = ["SWIFT_BACKTRACE": "enable=no", "PATH": "/usr/bin:/bin"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        var text = ""
        for _ in 0..<500 where text.isEmpty {
            text = (try? String(contentsOfFile: ready, encoding: .utf8)) ?? ""
            usleep(20_000)
        }
        let words = text.split(whereSeparator: \.isWhitespace)
        try #require(words.count >= 2, "the gateway did not start")
        address = String(words[1])
    }

    var isRunning: Bool { process.isRunning }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var script: String {
        let parts = address.split(separator: ":")
        let folder = GatewayUnderTest.certificates
        return """
            import os, socket, ssl, time
            c = ssl.create_default_context(cafile='\(folder)/ca.pem')
            c.load_cert_chain('\(folder)/client.pem', '\(folder)/client.key')
            def plain():
                return socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10)
            def serves(s):
                s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                data = b''
                while b'\\r\\n\\r\\n' not in data:
                    piece = s.recv(65536)
                    if not piece: return False
                    data += piece
                return b' 200 ' in data
            def ticks():
                text = open('/proc/\(process.processIdentifier)/stat').read()
                fields = text.split(')')[1].split()
                return int(fields[11]) + int(fields[12])
            def count():
                return len(os.listdir('/proc/\(process.processIdentifier)/fd'))
            first = c.wrap_socket(plain(), server_hostname='localhost')
            assert serves(first)
            second = c.wrap_socket(plain(), server_hostname='localhost')
            flood = [plain() for _ in range(100)]
            time.sleep(0.5)
            print('exhausted', count() >= 64)
            before = ticks()
            time.sleep(2)
            print('ticks', ticks() - before)
            print('established', all(serves(first) for _ in range(20)))
            # The only connection to the backend is busy, and there is no descriptor for another.
            first.sendall(b'GET /slow/300 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            time.sleep(0.1)
            second.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            start = time.monotonic()
            refused = second.recv(65536)[:12] in (b'HTTP/1.1 502', b'HTTP/1.1 503')
            print('refused', refused and time.monotonic() - start < 2)
            print('finished', b' 200 ' in first.recv(65536))
            time.sleep(0.3)
            print('still', serves(first))
            # One that waits in the backlog is served when the flood is gone.
            late = plain()
            for s in flood: s.close()
            late = c.wrap_socket(late, server_hostname='localhost')
            print('backlog', serves(late))
            good = 0
            for _ in range(20):
                s = c.wrap_socket(plain(), server_hostname='localhost')
                good += serves(s)
                s.close()
            print('again', good == 20)
            """
    }
}
