import Foundation
import Testing

@Suite("a client that is refused leaves one event that says why", .serialized)
struct HandshakeFailuresAreExplained {
    struct Case: Sendable {
        var certificate: String?
        var cause: String
        var code: Int?
        var depth: Int?
        var subject: String?
        var hint: String
    }

    static let cases = [
        Case(
            certificate: "expired", cause: "expired", code: 10, depth: 0, subject: "CN=client1",
            hint: "renew"),
        Case(
            certificate: "not-yet-valid", cause: "not_yet_valid", code: 9, depth: 0,
            subject: "CN=client1", hint: "wait"),
        Case(
            certificate: "foreign", cause: "untrusted", code: 20, depth: 0,
            subject: "CN=client1", hint: "intermediate"),
        Case(
            certificate: "wrong-usage", cause: "wrong_purpose", code: 26, depth: 0,
            subject: "CN=client1", hint: "clientAuth"),
        Case(
            certificate: "too-deep", cause: "chain_too_long", code: 22, depth: nil, subject: nil,
            hint: "chainLength"),
        Case(
            certificate: "self-signed", cause: "untrusted", code: 18, depth: 0,
            subject: "CN=client1", hint: "self-signed"),
        Case(certificate: nil, cause: "no_certificate", code: 199, hint: "configure the client"),
    ]

    private final class Files {
        let log = NSTemporaryDirectory() + "hf-\(UUID().uuidString.prefix(8)).log"
        let admin = NSTemporaryDirectory() + "hf-\(UUID().uuidString.prefix(8))"
        var overrides: [String] { ["accessLog.path=\(log)", "admin.address=unix:\(admin)"] }

        deinit { try? FileManager.default.removeItem(atPath: log) }

        /// The lines of the log, once there are `count` or no more come.
        func lines(_ count: Int) -> [[String: Any]] {
            var lines: [Substring] = []
            for _ in 0..<250 {
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                lines = text.split(separator: "\n")
                if lines.count >= count { break }
                usleep(20_000)
            }
            return lines.map { line in
                let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
                return object as? [String: Any] ?? ["broken": String(line)]
            }
        }

        func metric(_ name: String) throws -> Int {
            let text = try GatewayUnderTest.shell([
                "curl", "-sS", "--unix-socket", admin, "http://admin/metrics",
            ]).text
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            return Int(line?.split(separator: " ").last ?? "") ?? -1
        }
    }

    private static func openssl(_ file: String, _ option: String) throws -> String {
        let text = try GatewayUnderTest.shell(
            [
                "openssl", "x509", "-noout", "-in", file, option,
            ] + (option == "-fingerprint" ? ["-sha256"] : [])
        ).text
        let value = text.split(separator: "\n").first?.split(separator: "=").last ?? ""
        return value.replacing(":", with: "").lowercased()
    }

    @Test("one event each, with the right fields", arguments: LoopKind.allCases)
    func events(loop: LoopKind) throws {
        let files = Files()
        let gateway = try GatewayUnderTest(loop, files.overrides)
        for (index, expected) in Self.cases.enumerated() {
            let result = try gateway.curl("/", certificate: expected.certificate)
            #expect(result.status != 0)
            let lines = files.lines(index + 1)
            let name = expected.certificate ?? "none"
            #expect(lines.count == index + 1, "\(name)")
            let event = try #require(lines.last)
            #expect(event["event"] as? String == "handshake_failed", "\(event)")
            #expect(event["cause"] as? String == expected.cause, "\(name): \(event)")
            #expect(event["code"] as? Int == expected.code, "\(name): \(event)")
            #expect((event["hint"] as? String)?.contains(expected.hint) == true, "\(event)")
            #expect(event["client"] as? String == "127.0.0.1")
            #expect(event["tls"] as? String == "TLSv1.3")
            #expect(event["alert"] is Int && event["suppressed"] == nil)
            if let depth = expected.depth { #expect(event["depth"] as? Int == depth, "\(name)") }
            if let subject = expected.subject {
                #expect(event["subject"] as? String == subject, "\(name)")
                #expect(event["leafSubject"] as? String == subject, "\(name)")
            }
            guard let certificate = expected.certificate else {
                #expect(event["leafSubject"] == nil)
                continue
            }
            let path = "\(GatewayUnderTest.certificates)/\(certificate).pem"
            #expect(
                event["leafFingerprint"] as? String
                    == (try Self.openssl(path, "-fingerprint")), "\(name)")
            #expect(event["leafSerial"] as? String == (try Self.openssl(path, "-serial")))
            #expect((event["leafIssuer"] as? String)?.hasPrefix("CN=") == true)
        }
        #expect(try files.metric(#"postern_handshakes_failed_total{reason="untrusted"}"#) == 2)
        #expect(try files.metric(#"postern_handshakes_failed_total{reason="expired"}"#) == 1)
    }

    @Test(
        "a client that distrusts us, names no header can carry, and an SNI",
        arguments: LoopKind.allCases)
    func others(loop: LoopKind) throws {
        let files = Files()
        let gateway = try GatewayUnderTest(loop, files.overrides)
        let port = gateway.address.split(separator: ":").last ?? ""
        let folder = GatewayUnderTest.certificates
        _ = try GatewayUnderTest.shell([
            "curl", "-sS", "--cacert", "\(folder)/foreign.pem", "--resolve",
            "localhost:\(port):127.0.0.1", "https://localhost:\(port)/",
        ])
        let refused = try #require(files.lines(1).last)
        #expect(refused["cause"] as? String == "peer_alert", "\(refused)")
        #expect(refused["sni"] as? String == "localhost")
        #expect(refused["alert"] as? Int == 48)
        #expect((refused["hint"] as? String)?.contains("does not trust") == true)
        #expect(try gateway.curl("/", certificate: "control-characters").status != 0)
        let identity = try #require(files.lines(2).last)
        #expect(identity["event"] as? String == "identity_refused", "\(identity)")
        #expect(identity["leafSubject"] as? String == #"CN=evil\0D\0AX-Admin: 1"#)
    }

    @Test(
        "a burst of 500 failures is limited, and nothing is lost count of",
        arguments: LoopKind.allCases)
    func burst(loop: LoopKind) throws {
        let files = Files()
        let gateway = try GatewayUnderTest(
            loop, ["limits.handshakeFailuresPerSource=0"] + files.overrides)
        let parts = gateway.address.split(separator: ":")
        let started = Date()
        let answer = try gateway.python(
            """
            for _ in range(500):
                try:
                    raw = socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10)
                    raw.sendall(b'this is not TLS\\r\\n')
                    while raw.recv(100): pass
                except ConnectionError: pass
                finally: raw.close()
            print('done')
            """)
        #expect(answer.text == "done\n")
        #expect(try files.metric(#"postern_handshakes_failed_total{reason="not_tls"}"#) == 500)
        let suppressed = try files.metric("postern_handshake_events_suppressed_total")
        let seconds = Date().timeIntervalSince(started)
        let events = files.lines(500 - suppressed)
        #expect(events.count + suppressed == 500)
        #expect(Double(events.count) <= 50 + 50 * (seconds + 1))
        #expect(suppressed > 0, "\(seconds) s")
        let named = events.reduce(0) { $0 + ($1["suppressed"] as? Int ?? 0) }
        #expect(named > 0 && named <= suppressed)
        #expect(events.allSatisfy { $0["cause"] as? String == "not_tls" })
    }
}
