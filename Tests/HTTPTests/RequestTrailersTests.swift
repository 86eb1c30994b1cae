import Core
import Testing

@testable import HTTP

@Suite struct RequestTrailersTests {
    private static func firewall() throws -> HeaderFirewall {
        try HeaderFirewall(ownedNames: ["X-Who", "x-request-id", "Origin"])
    }

    @Test(
        "S24 names that decide something can never be trailers",
        arguments: [
            ("X-Checksum", nil), ("grpc-status", nil), ("Content-MD5", nil), ("Server-Timing", nil),
            ("Content-Length", .reserved), ("transfer-encoding", .reserved), ("Host", .reserved),
            ("TRAILER", .reserved), ("TE", .reserved), ("Connection", .reserved),
            ("Keep-Alive", .reserved), ("Upgrade", .reserved), ("Expect", .reserved),
            ("Authorization", .reserved), ("Cookie", .reserved), ("If-Match", .reserved),
            ("Content-Type", .reserved), ("Via", .reserved),
            ("x-who", .owned), ("X-Request-ID", .owned), ("Origin", .owned),
            ("Forwarded", .owned), ("X-Forwarded-For", .owned), ("X-Real-IP", .owned),
            ("X-Client-Cert-Sub", .owned), ("X-Forwarded-Client-Cert", .owned),
            ("Client-Cert-Chain", .owned), ("SSL-Client-S-DN", .owned),
            ("", .notPlain), ("X_Checksum", .notPlain), ("x.y", .notPlain), ("a b", .notPlain),
            ("Host:", .notPlain), ("Content_Length", .notPlain),
        ] as [(String, RequestTrailers.Refusal?)])
    func refusals(name: String, expected: RequestTrailers.Refusal?) throws {
        let firewall = try Self.firewall()
        #expect(RequestTrailers.refusal(of: name, firewall) == expected)
        if let expected {
            #expect(throws: expected) {
                _ = try RequestTrailers(names: ["X-Checksum", name], firewall: firewall)
            }
        } else {
            #expect(try !RequestTrailers(names: [name], firewall: firewall).isEmpty)
        }
    }

    /// Trailer section as sent, what of it is passed on, fields left out.
    @Test(
        "S24 only listed names are passed on, whatever their case, by no other spelling",
        arguments: [
            ("\r\n", "", 0),
            ("X-Checksum: 1\r\n\r\n", "X-Checksum: 1\r\n", 0),
            ("x-checksum:\r\nB: 2\r\n\r\n", "x-checksum:\r\n", 1),
            ("X_Checksum: 1\r\nX-Checksum2: 1\r\nX-Check: 1\r\n\r\n", "", 3),
            (
                "A: 1\r\nX-CHECKSUM: a: b\r\nX-Who: evil\r\nDigest: c\r\n\r\n",
                "X-CHECKSUM: a: b\r\nDigest: c\r\n", 2
            ),
        ])
    func filter(section: String, passed: String, dropped: Int) throws {
        let trailers = try RequestTrailers(
            names: ["x-checksum", "DIGEST"], firewall: Self.firewall())
        let body = Array(("3;x=y\r\nabc\r\n0\r\n" + section).utf8)
        for portion in 1...body.count {
            let (data, collected) = try Self.decode(body, portion)
            #expect(data == "abc" && collected == section, "in portions of \(portion)")
        }
        let pool = BufferPool(chunkSize: 1_024, limit: 1)
        var buffer = try #require(pool.take())
        let bytes = Array(section.utf8)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe trailers.append(ByteView($0), to: &buffer)
        }
        #expect(buffer.filled.string == passed && count == dropped)
        pool.give(buffer)
    }

    /// Decodes `body` as a session does: a buffer for trailers is there once they may come.
    private static func decode(_ body: [UInt8], _ portion: Int) throws -> (String, String) {
        let pool = BufferPool(chunkSize: ChunkedDecoder.trailerLimit, limit: 1)
        var decoder = ChunkedDecoder()
        var trailers: Buffer?
        var data: [UInt8] = []
        var start = 0
        while start < body.count {
            if decoder.isInTrailers, trailers == nil { trailers = pool.take() }
            let piece = Array(body[start..<min(start + portion, body.count)])
            start += try unsafe piece.withUnsafeBytes { raw in
                let view = unsafe ByteView(raw)
                switch try decoder.decode(view, collecting: &trailers) {
                case .data(let range):
                    data += view[range].array
                    return range.end
                case .needMore(let consumed), .finished(let consumed): return consumed
                }
            }
        }
        try #require(decoder.isFinished)
        defer { pool.give(&trailers) }
        return (String(decoding: data, as: UTF8.self), trailers?.filled.string ?? "")
    }
}
