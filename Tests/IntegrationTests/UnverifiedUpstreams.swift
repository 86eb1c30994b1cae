import Foundation
import Testing

@Suite("no request goes to an upstream that is not who it should be", .serialized)
struct UnverifiedUpstreams {
    /// A backend that should be refused, and how the log says why.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var certificate = "good"
        var serverName = "localhost"
        var newest = "TLSv1_3"
        var asksForCertificate = false
        var overrides: [String] = []
        let cause: String
        let reason: String
    }

    static let cases = [
        Case(
            testDescription: "another name", certificate: "other", cause: "name_mismatch",
            reason: "hostname mismatch"),
        Case(
            testDescription: "another address", certificate: "other", serverName: "127.0.0.1",
            cause: "name_mismatch", reason: "IP address mismatch"),
        Case(
            testDescription: "not the name that is asked for", serverName: "api.test",
            cause: "name_mismatch",
            reason: "hostname mismatch"),
        Case(
            testDescription: "an unknown authority",
            overrides: ["upstreams.backend.tls.trust=\(GatewayUnderTest.certificates)/ca.pem"],
            cause: "untrusted", reason: "unable to get local issuer certificate"),
        Case(
            testDescription: "expired", certificate: "expired", cause: "expired",
            reason: "certificate has expired"),
        Case(
            testDescription: "an old version", newest: "TLSv1_2",
            overrides: ["upstreams.backend.tls.minimumVersion=1.3"],
            cause: "no_shared_parameters", reason: "protocol version"),
        Case(
            testDescription: "it misses our certificate", newest: "TLSv1_2",
            asksForCertificate: true, cause: "no_shared_parameters", reason: "handshake failure"),
    ]

    private static func gateway(
        _ loop: LoopKind, member: String, _ certificates: UpstreamCertificates,
        _ overrides: [String] = []
    ) throws -> GatewayUnderTest {
        try GatewayUnderTest(
            loop,
            [
                "upstreams.backend.tls.trust=\(certificates.folder)/ca.pem",
                "accessLog.path=\(certificates.folder)/access.log",
            ] + overrides, log: true
        ) { _, folder in
            GatewayUnderTest.oneVirtualHost(upstream: member, folder: folder)
        }
    }

    /// Waits until the file has `text` in it; what it has then.
    private static func wait(for text: String, in path: String) -> String {
        var content = ""
        for _ in 0..<200 where !content.contains(text) {
            content = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            if !content.contains(text) { usleep(25_000) }
        }
        return content
    }

    @Test("502, and the logs say why", arguments: LoopKind.allCases, cases)
    func refused(loop: LoopKind, test: Case) throws {
        let certificates = try UpstreamCertificates()
        let backend = try SecureBackend(
            certificate: "\(certificates.folder)/\(test.certificate)",
            clientAuthority: test.asksForCertificate ? certificates.folder + "/ca.pem" : nil,
            newest: test.newest)
        let gateway = try Self.gateway(
            loop, member: backend.address, certificates,
            ["upstreams.backend.tls.serverName=\(test.serverName)"] + test.overrides)
        let answer = try gateway.curl("/", ["-i", "-d", "some=secret"]).text
        #expect(answer.hasPrefix("HTTP/1.1 502"), "\(answer)")
        let access = Self.wait(
            for: #""refused":"upstream_tls_failed""#, in: certificates.folder + "/access.log")
        let event = access.split(separator: "\n").first { $0.contains("\"event\"") } ?? ""
        #expect(event.contains(#""event":"upstream_tls_failed","upstream":"backend""#), "\(access)")
        #expect(event.contains(#""cause":"\#(test.cause)""#), "\(access)")
        #expect(event.contains(test.reason), "\(access)")
        #expect(event.contains("127.0.0.1:\(backend.port)"), "\(access)")
        let log = Self.wait(for: "TLS with", in: gateway.folder + "/log")
        #expect(log.contains("warning") && log.contains(test.reason), "\(log)")
        #expect(backend.handshakes.allSatisfy { $0.failed != nil })
    }

    @Test("TLS 1.3: a certificate is missed after the handshake", arguments: LoopKind.allCases)
    func late(loop: LoopKind) throws {
        let certificates = try UpstreamCertificates()
        let backend = try SecureBackend(
            certificate: certificates.folder + "/good",
            clientAuthority: certificates.folder + "/ca.pem")
        let gateway = try Self.gateway(
            loop, member: backend.address, certificates,
            ["upstreams.backend.tls.serverName=localhost"])
        #expect(try gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 502"))
        let access = Self.wait(for: "\"refused\"", in: certificates.folder + "/access.log")
        #expect(access.contains("the upstream refused us by a TLS alert"), "\(access)")
        #expect(access.contains("certificate required"), "\(access)")
    }

    @Test(
        "a server of plain text gets a ClientHello, and nothing else", arguments: LoopKind.allCases)
    func plain(loop: LoopKind) throws {
        let certificates = try UpstreamCertificates()
        let backend = try RawBackend(
            answer: "HTTP/1.1 400 Bad Request\\r\\n\\r\\n", endOfRequest: "", closes: true)
        let gateway = try Self.gateway(loop, member: backend.address, certificates)
        let answer = try gateway.curl("/", ["-i", "-d", "some=secret"]).text
        #expect(answer.hasPrefix("HTTP/1.1 502"), "\(answer)")
        let access = Self.wait(for: "\"refused\"", in: certificates.folder + "/access.log")
        #expect(access.contains(#""cause":"not_tls""#), "\(access)")
        let received = backend.receivedBytes
        #expect(received.first == 22 && received.range(of: Data("secret".utf8)) == nil)
        #expect(received.range(of: Data("POST".utf8)) == nil)
    }

    @Test("a silent one is a timeout; the next member serves", arguments: LoopKind.allCases)
    func others(loop: LoopKind) throws {
        let certificates = try UpstreamCertificates()
        let silent = try SilentPort()
        defer { withExtendedLifetime(silent) {} }
        let patience = [
            "timeouts.upstreamConnect=300ms", "upstreams.backend.ejectionFailures=0",
            "upstreams.backend.tls.serverName=localhost",
        ]
        let alone = try Self.gateway(loop, member: silent.address, certificates, patience)
        #expect(try alone.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 504"))
        let bad = try SecureBackend(certificate: certificates.folder + "/other")
        let good = try SecureBackend(certificate: certificates.folder + "/good")
        let members = [silent.address, bad.address, good.address]
        let gateway = try Self.gateway(
            loop, member: members.joined(separator: "\", \""), certificates,
            patience + ["upstreams.backend.maxRequestsPerConnection=1"])
        let print = ["-o", "/dev/null", "-w", "%{http_code}\\n", "-d", "some=body"]
        let statuses = try gateway.curl("/[1-9]", print).text
        #expect(statuses.split(separator: "\n") == Array(repeating: "200", count: 9))
        #expect(bad.handshakes.allSatisfy { $0.failed != nil })
    }

    @Test("a new authority counts at once, and so does its return", arguments: LoopKind.allCases)
    func reload(loop: LoopKind) throws {
        let (own, other) = (try UpstreamCertificates(), try UpstreamCertificates())
        let backend = try SecureBackend(certificate: own.folder + "/good")
        let test = try ReloadedGateway(loop)
        try test.replace("upstream.pem", by: own.folder + "/ca.pem")
        try test.edit(
            (
                "[\"\(test.gateway.backendAddress)\"]",
                "[\"\(backend.address)\"], tls: {trust: \(test.files)/upstream.pem}"
            ))
        #expect(try test.reaches(2))
        #expect(try test.gateway.curl("/[1-3]", ["-w", "\\n"]).text.contains("1.1\n"))
        try test.replace("upstream.pem", by: other.folder + "/ca.pem")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 502"))
        try test.replace("upstream.pem", by: own.folder + "/ca.pem")
        #expect(try test.reaches(4))
        #expect(try test.gateway.curl("/").text.hasSuffix(".1"))
        try "no certificate".write(
            toFile: own.folder + "/bad.pem", atomically: true, encoding: .utf8)
        try test.replace("upstream.pem", by: own.folder + "/bad.pem")
        #expect(try test.reaches(1, "postern_config_reload_failures_total"))
        #expect(test.log.contains("upstreams.backend.tls.trust"), "\(test.log)")
        #expect(
            try test.gateway.curl("/", ["-o", "/dev/null", "-w", "%{http_code}"]).text == "200")
    }
}

/// A loopback port whose connections nobody answers.
private final class SilentPort {
    private let descriptor: Int32
    let address: String

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        address = "127.0.0.1:\(try bindToLoopback(descriptor).port)"
        try #require(listen(descriptor, 64) == 0)
    }

    deinit { close(descriptor) }
}
