import Foundation
import Testing

@Suite("only a proper 101 opens a tunnel", .serialized)
struct WrongSwitches {
    /// The key of RFC 6455 §1.3 and what has to be answered to it.
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private static func switching(_ fields: String) -> String {
        "HTTP/1.1 101 Switching Protocols\\r\\n\(fields)\\r\\nsecret"
    }

    /// What the backend answers, and whether the client asked for an upgrade.
    static let wrong: [(answer: String, isAsked: Bool)] = [
        (switching("Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n"), true),
        (
            switching(
                "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                    + "Sec-WebSocket-Accept: AAAALMBiTxaQ9kYGzzhZRbK+xOo=\\r\\n"), true
        ),
        (
            switching(
                "Upgrade: h2c\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: \(accept)\\r\\n"),
            true
        ),
        (
            switching("Upgrade: websocket\\r\\nSec-WebSocket-Accept: \(accept)\\r\\n"), true
        ),
        (
            switching(
                "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                    + "Sec-WebSocket-Accept: \(accept)\\r\\nSec-WebSocket-Accept: \(accept)\\r\\n"),
            true
        ),
        (
            switching(
                "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                    + "Sec-WebSocket-Accept: \(accept)\\r\\n"), false
        ),
    ]

    private static func gateway(
        _ loop: LoopKind, _ backend: RawBackend, allowed: Bool
    ) throws -> GatewayUnderTest {
        try GatewayUnderTest(loop) { _, folder in
            GatewayUnderTest.oneVirtualHost(upstream: backend.address, folder: folder)
                .replacing(
                    "upstream: backend}", with: "upstream: backend, allowWebSocket: \(allowed)}")
        }
    }

    /// The client's request, and everything that it gets in half a second.
    private static func ask(_ gateway: GatewayUnderTest, upgrade: Bool) throws -> String {
        let fields =
            upgrade
            ? "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n" : ""
        return try gateway.python(
            """
            s.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\(fields)\\r\\n')
            s.settimeout(0.5)
            sys.stdout.buffer.write(all(s))
            """
        ).text
    }

    @Test("S21 a wrong 101 is 502 to the client", arguments: LoopKind.allCases)
    func refused(loop: LoopKind) throws {
        for (answer, isAsked) in Self.wrong {
            let backend = try RawBackend(answer: answer)
            let gateway = try Self.gateway(loop, backend, allowed: true)
            let got = try Self.ask(gateway, upgrade: isAsked)
            #expect(got.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"), "\(answer): \(got)")
            #expect(!got.contains("secret") && !got.contains("101"), "\(got)")
            #expect(backend.received.contains("Upgrade: websocket") == isAsked)
        }
    }

    @Test("S21 a 101 is 502 where the route allows no WebSocket", arguments: LoopKind.allCases)
    func notAllowed(loop: LoopKind) throws {
        let backend = try RawBackend(answer: Self.wrong[5].answer)
        let gateway = try Self.gateway(loop, backend, allowed: false)
        let got = try Self.ask(gateway, upgrade: true)
        #expect(got.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n") && !got.contains("secret"), "\(got)")
        #expect(!backend.received.lowercased().contains("upgrade"))
    }

    @Test("S21 the proper 101 is passed on, with what follows it", arguments: LoopKind.allCases)
    func accepted(loop: LoopKind) throws {
        let backend = try RawBackend(answer: Self.wrong[5].answer)
        let gateway = try Self.gateway(loop, backend, allowed: true)
        let got = try Self.ask(gateway, upgrade: true)
        #expect(got.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"), "\(got)")
        #expect(got.contains("Sec-WebSocket-Accept: \(Self.accept)\r\n") && got.contains("secret"))
    }
}
