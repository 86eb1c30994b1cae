import Foundation
import Testing

@Suite("clients that are revoked are gone at once", .serialized)
struct RevokedClientsAreGoneAtOnce {
    /// Asks over one connection, changes a file by `change`, and waits for the connection's end;
    /// prints the first status, what came then, and how long that took.
    private func idleOver(_ change: String, _ test: ReloadedGateway) throws -> String {
        try test.gateway.python(
            """
            import os, time
            def ask():
                s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                return s.recv(65536)[9:12].decode()
            first = ask()
            start = time.monotonic()
            \(change)
            rest = all(s)
            print(first, rest, 'late' if time.monotonic() - start > 2 else 'soon')
            """
        ).text
    }

    @Test(
        "S19 a line in the deny list ends an idle connection within 2 s, and others go on",
        arguments: LoopKind.allCases)
    func denied(loop: LoopKind) throws {
        let deny = NSTemporaryDirectory() + "postern-deny-\(UUID().uuidString)"
        try "# nobody yet\n".write(toFile: deny, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: deny) }
        let test = try ReloadedGateway(loop, ["revocation.denyList=\(deny)"])
        let source = GatewayUnderTest.certificates
        let shown = try GatewayUnderTest.shell([
            "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", source + "/client.pem",
        ]).text
        let fingerprint = try #require(shown.split(separator: "=").last)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let answer = try idleOver(
            """
            open('\(deny).new', 'w').write('sha256:\(fingerprint)\\n')
            os.rename('\(deny).new', '\(deny)')
            """, test)
        #expect(answer.hasPrefix("200 ") && answer.contains("soon"), "\(answer)")
        #expect(!answer.contains("!!"), "\(answer)")
        #expect(try test.gateway.curl("/").status != 0)
        let closed = "postern_connections_closed_total{reason=\"certificate_revoked\"}"
        #expect(try test.metric(closed) == 1)
        // How long the worker's turns were is measured.
        #expect(try test.metric("postern_sweep_turn_cpu_microseconds_largest") > 0)
        // A broken file changes nothing.
        try "nonsense\n".write(toFile: deny, atomically: true, encoding: .utf8)
        #expect(try test.reaches(1, "postern_config_reload_failures_total"))
        #expect(try test.gateway.curl("/").status != 0)
        // And what is taken off the list is welcome again.
        try "# nobody\n".write(toFile: deny, atomically: true, encoding: .utf8)
        var isBack = false
        for _ in 0..<100 where !isBack {
            isBack = try test.gateway.curl("/").status == 0
            if !isBack { usleep(50_000) }
        }
        #expect(isBack)
    }
}
