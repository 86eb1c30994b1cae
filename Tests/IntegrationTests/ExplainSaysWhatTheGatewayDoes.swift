import Foundation
import Testing

@Suite("explain says what the gateway does", .serialized)
struct ExplainSaysWhatTheGatewayDoes {
    private struct Answer {
        let object: [String: Any]
        let status: Int32

        var verdict: String { object["verdict"] as? String ?? "" }
        var failure: [String: Any] { object["failure"] as? [String: Any] ?? [:] }
        var headers: [String] { object["identityHeaders"] as? [String] ?? [] }
    }

    /// What explain says of `certificate` to the configuration in `folder`.
    private func explain(
        _ folder: String, _ certificate: String, _ arguments: [String]
    ) throws -> Answer {
        let result = try GatewayUnderTest.shell(
            [
                GatewayUnderTest.binary, "explain", "--json", "--config",
                folder + "/postern.yaml", "--cert",
                "\(GatewayUnderTest.certificates)/\(certificate).pem",
            ] + arguments)
        let object = try? JSONSerialization.jsonObject(with: Data(result.text.utf8))
        return Answer(object: object as? [String: Any] ?? [:], status: result.status)
    }

    static let kinds = [
        "client", "intermediate", "escapes", "expired", "not-yet-valid", "wrong-usage", "foreign",
        "same-name-wrong-key", "self-signed", "too-deep", "rsa2048", "p384", "ed25519",
        "two-names", "control-characters", "nul",
    ]

    @Test("of every kind of certificate", arguments: LoopKind.allCases)
    func kinds(loop: LoopKind) throws {
        let log = NSTemporaryDirectory() + "ex-\(UUID().uuidString.prefix(8)).log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let gateway = try GatewayUnderTest(loop, ["accessLog.path=\(log)"])
        var lines = 0
        for kind in Self.kinds {
            let answer = try explain(gateway.folder, kind, ["--sni", "localhost", "--path", "/x"])
            let served = try gateway.curl("/x", certificate: kind)
            #expect((answer.status == 0) == (served.status == 0), "\(kind): \(answer)")
            #expect(answer.status == 0 || answer.status == 3, "\(kind)")
            #expect(answer.verdict == (answer.status == 0 ? "accepted" : "refused"))
            lines += 1
            let event = try #require(Self.line(lines, of: log), "\(kind)")
            if answer.status == 0 {
                for header in answer.headers {
                    let parts = header.split(separator: ": ", maxSplits: 1)
                    let echoed = try JSONSerialization.jsonObject(with: Data(served.text.utf8))
                    let headers = (echoed as? [String: Any])?["requestHeaders"] as? [String: Any]
                    let value = headers?[parts[0].lowercased()] as? String
                    #expect(value == String(parts[1]), "\(kind): \(served.text)")
                }
                #expect(answer.headers.count == 2)
            } else if answer.failure["stage"] as? String == "handshake" {
                for key in ["cause", "reason", "hint", "subject"] {
                    #expect(
                        answer.failure[key] as? String == event[key] as? String, "\(kind) \(key)")
                }
                #expect(answer.failure["code"] as? Int == event["code"] as? Int, "\(kind)")
                #expect(answer.failure["depth"] as? Int == event["depth"] as? Int, "\(kind)")
            } else {
                #expect(event["event"] as? String == "identity_refused", "\(kind)")
                #expect(answer.failure["hint"] as? String == event["hint"] as? String)
            }
        }
    }

    /// The access log's line of that number, from 1, once it is there.
    private static func line(_ number: Int, of log: String) -> [String: Any]? {
        for _ in 0..<250 {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            let lines = text.split(separator: "\n")
            if lines.count >= number {
                let object = try? JSONSerialization.jsonObject(
                    with: Data(lines[number - 1].utf8))
                return object as? [String: Any]
            }
            usleep(20_000)
        }
        return nil
    }

    /// The configuration of `oneVirtualHost`, with a deny list, and routes of two kinds.
    private static func withRules(upstream: String, folder: String) -> String {
        GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
            .replacing("clientCertificate: required", with: "clientCertificate: optional")
            .replacing("default: true", with: "default: false")
            .replacing(
                "all: {path: /, upstream: backend}",
                with: """
                    all: {path: /secret, upstream: backend}
                          open: {path: /open, upstream: backend, requireCertificate: false}
                    """)
            + "\nrevocation:\n  denyList: \(folder)/deny.txt\n"
    }

    @Test("of names, paths, times, a deny list and bad input")
    func rest() throws {
        let folder = try Self.configuration()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let here = ["--sni", "localhost"]
        let cases: [([String], Int32, String?)] = [
            (here, 0, nil),
            (here + ["--path", "/secret/x"], 0, nil),
            (here + ["--path", "/open"], 0, nil),
            (here + ["--path", "/"], 3, "no_route"),
            (here + ["--path", "/secret/../open"], 3, "bad_request"),
            (["--sni", "other.test"], 3, "unknown_server_name"),
            ([], 3, "unknown_server_name"),
            (here + ["--at", "2051-01-01"], 3, "expired"),
            (here + ["--at", "2020-01-01T00:00:00Z"], 3, "not_yet_valid"),
            (here + ["--at", "yesterday"], 64, nil),
            (here + ["--at", "2026-02-30"], 64, nil),
            (here + ["--listener", "nowhere"], 1, nil),
        ]
        for (arguments, status, cause) in cases {
            let answer = try explain(folder, "client", arguments)
            #expect(answer.status == status, "\(arguments): \(answer.object)")
            #expect(answer.failure["cause"] as? String == cause, "\(arguments)")
        }
        #expect(try explain(folder, "no-such-file", here).status == 1)
        #expect(
            try explain(folder, "client", here).headers.first == "X-Client-Cert-Sub: CN=client1")
        let print =
            try GatewayUnderTest.shell([
                "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                GatewayUnderTest.certificates + "/client.pem",
            ]).text.split(separator: "=").last ?? ""
        try "sha256:\(print)".write(
            toFile: folder + "/deny.txt", atomically: true, encoding: .utf8)
        let denied = try explain(folder, "client", here)
        #expect(denied.status == 3 && denied.failure["cause"] as? String == "revoked")
        #expect(try explain(folder, "p384", here).status == 0)
        let text = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "explain", "--config", folder + "/postern.yaml",
            "--cert", GatewayUnderTest.certificates + "/client.pem", "--sni", "localhost",
        ])
        #expect(text.status == 3 && text.text.hasPrefix("verdict: refused\n"))
        #expect(text.text.contains("\(folder)/deny.txt: named"))
    }

    private static func configuration() throws -> String {
        let folder = NSTemporaryDirectory() + "postern-ex-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try withRules(upstream: "127.0.0.1:9", folder: folder).write(
            toFile: folder + "/postern.yaml", atomically: true, encoding: .utf8)
        try "# nobody\n".write(toFile: folder + "/deny.txt", atomically: true, encoding: .utf8)
        return folder
    }
}
