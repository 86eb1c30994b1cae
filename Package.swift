// swift-tools-version: 6.2
import PackageDescription

// Targets stand in layer order; a target imports only what its `dependencies` list, which
// `Tools/test` enforces with `--explicit-target-dependency-import-check error`.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    // Generic code is specialised across our modules without `@inlinable`.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], data: [String] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: data, swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "postern",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    ],
    targets: [
        // Layer 0: the kernel and the C libraries, one named function each; shared vocabulary.
        .target(name: "CLinux", linkerSettings: [.linkedLibrary("uring")]),
        .target(
            name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CYAML", linkerSettings: [.linkedLibrary("yaml")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        module("Core", []),
        // Layer 1: each speaks one language and knows none of the others.
        module("EventLoop", ["Core", "CLinux"]),
        module("TLS", ["Core", "COpenSSL"]),
        module("Crypto", ["Core", "COpenSSL"]),
        module("HTTP", ["Core"]),
        module("Upstream", ["Core"]),
        module("Fetch", ["Core", "CCurl"]),
        module("Telemetry", ["Core"]),
        // Layer 2: verified certificate → header values.
        module("Identity", ["Core", "TLS", "Crypto"]),
        // Layer 3: may this identity do this request?
        module("Authorization", ["Core", "TLS", "Identity", "HTTP", "Crypto"]),
        // Layer 4: file, environment and flags → validated values; a connection's whole life.
        module(
            "GatewayConfiguration",
            [
                "Core", "CYAML", "EventLoop", "TLS", "Crypto", "HTTP", "Upstream", "Telemetry",
                "Identity",
                "Authorization",
            ]),
        module(
            "Proxy",
            [
                "Core", "Crypto", "TLS", "HTTP", "Identity", "Authorization", "Upstream",
                "Telemetry",
            ]),
        module("Selftest", ["Identity", "Authorization"]),
        // Layer 5: threads, sockets, files; the command line.
        module(
            "Server",
            [
                "Core", "EventLoop", "TLS", "Crypto", "HTTP", "Upstream", "Fetch", "Telemetry",
                "Identity", "Authorization", "GatewayConfiguration", "Proxy", logging,
            ]),
        .executableTarget(
            name: "postern",
            dependencies: [
                "Core", "EventLoop", "TLS", "Crypto", "HTTP",
                "GatewayConfiguration", "Selftest", "Server", argumentParser, logging,
            ],
            swiftSettings: strict),

        // Benchmarks and tools.
        .executableTarget(
            name: "LoadGenerator",
            dependencies: [
                "Core", "EventLoop", "TLS", "GatewayConfiguration", argumentParser, histogram,
            ],
            path: "Benchmarks/LoadGenerator", swiftSettings: strict),
        .executableTarget(name: "Tidy", path: "Tools/Tidy", swiftSettings: strict),

        // Tests: one folder per target, then the rings that cross targets.
        .target(
            name: "TestSupport", dependencies: ["Core", "Crypto", "TLS"], path: "Tests/TestSupport",
            swiftSettings: strict),
        tests("CoreTests", ["Core", "TestSupport"]),
        tests("EventLoopTests", ["EventLoop", "Core", "TestSupport"]),
        tests("TLSTests", ["TLS", "Crypto", "Core", "COpenSSL", "TestSupport"]),
        tests("CryptoTests", ["Crypto", "Core", "TestSupport"]),
        tests("FetchTests", ["Fetch", "Core", "TestSupport"]),
        tests("HTTPTests", ["HTTP", "Core", "TestSupport"]),
        tests("UpstreamTests", ["Upstream", "Core", "TestSupport"]),
        tests("TelemetryTests", ["Telemetry", "Core", "TestSupport"]),
        tests(
            "IdentityTests", ["Identity", "TLS", "Crypto", "Core", "COpenSSL", "TestSupport"],
            data: ["Vectors"]),
        tests(
            "AuthorizationTests", ["Authorization", "Identity", "HTTP", "TLS", "Crypto", "Core"]),
        tests(
            "GatewayConfigurationTests",
            ["GatewayConfiguration", "Authorization", "Identity", "TLS", "Core", "TestSupport"]),
        tests(
            "ProxyTests",
            [
                "Proxy", "TLS", "Crypto", "HTTP", "Identity", "Authorization", "Upstream",
                "Telemetry", "Core", "TestSupport",
            ]),
        tests("SelftestTests", ["Selftest"]),
        tests(
            "ServerTests",
            [
                "Server", "Proxy", "EventLoop", "TLS", "Crypto", "Telemetry", "Upstream", "Fetch",
                "GatewayConfiguration", "Core", "TestSupport",
            ]),
        tests(
            "SimulationTests",
            [
                "Server", "Proxy", "EventLoop", "TLS", "Crypto", "HTTP", "Upstream", "Telemetry",
                "Identity", "Authorization",
                "GatewayConfiguration", "Core", "TestSupport",
            ]),
        tests("IntegrationTests", ["Crypto", "Core", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
