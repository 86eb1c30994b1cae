import Authorization
import Core
import HTTP
import Testing

@Suite("a service of one's own is asked by a request about the request") struct SubrequestTests {
    private static let request = """
        POST /a?b=1 HTTP/1.1\r
        Host: api.example.com\r
        Authorization: Bearer t\r
        Accept-Encoding: gzip\r
        Content-Type: text/plain\r
        Content-Length: 5\r
        Expect: 100-continue\r
        X-Forwarded-Uri: /public\r
        X_Original_URI: /public\r
        Forwarded: for=x\r
        X-Own: 1\r
        \r

        """

    private func text(
        _ options: SubrequestOptions, _ request: String = request, identity: String = ""
    ) throws -> String {
        try asked(request, identity: identity, isTrusted: true) { asked, fields in
            var question = try #require(BufferPool(chunkSize: 4_096, limit: 1).take())
            #expect(Subrequest(options).append(asked, fields, to: &question))
            return question.filled.string
        }
    }

    private static func ours(_ method: String, _ host: String, _ uri: String) -> String {
        """
        X-Forwarded-Method: \(method)\r
        X-Forwarded-Proto: https\r
        X-Forwarded-Host: \(host)\r
        X-Forwarded-Uri: \(uri)\r
        X-Forwarded-For: 192.0.2.7\r
        X-Original-Method: \(method)\r
        X-Original-URI: \(uri)\r

        """
    }

    private static let ours = ours("POST", "api.example.com", "/a?b=1")

    @Test("S28 X-Forwarded-* and X-Original-* are ours alone, and no body is announced")
    func question() throws {
        let options = try SubrequestOptions(host: "auth.local")
        #expect(
            try text(options, identity: "X-Client-Cert-Sub: CN=client1\r\n")
                == "GET /a?b=1 HTTP/1.1\r\nHost: auth.local\r\nAuthorization: Bearer t\r\n"
                + "X-Own: 1\r\n\(Self.ours)X-Client-Cert-Sub: CN=client1\r\n"
                + "Content-Length: 0\r\n\r\n")
        var chosen = options
        chosen.method = nil
        chosen.target = "/decide?x"
        chosen.forwardedFields = ["authorization", "X-Forwarded-Uri", "Content-Type"]
        #expect(
            try text(chosen)
                == "POST /decide?x HTTP/1.1\r\nHost: auth.local\r\nAuthorization: Bearer t\r\n"
                + "\(Self.ours)Content-Length: 0\r\n\r\n")
    }

    @Test("fields go along as name and value, however they were spaced, and a query unless empty")
    func spelling() throws {
        let question = try text(
            try SubrequestOptions(host: "h"),
            "GET http://other? HTTP/1.1\r\nHost: other\r\nA: 1\r\nB: 2\r\nb:\r\nC:\t3 4 \r\n"
                + "Range: bytes=0-1\r\nD:x:y\r\nE: Zo\u{eb}\r\n\r\n")
        #expect(
            question
                == "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nb: \r\nC: 3 4\r\nD: x:y\r\n"
                + "E: Zo\u{eb}\r\n" + Self.ours("GET", "other", "/") + "Content-Length: 0\r\n\r\n")
    }

    @Test("a question that does not fit is told from one that does") func room() throws {
        let options = try SubrequestOptions(host: "auth.local")
        let count = try text(options).utf8.count
        for (size, fits) in [(count + 1, true), (count, false), (40, false)] {
            let found = try asked(Self.request, isTrusted: true) { asked, fields in
                var question = try #require(BufferPool(chunkSize: size, limit: 1).take())
                return Subrequest(options).append(asked, fields, to: &question)
            }
            #expect(found == fits, "\(size)")
        }
    }

    private func outcome(
        _ subrequest: Subrequest, _ status: UInt16, _ lines: String
    ) throws -> Subrequest.Outcome {
        try answered("HTTP/1.1 \(status) X\r\n\(lines)\r\n") { head, bytes, fields in
            var reply = subrequest.reply(head, in: bytes, fields)
            if subrequest.isPassed(status) { reply.body = Array("no".utf8) }
            return subrequest.outcome(reply)
        }
    }

    @Test("2xx allows with the listed fields, 401 and 403 are passed on, all else is a failure")
    func answers() throws {
        let options = try SubrequestOptions(
            host: "h", copiedFields: ["X-User", "X-Groups"], passedStatuses: [302, 401, 403])
        let subrequest = Subrequest(options)
        let lines = """
            x-groups: a\r
            X-USER: zoe\r
            x-groups:b\r
            X-Other: 1\r
            X_User: eve\r
            WWW-Authenticate: Bearer\r
            Location: /l\r

            """
        for status in [200, 204, 299] as [UInt16] {
            #expect(
                try outcome(subrequest, status, lines)
                    == .allow(
                        lines: Array("X-User: zoe\r\nX-Groups: a\r\nX-Groups: b\r\n".utf8)))
        }
        for status in [302, 401, 403] as [UInt16] {
            #expect(
                try outcome(subrequest, status, lines)
                    == .refuse(
                        .init(
                            status: status,
                            fields: [.init("WWW-Authenticate", "Bearer"), .init("Location", "/l")],
                            body: Array("no".utf8))))
        }
        for status in [301, 404, 429, 500, 503] as [UInt16] {
            #expect(
                try outcome(subrequest, status, lines) == (status < 500 ? .unexpected : .failure))
        }
        for value in ["Zo\u{eb}", "a\tb"] {
            #expect(
                try outcome(subrequest, 200, "X-User: \(value)\r\n") == .failure, "\(value)")
        }
        #expect(
            try outcome(subrequest, 200, "X-User:  a \r\n")
                == .allow(lines: Array("X-User: a\r\n".utf8)))
        #expect(options.ownedNames == ["X-User", "X-Groups"])
    }

    @Test("S28 no answer can set Host, framing or hop-by-hop fields") func reserved() throws {
        for name in ["Host", "Content-Length", "transfer_encoding", "Connection", "Expect"] {
            #expect(throws: MappingError.reservedName(name)) {
                try SubrequestOptions(host: "h", copiedFields: [name])
            }
            #expect(throws: MappingError.reservedName(name)) {
                try SubrequestOptions(host: "h", passedFields: [name])
            }
        }
        for status in [99, 200, 204, 600] as [UInt16] {
            #expect(throws: MappingError.unknownTarget("\(status)")) {
                try SubrequestOptions(host: "h", passedStatuses: [status])
            }
        }
    }

    @Test("a reply is made of a parsed head") func parsed() throws {
        let text = Array("HTTP/1.1 403 No\r\nX-A: 1\r\nx-b:  2 \r\nContent-Length: 0\r\n\r\n".utf8)
        var fields = HeadStorage(capacity: 8)
        let reply = try unsafe text.withUnsafeBytes { raw -> AuthorizerReply? in
            let bytes = unsafe ByteView(raw)
            let parsed = try ResponseParser.parse(bytes, method: .get, into: &fields)
            guard case .complete(let head) = parsed else { return nil }
            return AuthorizerReply(head, in: bytes, fields, body: [1])
        }
        #expect(
            reply
                == AuthorizerReply(
                    status: 403,
                    fields: [.init("X-A", "1"), .init("x-b", "2"), .init("Content-Length", "0")],
                    body: [1]))
    }
}
