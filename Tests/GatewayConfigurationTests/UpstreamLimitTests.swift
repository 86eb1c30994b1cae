import Core
import Testing

@testable import GatewayConfiguration

@Suite struct UpstreamLimitTests {
    private static func load(
        _ keys: String, overrides: [String] = []
    ) throws(DiagnosticList) -> UpstreamSettings {
        try ConfigurationText.load(ConfigurationText.upstream(keys), overrides: overrides)
            .upstreams[0]
    }

    @Test(
        "limits that contradict each other are an error where they stand",
        arguments: [
            (
                "maxIdle: 300",
                "11:14: error: upstreams.backend.maxIdle: 300 is more than maxConnections; "
                    + "0 to 256 is allowed"
            ),
            (
                "maxConnections: 10\n    maxIdle: 11",
                "12:14: error: upstreams.backend.maxIdle: 11 is more than maxConnections; "
                    + "0 to 10 is allowed"
            ),
            (
                "ejectionTime: 2m",
                "11:19: error: upstreams.backend.ejectionTime: is longer than ejectionMaximum; "
                    + "up to 60000ms is allowed"
            ),
            (
                "ejectionMaximum: 500ms\n    ejectionTime: 1s",
                "12:19: error: upstreams.backend.ejectionTime: is longer than ejectionMaximum; "
                    + "up to 500ms is allowed"
            ),
        ])
    func contradictions(keys: String, expected: String) throws {
        let error = #expect(throws: DiagnosticList.self) { _ = try Self.load(keys) }
        let descriptions = try #require(error).diagnostics.map(\.description)
        #expect(descriptions == ["a.yaml:" + expected])
    }

    @Test("a flag is named where it contradicts the file") func flag() throws {
        let error = #expect(throws: DiagnosticList.self) {
            _ = try Self.load(
                "maxConnections: 10", overrides: ["upstreams.backend.maxIdle=20"])
        }
        let descriptions = try #require(error).diagnostics.map(\.description)
        #expect(descriptions.count == 1)
        #expect(descriptions[0].hasPrefix("--set: error: upstreams.backend.maxIdle: 20 is more"))
    }

    @Test("a default gives way to a limit that was given") func defaults() throws {
        let few = try Self.load("maxConnections: 10")
        #expect(few.maxConnections == 10 && few.maxIdle == 10)
        let short = try Self.load("ejectionMaximum: 500ms")
        #expect(short.ejectionTime == .milliseconds(500))
        let equal = try Self.load("maxConnections: 5\n    maxIdle: 5\n    ejectionTime: 60s")
        #expect(equal.maxIdle == 5 && equal.ejectionTime == .seconds(60))
    }
}
