import Authorization
import Core
import HTTP
import Proxy
import Testing

@Suite("a question to an authorizer's service, from its bytes to a reply")
struct AuthorizerExchangeTests {
    private static let ok = "HTTP/1.1 200 OK\r\nX-User: zoe\r\nContent-Length: 2\r\n\r\nok"

    private func reply(_ body: String, _ status: UInt16 = 200) -> AuthorizerReply {
        AuthorizerReply(status: status, body: Array(body.utf8))
    }

    /// What comes of `pieces`; `end` is how the connection ends then, nil when it does not.
    private func steps(
        _ pieces: [String], end: Bool? = nil, isReused: Bool = false, isSent: Bool = true
    ) -> [AuthorizerExchange.Step] {
        var exchange = AuthorizerExchange(question: Array("q".utf8), isHead: false)
        var fields = HeadStorage()
        exchange.ready(isReused: isReused)
        var steps: [AuthorizerExchange.Step] = isSent ? [exchange.sent(code: 1)] : []
        for piece in pieces {
            unsafe Array(piece.utf8).withUnsafeBytes {
                steps.append(
                    unsafe exchange.received(ByteView($0), limits: HeadLimits(), &fields))
            }
        }
        if let end { steps.append(exchange.ended(isClean: end)) }
        return steps.map { step in
            guard case .answered(var reply, let isReusable) = step else { return step }
            reply.fields = []
            return .answered(reply, isReusable: isReusable)
        }.filter { $0 != .goesOn }
    }

    @Test("answers end by length, by chunks or with the connection, in any pieces")
    func answers() {
        for pieces in [[Self.ok], Self.ok.unicodeScalars.map { String($0) }] {
            #expect(steps(pieces) == [.answered(reply("ok"), isReusable: true)])
        }
        let chunked = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
        for pieces in [[chunked], chunked.unicodeScalars.map { String($0) }] {
            #expect(steps(pieces) == [.answered(reply("no", 401), isReusable: true)])
        }
        let open = ["HTTP/1.1 200 OK\r\n\r\n", "a", "b"]
        #expect(steps(open, end: true) == [.answered(reply("ab"), isReusable: false)])
        let early = ["HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + Self.ok]
        #expect(steps(early) == [.answered(reply("ok"), isReusable: true)])
    }

    @Test("a connection is used again only after a whole exchange that allows it") func reuse() {
        #expect(steps([Self.ok + "HTTP"]) == [.answered(reply("ok"), isReusable: false)])
        #expect(steps([Self.ok], isSent: false) == [.answered(reply("ok"), isReusable: false)])
        let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        #expect(steps([last]) == [.answered(reply(""), isReusable: false)])
    }

    @Test("what is no whole answer is a failure, with its reason") func failures() {
        let cases: [([String], Bool?, AuthorizerExchange.Failure)] = [
            (["garbage\r\n\r\n"], nil, .malformed),
            (["HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], nil, .malformed),
            (["HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"], nil, .tooLarge),
            (["HTTP/1.1 200 OK\r\n\r\n", String(repeating: "x", count: 65_537)], nil, .tooLarge),
            (["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"], nil, .malformed),
            ([Self.ok.dropLast(1).description], true, .reset), ([], true, .reset),
            (["HTTP/1.1 200 OK\r\n\r\nab"], false, .reset), (["HTTP/1.1"], true, .reset),
        ]
        for (pieces, end, failure) in cases {
            #expect(steps(pieces, end: end) == [.failed(failure)], "\(pieces)")
        }
    }

    @Test("only a reused connection that ends before a byte is tried again, a few times")
    func retries() {
        #expect(steps([], end: true, isReused: true) == [.retry])
        #expect(steps(["H"], end: true, isReused: true) == [.failed(.reset)])
        var exchange = AuthorizerExchange(question: [1], isHead: false)
        var found: [AuthorizerExchange.Step] = []
        for _ in 0..<3 {
            exchange.ready(isReused: true)
            found.append(exchange.sent(code: -104))
        }
        #expect(found == [.retry, .retry, .failed(.reset)])
    }
}
