import Foundation
import Testing

@Suite("an access-log line says who asked for what, and where it went", .serialized)
struct AccessLogSaysWho {
    /// The lines of a log, once there are `count`.
    private static func lines(_ path: String, count: Int) throws -> [[String: Any]] {
        var lines: [Substring] = []
        for _ in 0..<250 where lines.count < count {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            lines = text.split(separator: "\n")
            if lines.count < count { usleep(20_000) }
        }
        try #require(lines.count == count)
        return try lines.map {
            let object = try JSONSerialization.jsonObject(with: Data($0.utf8))
            return try #require(object as? [String: Any])
        }
    }

    @Test("request id, virtual host, route, subject", arguments: LoopKind.allCases)
    func members(loop: LoopKind) throws {
        let path = NSTemporaryDirectory() + "postern-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let gateway = try GatewayUnderTest(
            loop, ["accessLog.path=\(path)", "http.trustedProxies=127.0.0.1"])
        let ours = try gateway.curl("/a").text
        _ = try gateway.curl("/b", certificate: "escapes", ["-H", "X-Request-Id: theirs-1"])
        _ = try gateway.curl("/c", ["-H", "Host: elsewhere.example"])
        let lines = try Self.lines(path, count: 3)
        for (line, name) in zip(lines, ["/a", "/b", "/c"]) {
            #expect(line["path"] as? String == name)
            #expect(line["virtualHost"] as? String == "main")
            #expect((line["fingerprint"] as? String)?.count == 64)
            #expect(line["client"] as? String == "127.0.0.1")
        }
        let id = try #require(lines[0]["requestId"] as? String)
        #expect(id.count == 32 && ours.contains("\"x-request-id\":\"\(id)\""), "\(ours)")
        #expect(lines[0]["subject"] as? String == "CN=client1")
        #expect(lines[0]["route"] as? String == "all")
        #expect(lines[1]["requestId"] as? String == "theirs-1")
        let escaped = #"C=US,O=Acme\, Inc.,OU=Platform,CN=client \"three\""#
        #expect(lines[1]["subject"] as? String == escaped)
        #expect(lines[2]["status"] as? Int == 421 && lines[2]["route"] == nil)
        #expect((lines[2]["requestId"] as? String)?.count == 32)
    }
}
