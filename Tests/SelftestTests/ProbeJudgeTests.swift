import Testing

@testable import Selftest

@Suite("a probe is judged by what the backend saw")
struct ProbeJudgeTests {
    static let corpus = ProbeCorpus(
        host: "edge:1", path: "/", names: ["X-Client-Cert-Sub", "Client-Cert"], run: "abc")
    static let judge = ProbeJudge(corpus)
    static let baseline = Baseline(identity: ["x-client-cert-sub": "CN=client1"])
    static let probe = Probe(.alias, "X_Client_Cert_Sub", marker: "spoofabcx100001", "")

    /// An answer of the echo backend to a request with `fields` beside the gateway's own.
    static func echo(
        _ fields: String = "", identity: String = #""x-client-cert-sub":"CN=client1""#,
        path: String = "/", trailers: String = "", status: Int = 200
    ) -> String {
        let headers = [#""x-selftest":"abc""#, identity, fields].filter { !$0.isEmpty }
            .joined(separator: ",")
        var body = #"{"path":"\#(path)","bodyBytes":0,"requestHeaders":{\#(headers)}"#
        if !trailers.isEmpty { body += #","requestTrailers":{\#(trailers)}"# }
        return answer(status, body + "}")
    }

    static func answer(_ status: Int, _ body: String) -> String {
        "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    func verdict(
        _ text: String, _ end: Conversation.End = .answered, probe: Probe = probe
    ) -> Verdict {
        Self.judge.judge(probe, Conversation(Array(text.utf8), end), Self.baseline)
    }

    @Test("what the backend saw of a claim got through, under any name of the alias class")
    func claims() {
        for name in ["x-client-cert-sub", "x_client_cert_sub", "x.client.cert.sub", "client_cert"] {
            let identity = name == "x-client-cert-sub" ? "" : #""x-client-cert-sub":"CN=client1""#
            let text = Self.echo(#""\#(name)":"spoofabcx100001""#, identity: identity)
            #expect(verdict(text) == .gotThrough("the backend saw \(name): spoofabcx100001"))
        }
        #expect(
            verdict(Self.echo(identity: #""x-client-cert-sub":"spoofabcx100001, CN=client1""#))
                == .gotThrough(
                    "the backend saw x-client-cert-sub: spoofabcx100001, CN=client1"))
        #expect(
            verdict(Self.echo(trailers: #""client-cert":"spoofabcx100001""#))
                == .gotThrough("the backend saw client-cert: spoofabcx100001 in a trailer"))
        #expect(
            verdict(Self.echo(#""-x-client-cert-sub":"spoofabcx100001""#))
                == .unrelated("under -x-client-cert-sub"))
    }

    @Test("what the gateway says has to stay as it is")
    func identity() {
        #expect(verdict(Self.echo()) == .stripped)
        #expect(
            verdict(Self.echo(identity: "")) == .gotThrough("identity removed: x-client-cert-sub"))
        #expect(
            verdict(Self.echo(identity: #""x-client-cert-sub":"CN=client1, CN=client1""#))
                == .gotThrough(
                    "identity changed: x-client-cert-sub: CN=client1, CN=client1"))
        #expect(
            verdict(Self.echo(#""client-cert":":eA==:""#))
                == .gotThrough("identity added: client-cert: :eA==:"))
    }

    @Test("nominations and upgrades that reach the backend got through")
    func connection() {
        #expect(
            verdict(Self.echo(#""connection":"x-client-cert-sub, close""#))
                == .gotThrough(
                    "Connection nominates x-client-cert-sub to the backend, which may then drop it"
                ))
        #expect(
            verdict(Self.echo(#""connection":"Host""#))
                == .gotThrough("Connection nominates Host to the backend, which may then drop it"))
        #expect(verdict(Self.echo(#""connection":"keep-alive, x-other""#)) == .stripped)
        #expect(
            verdict(Self.echo(#""upgrade":"h2c""#)) == .gotThrough("the backend saw upgrade: h2c"))
        #expect(
            verdict("HTTP/1.1 101 Switching Protocols\r\n\r\n")
                == .gotThrough("the connection switched to another protocol"))
    }

    @Test("the last of several answers counts as the first does, and so does the backend's 400")
    func hidden() {
        let probe = Probe(.framing, "two lengths", marker: "spoofabcx100001", "", requests: 3)
        let spoofed = Self.echo(identity: #""x-client-cert-sub":"spoofabcx100001""#)
        #expect(
            verdict(Self.echo() + spoofed, .closed(reason: "closed"), probe: probe)
                == .gotThrough("the backend saw x-client-cert-sub: spoofabcx100001"))
        #expect(
            verdict(Self.answer(400, #"{"refused":"repeated Host"}"#), probe: probe)
                == .gotThrough("the backend was sent what is no HTTP: repeated Host"))
        let foreign = Self.echo().replacing("abc", with: "xyz")
        #expect(verdict(foreign) == .gotThrough("the answer is another request's"))
    }

    @Test("a refusal, an end and a missing answer are told apart")
    func withoutFinding() {
        #expect(verdict(Self.answer(400, "no")) == .refused("400"))
        #expect(verdict(Self.echo() + Self.answer(421, "")) == .refused("421"))
        #expect(verdict("", .closed(reason: "reset")) == .refused("reset"))
        #expect(verdict("", .timeout) == .unclear("only 0 of 1 answers in time"))
        #expect(verdict("", .noConnection(reason: "broken")) == .unclear("broken"))
        #expect(
            verdict(Self.answer(502, "bad gateway"))
                == .unclear("status 502, and not from the echo backend"))
        #expect(
            verdict(Self.answer(200, "welcome"))
                == .unclear("status 200, and not from the echo backend"))
    }

    @Test("a path got through when the backend saw it as it was sent")
    func paths() {
        let probe = Probe(.path, "//", marker: "spoofabcx100001", "", path: "/a//b")
        #expect(
            verdict(Self.echo(path: "/a//b"), probe: probe)
                == .gotThrough("the backend saw this path as it was sent"))
        #expect(verdict(Self.echo(path: "/a/b"), probe: probe) == .stripped)
    }

    @Test("the control request shows whether there is an echo backend at all")
    func control() {
        func control(_ text: String, _ end: Conversation.End = .answered) -> ProbeJudge.Control {
            Self.judge.control(Conversation(Array(text.utf8), end))
        }
        #expect(control(Self.echo()) == .echoed(Self.baseline))
        #expect(control(Self.answer(403, "")) == .refused("status 403"))
        #expect(control("", .closed(reason: "alert")) == .refused("alert"))
        #expect(control("", .timeout) == .noEcho("no answer in time"))
        #expect(
            control(Self.answer(200, "hello"))
                == .noEcho("status 200, and not from the echo backend"))
        #expect(
            control(Self.echo().replacing("abc", with: "xyz"))
                == .noEcho("status 200, and not from the echo backend"))
    }

    @Test("answers are read whatever their framing, and only whole ones count")
    func answers() {
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        let all = "HTTP/1.1 100 Continue\r\n\r\n" + chunked + Self.answer(404, "no")
        let expected = [
            Answer(status: 200, body: Array("abc".utf8)),
            Answer(status: 404, body: Array("no".utf8)),
        ]
        let bytes = Array(all.utf8)
        #expect(Answer.all(in: bytes, isAtEnd: false) == expected)
        #expect(Conversation.isComplete(bytes, 2))
        for count in 0..<bytes.count {
            #expect(!Conversation.isComplete(Array(bytes.prefix(count)), 2))
        }
        let open = Array("HTTP/1.0 400 Bad\r\n\r\n<html>".utf8)
        #expect(Answer.all(in: open, isAtEnd: false).isEmpty)
        #expect(
            Answer.all(in: open, isAtEnd: true)
                == [Answer(status: 400, body: Array("<html>".utf8))])
    }
}
