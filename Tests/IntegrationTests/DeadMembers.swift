import Foundation
import Testing

/// A loopback port that takes no connection: it refuses them, or never answers them.
final class DeadPort {
    private var descriptors: [Int32] = []
    private(set) var address = ""

    /// - Parameter isSilent: whether connects hang; they are refused otherwise.
    init(isSilent: Bool) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        descriptors.append(descriptor)
        var name = try bindToLoopback(descriptor)
        address = "127.0.0.1:\(name.port)"
        guard isSilent else { return }
        // A full backlog: the kernel drops every further SYN.
        try #require(listen(descriptor, 0) == 0)
        for _ in 0..<8 {
            let client = socket(
                AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(client)
            unsafe withUnsafePointer(to: &name) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = unsafe connect(
                        client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

@Suite("a dead member of an upstream costs no request", .serialized)
struct DeadMembers {
    private static func gateway(
        _ loop: LoopKind, dead: DeadPort, isAlone: Bool = false, _ overrides: [String] = []
    ) throws -> GatewayUnderTest {
        try GatewayUnderTest(
            loop,
            [
                "upstreams.backend.maxRequestsPerConnection=1",
                "upstreams.backend.ejectionFailures=0",
            ] + overrides
        ) { upstream, folder in
            let members = isAlone ? dead.address : "\(dead.address)\", \"\(upstream)"
            return GatewayUnderTest.oneVirtualHost(upstream: members, folder: folder)
        }
    }

    private static func statuses(_ text: String) -> [String: Int] {
        text.split(separator: "\n").reduce(into: [:]) { $0[String($1), default: 0] += 1 }
    }

    @Test("that refuses: every request is answered by the live one", arguments: LoopKind.allCases)
    func refusing(loop: LoopKind) throws {
        let dead = try DeadPort(isSilent: false)
        defer { withExtendedLifetime(dead) {} }
        let gateway = try Self.gateway(loop, dead: dead)
        let print = ["-o", "/dev/null", "-w", "%{http_code}\\n"]
        let gets = try gateway.curl("/[1-100]", print).text
        #expect(Self.statuses(gets) == ["200": 100])
        let posts = try gateway.curl("/[1-20]", print + ["-d", "some=body"]).text
        #expect(Self.statuses(posts) == ["200": 20])
    }

    @Test(
        "that is silent: the connect's time is over, then the live one answers",
        arguments: LoopKind.allCases)
    func silent(loop: LoopKind) throws {
        let dead = try DeadPort(isSilent: true)
        defer { withExtendedLifetime(dead) {} }
        let gateway = try Self.gateway(loop, dead: dead, ["timeouts.upstreamConnect=200ms"])
        let print = ["-o", "/dev/null", "-w", "%{http_code}\\n"]
        #expect(Self.statuses(try gateway.curl("/[1-10]", print).text) == ["200": 10])
    }

    @Test("alone, or without retries: 502", arguments: LoopKind.allCases)
    func unavoidable(loop: LoopKind) throws {
        let dead = try DeadPort(isSilent: false)
        defer { withExtendedLifetime(dead) {} }
        let alone = try Self.gateway(loop, dead: dead, isAlone: true)
        #expect(try alone.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 502"))
        let never = try Self.gateway(
            loop, dead: dead, ["upstreams.backend.connectRetries=0"])
        let print = ["-o", "/dev/null", "-w", "%{http_code}\\n"]
        #expect(Self.statuses(try never.curl("/[1-4]", print).text) == ["200": 2, "502": 2])
    }
}
