import Foundation
import Testing

@Suite("routes, headers and upstreams change under running connections", .serialized)
struct ReloadedRoutesAndUpstreams {
    @Test(
        "S24 a kept connection follows new routes, with new identity headers and a new upstream",
        arguments: LoopKind.allCases)
    func routes(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let backend = test.gateway.backendAddress
        let file = test.gateway.folder + "/postern.yaml"
        let next = try String(contentsOfFile: file, encoding: .utf8)
            .replacingOccurrences(
                of: "all: {path: /, upstream: backend}", with: "new: {path: /new, upstream: other}"
            )
            .replacingOccurrences(of: "X-Client-Cert-Sub: subject", with: "X-New: subject")
            .replacingOccurrences(
                of: "upstreams:",
                with: "upstreams:\n  other: {members: [\"\(backend)\"], queueLimit: 7}")
        try next.write(toFile: file + ".next", atomically: true, encoding: .utf8)
        let answer = try test.gateway.python(
            """
            import os
            def ask(path):
                s.sendall(b'GET ' + path + b' HTTP/1.1\\r\\nHost: localhost\\r\\n'
                          b'X-New: evil\\r\\n\\r\\n')
                data = b''
                while b'\\r\\n\\r\\n' not in data: data += s.recv(65536)
                head, body = data.split(b'\\r\\n\\r\\n', 1)
                length = int(head.lower().split(b'content-length: ')[1].split(b'\\r\\n')[0])
                while len(body) < length: body += s.recv(65536)
                return head[9:12].decode() + ' ' + body.decode().replace('\\n', ' ')
            def metrics():
                a = socket.socket(socket.AF_UNIX)
                a.connect('\(test.files)/admin.sock')
                a.sendall(b'GET /metrics HTTP/1.1\\r\\n\\r\\n')
                return all(a)
            print(ask(b'/'))
            os.rename('\(file).next', '\(file)')
            for _ in range(500):
                if b'postern_config_generation 2' in metrics(): break
                time.sleep(0.02)
            print(ask(b'/'))
            print(ask(b'/new'))
            """
        ).text
        let lines = answer.split(separator: "\n")
        try #require(lines.count == 3, "\(answer)\n\(test.log)")
        let identity = "\":\"CN=client1\""
        #expect(lines[0].hasPrefix("200") && lines[0].contains("evil"), "\(answer)")
        #expect(lines[0].contains("\"x-client-cert-sub" + identity), "\(answer)")
        #expect(lines[1].hasPrefix("404"), "\(answer)")
        #expect(lines[2].hasPrefix("200") && !lines[2].contains("evil"), "\(answer)")
        #expect(lines[2].contains("\"x-new" + identity), "\(answer)")
        #expect(!lines[2].contains("\"x-client-cert-sub\":"), "\(answer)")
    }

    @Test("new members are used, and what needs a restart is named", arguments: LoopKind.allCases)
    func members(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let gateway = test.gateway
        try test.edit(
            (gateway.backendAddress, "127.0.0.1:1"),
            (
                "listeners:",
                "tuning: {ringEntries: 128}\nlisteners:\n  more: {address: 127.0.0.1:0}"
            ))
        #expect(try test.reaches(2))
        #expect(try gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 502"))
        for key in ["tuning.ringEntries", "listeners.more (added)"] {
            #expect(
                test.log.contains("\(key) has changed, which takes effect at the next start"),
                "\(test.log)")
        }
        try test.edit(("127.0.0.1:1\"", "\(gateway.backendAddress)\""))
        #expect(try test.reaches(3))
        #expect(try gateway.curl("/").text.contains("CN=client1"))
    }

    @Test(
        "a listener that is taken out serves on as before until the next start, and may come back",
        arguments: LoopKind.allCases)
    func removedListener(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        try test.edit(("  edge:", "  other:"), ("path: /,", "path: /new,"))
        #expect(try test.reaches(2))
        for key in ["listeners.edge (removed)", "listeners.other (added)"] {
            #expect(test.log.contains("\(key) has changed, which takes effect"), "\(test.log)")
        }
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        try test.edit(("  other:", "  edge:"))
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 404"))
        #expect(try test.gateway.curl("/new").text.contains("CN=client1"))
    }
}
