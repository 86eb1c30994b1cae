import Foundation
import TestSupport
import Testing

@Suite("whole sessions on a wire that cuts and delays at random")
struct ExchangeSimulation {
    private static func get(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nX-Client-Cert-Sub: CN=evil\r\n\r\n".utf8)
    }

    private static func isComplete(_ head: [UInt8]) -> Bool {
        String(decoding: head, as: UTF8.self).contains("\r\n\r\n")
    }

    @Test("three pipelined requests are answered in order, whatever the cuts", arguments: 1...40)
    func pipelining(seed: UInt64) throws {
        let body = String(repeating: "0123456789", count: Int(seed) * 400)
        let requests = (1...3).flatMap { Self.get("/\($0)") }
        var wire = try SimulatedWire(seed: seed, pki: TestPKI(), request: requests) { bytes in
            guard Self.isComplete(bytes) else { return nil }
            let path = String(decoding: bytes.dropFirst(4).prefix { $0 != 32 }, as: UTF8.self)
            let text = path + body
            return Array(
                "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
        }
        var steps = 0
        while steps < 20_000, wire.step() { steps += 1 }
        let text = String(decoding: wire.received, as: UTF8.self)
        let places = (1...3).compactMap { text.range(of: "/\($0)" + body)?.lowerBound }
        try #require(places.count == 3, "seed \(seed): \(text.utf8.count) bytes")
        #expect(places == places.sorted(), "seed \(seed)")
        let forwarded = String(decoding: wire.forwarded, as: UTF8.self)
        #expect(forwarded.components(separatedBy: "X-Client-Cert-Sub: CN=client1").count == 4)
        #expect(!forwarded.contains("evil"), "seed \(seed)")
        let outstanding = wire.outstanding
        #expect(outstanding == 0, "an idle session holds no buffer; seed \(seed)")
    }

    @Test("a chunked upload arrives whole, framed anew", arguments: 1...40)
    func upload(seed: UInt64) throws {
        var request = Array(
            "POST /u HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        var random = SplitMix(state: seed)
        var body: [UInt8] = []
        for _ in 0..<20 {
            let piece = [UInt8](
                repeating: UInt8(97 + random.next() % 26), count: Int(random.next() % 9_000) + 1)
            body += piece
            request += Array("\(String(piece.count, radix: 16));x=y\r\n".utf8) + piece + [13, 10]
        }
        request += Array("0\r\nX-Client-Cert-Sub: CN=evil\r\n\r\n".utf8)
        var wire = try SimulatedWire(seed: seed, pki: TestPKI(), request: request) { bytes in
            guard bytes.suffix(5) == Array("0\r\n\r\n".utf8)[...] else { return nil }
            return Array(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".utf8)
        }
        var steps = 0
        while steps < 50_000, wire.step() { steps += 1 }
        let answer = String(decoding: wire.received, as: UTF8.self)
        #expect(
            answer.hasSuffix("2\r\nok\r\n0\r\n\r\n") || answer.contains("\r\no\r\n"), "seed \(seed)"
        )
        let forwarded = wire.forwarded
        let text = String(decoding: forwarded, as: UTF8.self)
        #expect(!text.contains("evil") && !text.contains("x=y"), "seed \(seed)")
        #expect(Self.decoded(forwarded) == body, "seed \(seed)")
        let outstanding = wire.outstanding
        #expect(outstanding == 0, "seed \(seed)")
    }

    /// The body of a chunked message, decoded without our own decoder.
    private static func decoded(_ message: [UInt8]) -> [UInt8] {
        var rest = message[...]
        while !rest.starts(with: [13, 10, 13, 10]) { rest = rest.dropFirst() }
        rest = rest.dropFirst(4)
        var body: [UInt8] = []
        while true {
            let line = rest.prefix { $0 != 13 }
            guard let size = Int(String(decoding: line, as: UTF8.self), radix: 16), size > 0 else {
                return body
            }
            rest = rest.dropFirst(line.count + 2)
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
    }
}
