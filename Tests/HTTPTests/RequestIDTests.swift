import Core
import HTTP
import Testing

@Suite struct RequestIDTests {
    private static let long = String(repeating: "x", count: 128)

    /// Field lines, and the identifier that is kept of them.
    @Test(
        "S25 a trusted hop's identifier is kept when it is one and well-formed",
        arguments: [
            ("X-Request-Id: a", "a"), ("x-request-ID:  Az09._-  ", "Az09._-"),
            ("X-Request-ID: \(long)", long), ("X-Request-ID: \(long)x", nil),
            ("X-Request-ID:", nil), ("X-Request-ID: a b", nil), ("X-Request-ID: a,b", nil),
            ("X-Request-ID: \"a\"", nil), ("X-Request-ID: \u{e9}", nil), ("X-Request-ID: a/b", nil),
            ("X-Request-ID: a\r\nX-Request-ID: b", nil), ("X-Request-ID: a\r\nX-Request-ID:", nil),
            ("X_Request_ID: a", nil), ("Connection: x-request-id\r\nX-Request-ID: a", nil),
            ("X_Request_ID: b\r\nX-Request-ID: a", "a"), ("Accept: a", nil),
        ] as [(String, String?)])
    func received(lines: String, expected: String?) throws {
        try Self.check(lines, trusted: true, expected)
    }

    @Test("S25 nobody else's identifier is kept") func untrusted() throws {
        try Self.check("X-Request-Id: a", trusted: false, nil)
    }

    /// Checks what is found, and that nothing else by that name is forwarded.
    private static func check(_ lines: String, trusted: Bool, _ expected: String?) throws {
        let firewall = try HeaderFirewall(ownedNames: ["x-request-id"])
        let options = ScreenOptions(trustsForwarding: trusted, trustsRequestID: trusted)
        try withGuarded("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n") { bytes in
            var storage = HeadStorage()
            guard case .complete(let head) = try RequestParser.parse(bytes, into: &storage) else {
                Issue.record("incomplete")
                return
            }
            try firewall.screenRequest(bytes, &storage, options: options)
            let range = RequestID.received(bytes, &storage)
            #expect(range.map { bytes[$0].string } == expected)
            var segments = SegmentList()
            try withBuffer { scratch in
                try RequestRewriter.rewrite(
                    bytes, head, &storage, firewall: firewall, insertions: SegmentList(),
                    into: &segments, scratch: &scratch)
                let sent = segments.text.lowercased()
                #expect(sent.contains("request") == (expected != nil), "\(sent)")
            }
        }
    }
}
