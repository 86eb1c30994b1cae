import Foundation
import Testing

/// `postern selftest` against our gateway, against one that is known to be weak, and against what
/// would let it pass without having tried anything.
@Suite(
    "the self-test finds nothing here, what is known elsewhere, and never passes vacuously",
    .serialized)
struct SelftestFindsSpoofs {
    private static let certificates = GatewayUnderTest.certificates

    private static func selftest(
        _ address: String, certificate: String? = "client", _ arguments: [String] = [],
        timeout: Int = 30
    ) throws -> GatewayUnderTest.Output {
        var command = [
            GatewayUnderTest.binary, "selftest", "--target", "https://\(address)",
            "--ca", "\(certificates)/ca.pem", "--timeout", "\(timeout)",
        ]
        if let certificate {
            command += ["--cert", "\(certificates)/\(certificate).pem"]
            command += ["--key", "\(certificates)/\(certificate).key"]
        }
        return try GatewayUnderTest.shell(command + arguments)
    }

    @Test(
        "S21 S22 S23 S24 S25 nothing gets through a gateway that requires certificates",
        arguments: LoopKind.allCases)
    func required(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop)
        let found = try Self.selftest(gateway.address)
        #expect(found.status == 0, "\(found.text)")
        #expect(found.text.contains("with the certificate: the backend gets x-client-cert-sub\n"))
        #expect(found.text.contains("without a certificate: not applicable"))
        #expect(found.text.contains("\n0 of "))
        #expect(!found.text.contains("; besides, "), "a path was passed on: \(found.text)")
        let names = ["X-Client-Cert-Sub-Base64", "X-Client-Cert-Sub"]
        let both = try Self.selftest(gateway.address, names.flatMap { ["--header", $0] })
        #expect(both.status == 0, "\(both.text)")
        #expect(both.text.contains("gets x-client-cert-sub, x-client-cert-sub-base64\n"))
        #expect(gateway.isRunning)
    }

    private static func manyPresets(upstream: String, folder: String) -> String {
        GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
            .replacingOccurrences(
                of: """
                    identityHeaders:
                          X-Client-Cert-Sub: subject
                          X-Client-Cert-Sub-Base64: subjectBase64
                    """, with: "identity: many"
            )
            .replacingOccurrences(
                of: "clientCertificate: required", with: "clientCertificate: optional"
            )
            .replacingOccurrences(
                of: "upstream: backend}", with: "upstream: backend, requireCertificate: false}")
                + """

                identitySets:
                  many:
                    presets: [aws-sample, aws-cloudfront, rfc9440, xfcc, nginx, traefik, gcp, azure]
                    totalLimit: 60000
                """
    }

    @Test(
        "S21 S22 S23 S24 S25 nothing gets through with many presets, or from anonymous clients",
        arguments: LoopKind.allCases)
    func presets(loop: LoopKind) throws {
        let gateway = try GatewayUnderTest(loop, configuration: Self.manyPresets)
        let found = try Self.selftest(gateway.address)
        #expect(found.status == 0, "\(found.text)")
        #expect(found.text.contains("x-forwarded-client-cert, x-forwarded-tls-client-cert"))
        #expect(found.text.contains("without a certificate: the backend gets cloudfront-viewer"))
        #expect(found.text.contains("\n0 of "))
    }

    @Test("every probe is in the JSON, which anonymous clients alone can make")
    func json() throws {
        let gateway = try GatewayUnderTest(.epoll, configuration: Self.manyPresets)
        let found = try Self.selftest(
            gateway.address, certificate: nil, ["--json", "--header", "X-Client-Cert-Sub"])
        #expect(found.status == 0, "\(found.text)")
        #expect(found.text.hasPrefix("{\"target\":\"\(gateway.address)\",\"exitCode\":0,"))
        #expect(
            found.text.contains(
                #"{"kind":"alias","name":"X_Client_Cert_Sub","verdict":"stripped"}"#))
    }

    @Test("what proves nothing is 1: no echo backend, no client, no header, no gateway")
    func vacuous() throws {
        let gateway = try GatewayUnderTest(.epoll)
        let cases: [(String?, [String], String)] = [
            ("client", ["--path", "/status/200"], "not from the echo backend"),
            ("foreign", [], "the client with the certificate is refused"),
            (nil, [], "no probe reached the echo backend"),
            ("client", ["--header", "X-Client-Cert-Other"], "name yours with --header"),
        ]
        for (certificate, arguments, reason) in cases {
            let found = try Self.selftest(gateway.address, certificate: certificate, arguments)
            #expect(found.status == 1 && found.text.contains(reason), "\(found.text)")
        }
        let unowned = try Self.selftest(gateway.address, ["--header", "X-Other"])
        #expect(unowned.status == 3, "a header that the gateway does not own: \(unowned.text)")
        let slow = try Self.selftest(
            gateway.address, ["--path", "/slow/20000"], timeout: 1)
        #expect(slow.status == 1 && slow.text.contains("no answer in time"), "\(slow.text)")
        gateway.killBackend()
        let alone = try Self.selftest(gateway.address)
        #expect(alone.status == 1 && alone.text.contains("status 50"), "\(alone.text)")
        let nobody = try Self.selftest("127.0.0.1:\(try Self.freePort())")
        #expect(nobody.status == 1 && nobody.text.contains("cannot be reached"), "\(nobody.text)")
        #expect(try Self.selftest("localhost", timeout: 0).status == 64)
    }

    // MARK: HAProxy

    private static let haproxy = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try bindToLoopback(descriptor).port
    }

    /// Runs `body` with the address of HAProxy in front of `gateway`'s echo backend; it has
    /// `rules` and nothing else.
    private static func withHAProxy(
        _ rules: String, before gateway: GatewayUnderTest, _ body: (String) throws -> Void
    ) throws {
        let address = "127.0.0.1:\(try freePort())"
        let pair = try ["server.pem", "server.key"]
            .map { try String(contentsOfFile: "\(certificates)/\($0)", encoding: .utf8) }
        let folder = gateway.folder
        try pair.joined().write(toFile: folder + "/pair.pem", atomically: true, encoding: .utf8)
        try """
        defaults
          mode http
          timeout connect 5s
          timeout client 5s
          timeout server 5s
        frontend edge
          bind \(address) ssl crt \(folder)/pair.pem ca-file \(certificates)/ca.pem verify optional
          \(rules)
          default_backend echo
        backend echo
          server one \(gateway.backendAddress)

        """.write(toFile: folder + "/haproxy.cfg", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(haproxy))
        process.arguments = ["-db", "-f", folder + "/haproxy.cfg"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        var status: Int32 = 7  // curl's "cannot connect"
        for _ in 0..<200 where status == 7 && process.isRunning {
            status = try GatewayUnderTest.shell(["curl", "-sk", "https://\(address)/"]).status
            if status == 7 { usleep(20_000) }
        }
        try #require(status == 0, "HAProxy does not serve: \(status)")
        try body(address)
    }

    @Test(
        "S23 S24 a plain set-header lets aliases, nominations and trailers through",
        .enabled(if: haproxy != nil, "haproxy is not installed"))
    func setHeader() throws {
        let gateway = try GatewayUnderTest(.epoll)
        try Self.withHAProxy(
            "http-request set-header X-Client-Cert-Sub %[ssl_c_s_dn]", before: gateway
        ) { address in
            let found = try Self.selftest(address, ["--header", "X-Client-Cert-Sub"])
            #expect(found.status == 3, "\(found.text)")
            for line in [
                "GOT THROUGH: alias, X_Client_Cert_Sub: the backend saw x_client_cert_sub: spoof",
                "GOT THROUGH: connection, X-Client-Cert-Sub nominated: Connection nominates X-Cl",
                "GOT THROUGH: trailer, X-Client-Cert-Sub: the backend saw x-client-cert-sub: spo",
                "GOT THROUGH: upgrade, h2c: the backend saw upgrade: h2c",
                "GOT THROUGH: path, /a/%2e%2e/b: the backend saw this path as it was sent",
            ] {
                #expect(found.text.contains(line), "\(line): \(found.text)")
            }
            #expect(!found.text.contains("GOT THROUGH: plain"), "it is overwritten")
        }
    }

    @Test(
        "S24 a plain add-header lets the header itself through",
        .enabled(if: haproxy != nil, "haproxy is not installed"))
    func addHeader() throws {
        let gateway = try GatewayUnderTest(.epoll)
        try Self.withHAProxy(
            "http-request add-header X-Client-Cert-Sub %[ssl_c_s_dn]", before: gateway
        ) { address in
            let found = try Self.selftest(address, ["--header", "X-Client-Cert-Sub"])
            #expect(found.status == 3, "\(found.text)")
            for kind in [
                "plain, X-Client-Cert-Sub", "case, x-client-cert-sub",
                "duplicate, X-Client-Cert-Sub twice", "pipelining, behind GET",
            ] {
                #expect(
                    found.text.contains("GOT THROUGH: \(kind): the backend saw"), "\(found.text)")
            }
        }
    }
}
