import TLS
import Testing

@testable import GatewayConfiguration

@Suite("S18 revocation is configured by issuer") struct RevocationSettingsTests {
    private let minimal = """
        listeners: {edge: {address: "127.0.0.1:8443"}}
        virtualHosts:
          main:
            default: true
            certificates: {main: {chain: c.pem, key: k.pem}}
            clientCertificate: off
            routes: {all: {upstream: backend}}
        upstreams: {backend: {members: ["127.0.0.1:3000"]}}

        """

    private func load(
        _ text: String, overrides: [String] = []
    ) throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationLoader.load(
            Array((minimal + text).utf8), named: "/etc/postern/a.yaml", environment: [:],
            overrides: overrides)
    }

    @Test("S18 without the section nothing is revoked") func absent() throws {
        #expect(try load("").revocation.isEmpty)
        #expect(try load("revocation: {}\n").revocation.isEmpty)
    }

    @Test("S18 paths start from the file's folder; policies are as written") func whole() throws {
        let options = try load(
            """
            revocation:
              denyList: deny.txt
              issuers:
                a: {certificate: a.pem, crls: [/var/crl, b.crl]}
                b: {certificate: /b.pem, crls: [c], whenStale: grace, grace: 90m}
                c: {certificate: c.pem, crls: [c], whenStale: grace}
                d: {certificate: d.pem, crls: [d], whenStale: open}
            """
        ).revocation
        #expect(options.denyListFiles == ["/etc/postern/deny.txt"])
        #expect(options.issuers.map(\.name) == ["a", "b", "c", "d"])
        #expect(options.issuers.prefix(2).map(\.certificate) == ["/etc/postern/a.pem", "/b.pem"])
        #expect(options.issuers[0].lists == ["/var/crl", "/etc/postern/b.crl"])
        #expect(
            options.issuers.map(\.whenStale)
                == [.closed, .grace(seconds: 5_400), .grace(seconds: 86_400), .open])
    }

    @Test("S18 a flag may name an issuer that the file does not have") func flags() throws {
        let options = try load(
            "",
            overrides: [
                "revocation.issuers.x.certificate=/x.pem", "revocation.issuers.x.crls=/x, /y",
                "revocation.denyList=/deny",
            ]
        ).revocation
        #expect(options.issuers.map(\.lists) == [["/x", "/y"]])
        #expect(options.denyListFiles == ["/deny"])
    }

    @Test(
        "S18 mistakes are named with line, column, key and what is allowed",
        arguments: [
            (
                "{crls: [a]}",
                "9:24: error: revocation.issuers.x.certificate: is required: a file path"
            ),
            (
                "{certificate: a}",
                "9:24: error: revocation.issuers.x.crls: at least one path"
            ),
            (
                "{certificate: a, crls: []}",
                "9:50: error: revocation.issuers.x.crls: at least one path"
            ),
            (
                "{certificate: a, crls: [b], whenStale: opne}",
                "9:66: error: revocation.issuers.x.whenStale: 'opne' is not one of closed, grace, "
                    + "open; did you mean 'open'?"
            ),
            (
                "{certificate: a, crls: [b], grace: 1h}",
                "9:62: error: revocation.issuers.x.grace: is for whenStale: grace, which is "
                    + "'closed' here"
            ),
            (
                "{certificate: a, crls: [b], whenStale: grace, grace: 0}",
                "9:80: error: revocation.issuers.x.grace: must be longer than 0"
            ),
            ("{crl: a}", "9:28: error: revocation.issuers.x: unknown key 'crl'"),
        ])
    func mistakes(issuer: String, expected: String) {
        let error = #expect(throws: DiagnosticList.self) {
            try load("revocation: {issuers: {x: \(issuer)}}\n")
        }
        #expect(error?.description.contains("a.yaml:" + expected) == true, "\(error as Any)")
    }
}
