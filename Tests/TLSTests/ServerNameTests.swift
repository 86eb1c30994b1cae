import Core
import Crypto
import Testing

@testable import TLS

@Suite struct ServerNameTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func hosts(default fallback: Bool = false) -> ServerTLSOptions {
        ServerTLSOptions(virtualHosts: [
            authority.host(["open.test"], .off, isDefault: fallback),
            authority.host(["safe.test"], .required),
            authority.host(["*.safe.test"], .optional),
            authority.host(["very.safe.test"], .required),
        ])
    }

    @Test(
        "S04 case, trailing dots, wildcards and literals never reach a laxer policy",
        arguments: [
            ("open.test", 0), ("safe.test", 1), ("SAFE.Test", 1), ("safe.test.", 1),
            ("a.safe.test", 2), ("A.SAFE.TEST.", 2), ("very.safe.test", 3),
            ("VERY.safe.test.", 3), ("a.b.safe.test", nil), ("unknown.test", nil),
            ("test", nil), (nil, nil),
        ] as [(String?, Int?)])
    func chosen(name: String?, host: Int?) throws {
        for version in [TLSVersion.tls12, .tls13] {
            let client = authority.clientOptions(version, try authority.client())
            var strict = try EnginePair(hosts(), client, name: name)
            try strict.run()
            #expect(strict.server.virtualHostIndex == host)
            #expect(strict.isComplete == (host != nil))
            if host == nil {
                #expect(strict.serverError?.kind == .serverName)
                #expect(strict.serverError?.alert == 112)
                #expect(strict.clientError?.alert == 112)
            }
            var lax = try EnginePair(hosts(default: true), client, name: name)
            try lax.run()
            #expect(lax.server.virtualHostIndex == host ?? 0)
            #expect(lax.isComplete == true)
        }
    }

    @Test("S04 an address is sent by no client, and as a name it reaches the default only")
    func literal() throws {
        let client = authority.clientOptions(.tls13)
        var pair = try EnginePair(hosts(), client, name: "127.0.0.1")
        try pair.run()
        #expect(pair.serverError?.alert == 112)
        let table = try VirtualHostTable(hosts(default: true).virtualHosts)
        #expect(table.host(for: Array("10.0.0.1".utf8)) == 0)
    }

    @Test("S04 the extension is parsed strictly")
    func strict() {
        func parse(_ bytes: [UInt8]) -> ServerName.Parsed {
            unsafe bytes.withUnsafeBytes { unsafe ServerName.parse(ByteView($0)) }
        }
        #expect(parse([0, 4, 0, 0, 1, 0x41]) == .name([0x61]))
        #expect(parse([0, 5, 0, 0, 2, 0x61, 0x2E]) == .name([0x61]))
        for bytes: [UInt8] in [
            [], [0, 0], [0, 4, 0, 0, 1], [0, 4, 1, 0, 1, 0x61], [0, 5, 0, 0, 1, 0x61],
            [0, 4, 0, 0, 2, 0x61], [0, 3, 0, 0, 0], [0, 4, 0, 0, 1, 0x61, 0],
            [0, 8, 0, 0, 1, 0x61, 0, 0, 1, 0x62],
        ] {
            #expect(parse(bytes) == .malformed, "\(bytes)")
        }
        for name in ["a\0b", ".", "..", "a..b", ".a", "a b", "ä", "[::1]", "a/b", "a.."] {
            let bytes = Array(name.utf8)
            let count = UInt8(bytes.count)
            #expect(parse([0, count + 3, 0, 0, count] + bytes) == .illegal, "\(name)")
        }
        let long = [UInt8](repeating: 0x61, count: 254)
        #expect(parse([1, 1, 0, 0, 254] + long) == .illegal)
    }

    @Test("S04 a ClientHello may arrive byte by byte, or one byte to a record")
    func fragmented() throws {
        for version in [TLSVersion.tls12, .tls13] {
            let client = authority.clientOptions(version, try authority.client())
            var bytes = try EnginePair(hosts(), client)
            try bytes.step(.client)
            while bytes.toServer.count > 1 {
                try bytes.step(.server, limit: 1)
                #expect(bytes.server.clientHelloSeen == false)
            }
            try bytes.run(limit: 1)
            #expect(bytes.isComplete == true)
            #expect(bytes.server.virtualHostIndex == 1)
            #expect(bytes.server.peer != nil)

            var records = try EnginePair(hosts(), client)
            try records.step(.client)
            let hello = records.toServer.dropFirst(5)
            records.toServer = hello.flatMap { [22, 3, 1, 0, 1, $0] }
            try records.run()
            #expect(records.isComplete == true)
            #expect(records.server.peer != nil)
        }
    }

    @Test("S01 another server name after a HelloRetryRequest is illegal")
    func retry() throws {
        func retried(
            from first: String, to second: String
        ) throws -> (host: Int?, error: TLSError?, clientAlert: UInt8?, peer: VerifiedPeer?) {
            var server = hosts()
            server.groups = "X25519"
            var client = authority.clientOptions(.tls13, try authority.client())
            client.groups = "P-384:X25519"
            var pair = try EnginePair(server, client, name: first)
            try pair.step(.client)
            try pair.step(.server)
            #expect(pair.server.clientHelloSeen == true)
            try pair.step(.client)
            let (old, new) = (Array(first.utf8), Array(second.utf8))
            #expect(old.count == new.count)
            let at = try #require(
                pair.toServer.indices.first { pair.toServer[$0...].starts(with: old) })
            pair.toServer.replaceSubrange(at..<at + old.count, with: new)
            try pair.run()
            let alert = try pair.alertAtClient()
            return (pair.server.virtualHostIndex, pair.serverError, alert, pair.server.peer)
        }
        for (first, second) in [
            ("open.test", "safe.test"), ("safe.test", "open.test"), ("open.test", "none.test"),
        ] {
            let result = try retried(from: first, to: second)
            #expect(result.host == (first == "open.test" ? 0 : 1))
            #expect(result.error?.kind == .serverName)
            #expect(result.error?.alert == 47)
            #expect(result.clientAlert == 47)
            #expect(result.peer == nil)
        }
        let same = try retried(from: "safe.test", to: "safe.test")
        #expect(same.error == nil)
        #expect(same.peer != nil)
    }

    @Test("names that clash or are none are configuration errors")
    func configuration() throws {
        func reason(_ hosts: VirtualHostOptions...) -> String? {
            do {
                _ = try ServerTLSContext(ServerTLSOptions(virtualHosts: hosts))
                return nil
            } catch { return error.description }
        }
        let host = authority.host
        #expect(reason()?.contains("there is none") == true)
        #expect(reason(host(["a.test"], .off, false), host(["A.test."], .off, false)) != nil)
        #expect(reason(host(["a"], .off, true), host(["b"], .off, true)) != nil)
        #expect(reason(host([], .off, false)) != nil)
        for name in ["*", "*.*.a", "a.*.b", "10.0.0.1", "a b", ""] {
            #expect(reason(host([name], .off, false)) != nil, "\(name)")
        }
        #expect(reason(host(["a.test", "*.a.test"], .off, false)) == nil)
    }
}
