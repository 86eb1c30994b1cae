import Authorization
import Core
import HTTP
import Testing

@Suite("a service of one's own is asked by a request about the request") struct SubrequestTests {
    private static var request: AuthorizationRequest {
        var request = AuthorizationRequest(method: "POST", host: "api.example.com", path: "/a")
        request.query = "b=1"
        request.source = "192.0.2.7"
        request.fields = [
            .init("Host", "api.example.com"), .init("Authorization", "Bearer t"),
            .init("Content-Type", "text/plain"), .init("Content-Length", "5"),
            .init("Expect", "100-continue"), .init("X-Forwarded-Uri", "/public"),
            .init("X_Original_URI", "/public"), .init("Forwarded", "for=x"), .init("X-Own", "1"),
        ]
        return request
    }

    private func text(_ options: SubrequestOptions, identity: String = "") -> String {
        let bytes = Subrequest(options).bytes(Self.request, identityLines: Array(identity.utf8))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let ours = """
        X-Forwarded-Method: POST\r
        X-Forwarded-Proto: https\r
        X-Forwarded-Host: api.example.com\r
        X-Forwarded-Uri: /a?b=1\r
        X-Forwarded-For: 192.0.2.7\r
        X-Original-Method: POST\r
        X-Original-URI: /a?b=1\r

        """

    @Test("S28 X-Forwarded-* and X-Original-* are ours alone, and no body is announced")
    func question() throws {
        let options = try SubrequestOptions(host: "auth.local")
        #expect(
            text(options, identity: "X-Client-Cert-Sub: CN=client1\r\n")
                == "GET /a?b=1 HTTP/1.1\r\nHost: auth.local\r\nAuthorization: Bearer t\r\n"
                + "X-Own: 1\r\n\(Self.ours)X-Client-Cert-Sub: CN=client1\r\n"
                + "Content-Length: 0\r\n\r\n")
        var chosen = options
        chosen.method = nil
        chosen.target = "/decide?x"
        chosen.forwardedFields = ["authorization", "X-Forwarded-Uri", "Content-Type"]
        #expect(
            text(chosen)
                == "POST /decide?x HTTP/1.1\r\nHost: auth.local\r\nAuthorization: Bearer t\r\n"
                + "\(Self.ours)Content-Length: 0\r\n\r\n")
    }

    @Test("2xx allows with the listed fields, 401 and 403 are passed on, all else is a failure")
    func answers() throws {
        let options = try SubrequestOptions(
            host: "h", copiedFields: ["X-User", "X-Groups"], passedStatuses: [302, 401, 403])
        let subrequest = Subrequest(options)
        let fields: [AuthorizationRequest.Field] = [
            .init("x-groups", "a"), .init("X-USER", "zoe"), .init("x-groups", "b"),
            .init("X-Other", "1"), .init("WWW-Authenticate", "Bearer"), .init("Location", "/l"),
        ]
        let body = Array("no".utf8)
        for status in [200, 204, 299] as [UInt16] {
            #expect(
                subrequest.outcome(.init(status: status, fields: fields, body: body))
                    == .allow([
                        .init("X-User", "zoe"), .init("X-Groups", "a"), .init("X-Groups", "b"),
                    ]))
        }
        for status in [302, 401, 403] as [UInt16] {
            #expect(
                subrequest.outcome(.init(status: status, fields: fields, body: body))
                    == .refuse(
                        .init(
                            status: status,
                            fields: [.init("WWW-Authenticate", "Bearer"), .init("Location", "/l")],
                            body: body)))
        }
        for status in [100, 301, 404, 429, 500, 503] as [UInt16] {
            #expect(subrequest.outcome(.init(status: status, fields: fields)) == .failure)
        }
        for value in ["a\r\nX: y", "Zo\u{eb}", " a"] {
            let reply = AuthorizerReply(status: 200, fields: [.init("X-User", value)])
            #expect(subrequest.outcome(reply) == .failure, "\(value)")
        }
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
