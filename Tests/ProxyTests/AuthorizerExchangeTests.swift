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

    /// An authorizer that looks at the whole of an answer.
    private func function() throws -> ExternalAuthorizer {
        let settings = LambdaAuthorizerOptions(
            api: LambdaAPI(format: .http2, identifier: "i", stage: "s", resource: "r"),
            identitySources: try IdentitySources([], .http), mapping: try FieldMapping([], .http))
        return ExternalAuthorizer(
            ExternalAuthorizerOptions(
                name: "a", upstream: 0, counters: 0,
                service: .function(FunctionOptions(settings, at: .emulator(host: "h")))))
    }

    private func service() throws -> ExternalAuthorizer {
        ExternalAuthorizer(
            ExternalAuthorizerOptions(
                name: "a", upstream: 0, counters: 0,
                service: .http(try SubrequestOptions(host: "h", copiedFields: ["X-User"]))))
    }

    /// What comes of `pieces`; `end` is how the connection ends then, nil when it does not.
    private func steps(
        _ pieces: [String], end: Bool? = nil, isReused: Bool = false, isSent: Bool = true,
        for authorizer: ExternalAuthorizer? = nil
    ) throws -> [AuthorizerExchange.Step] {
        let authorizer = try authorizer ?? function()
        var exchange = AuthorizerExchange(question: .gone, isHead: false)
        var fields = HeadStorage()
        exchange.ready(isReused: isReused)
        var steps: [AuthorizerExchange.Step] = isSent ? [exchange.sent(code: 1)] : []
        for piece in pieces {
            unsafe Array(piece.utf8).withUnsafeBytes {
                steps.append(
                    unsafe exchange.received(
                        ByteView($0), for: authorizer, limits: HeadLimits(), &fields))
            }
        }
        if let end { steps.append(exchange.ended(isClean: end)) }
        return steps.map { step in
            guard case .answered(var reply, let isReusable) = step else { return step }
            reply.lines = []
            return .answered(reply, isReusable: isReusable)
        }.filter { $0 != .goesOn }
    }

    @Test("answers end by length, by chunks or with the connection, in any pieces")
    func answers() throws {
        for pieces in [[Self.ok], Self.ok.unicodeScalars.map { String($0) }] {
            #expect(try steps(pieces) == [.answered(reply("ok"), isReusable: true)])
        }
        let chunked = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
        for pieces in [[chunked], chunked.unicodeScalars.map { String($0) }] {
            #expect(try steps(pieces) == [.answered(reply("no", 401), isReusable: true)])
        }
        let open = ["HTTP/1.1 200 OK\r\n\r\n", "a", "b"]
        #expect(try steps(open, end: true) == [.answered(reply("ab"), isReusable: false)])
        let early = ["HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + Self.ok]
        for pieces in [early, early[0].unicodeScalars.map { String($0) }] {
            #expect(try steps(pieces) == [.answered(reply("ok"), isReusable: true)])
        }
    }

    @Test("a connection is used again only after a whole exchange that allows it") func reuse()
        throws
    {
        #expect(try steps([Self.ok + "HTTP"]) == [.answered(reply("ok"), isReusable: false)])
        #expect(try steps([Self.ok], isSent: false) == [.answered(reply("ok"), isReusable: false)])
        #expect(
            try steps([String(Self.ok.dropLast()), "kHTTP"])
                == [.answered(reply("ok"), isReusable: false)])
        let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        #expect(try steps([last]) == [.answered(reply(""), isReusable: false)])
    }

    @Test("what a service's answer says besides its decision is read, and not kept")
    func unneeded() throws {
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"
        let cases: [([String], AuthorizerExchange.Step)] = [
            ([Self.ok], .answered(reply(""), isReusable: true)),
            (
                ["HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nn", "o"],
                .answered(reply("no", 403), isReusable: true)
            ),
            ([long], .failed(.tooLarge)),
            (
                ["HTTP/1.1 200 OK\r\n\r\n", String(repeating: "x", count: 65_537)],
                .failed(.tooLarge)
            ),
        ]
        for (pieces, step) in cases {
            #expect(try steps(pieces, for: service()) == [step], "\(pieces[0])")
        }
    }

    @Test("what is no whole answer is a failure, with its reason") func failures() throws {
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
            #expect(try steps(pieces, end: end) == [.failed(failure)], "\(pieces)")
        }
    }

    @Test("only a reused connection that ends before a byte is tried again, a few times")
    func retries() throws {
        #expect(try steps([], end: true, isReused: true) == [.retry])
        for began in ["H", "HTTP/1.1 103 Early\r\n\r\n"] {
            #expect(try steps([began], end: true, isReused: true) == [.failed(.reset)])
        }
        var exchange = AuthorizerExchange(question: .gone, isHead: false)
        var found: [AuthorizerExchange.Step] = []
        for _ in 0..<3 {
            exchange.ready(isReused: true)
            found.append(exchange.sent(code: -104))
        }
        #expect(found == [.retry, .retry, .failed(.reset)])
    }
}
