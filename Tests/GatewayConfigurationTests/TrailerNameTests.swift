import Testing

@testable import GatewayConfiguration

@Suite struct TrailerNameTests {
    private static func load(_ trailers: String) throws -> GatewaySettings {
        try ConfigurationText.load(
            ConfigurationText.identityHeader("X-Who: subject")
                + "\nhttp:\n  requestTrailers: \(trailers)")
    }

    @Test(
        "S24 names that decide something are an error where they stand",
        arguments: [
            "X-Who", "x-who", "X-Client-Cert-Sub", "X-Forwarded-For", "Forwarded", "X-Request-Id",
            "Content-Length", "Host", "Connection", "TE", "Authorization", "X_Who", "\"\"",
        ])
    func refused(name: String) throws {
        let plain = name == "\"\"" ? "" : name
        let error = #expect(throws: DiagnosticList.self) {
            _ = try Self.load("[X-Checksum, \(name)]")
        }
        let diagnostics = try #require(error).diagnostics.map(\.description)
        try #require(diagnostics.count == 1)
        #expect(
            diagnostics[0].hasPrefix(
                "a.yaml:12:20: error: http.requestTrailers: '\(plain)' cannot be a trailer: "))
    }

    @Test("S24 no trailer is passed on unless it is listed") func listed() throws {
        #expect(try Self.load("[]").http.requestTrailers == [])
        #expect(
            try Self.load("[X-Checksum, Digest]").http.requestTrailers == ["X-Checksum", "Digest"])
    }
}
