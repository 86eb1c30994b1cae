import Core
import Foundation
import TestSupport
import Testing

@testable import Fetch

/// A server that says what it was asked, or misbehaves, by path.
private let script = """
    import http.server, json, os, ssl, sys, time

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def log_message(self, *arguments):
            pass

        def answer(self, status, body=b'', fields=()):
            self.send_response(status)
            for name, value in fields:
                self.send_header(name, value)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            with open(sys.argv[1] + '/log', 'a') as log:
                log.write(self.path + chr(10))
            if self.path == '/etag':
                if self.headers.get('If-None-Match') == '"one"':
                    return self.answer(304, fields=[('ETag', '"one"')])
                return self.answer(200, b'bytes', [('ETag', '"one"'), ('X-Blank', '   ')])
            if self.path == '/redirect':
                return self.answer(302, fields=[('Location', '/etag')])
            if self.path == '/announced':
                self.send_response(200)
                self.send_header('Content-Length', '1000000')
                self.end_headers()
                return
            if self.path == '/chunked':
                self.send_response(200)
                self.send_header('Transfer-Encoding', 'chunked')
                self.end_headers()
                chunk = b'10' + b'\\r\\n' + b'x' * 16 + b'\\r\\n'
                try:
                    while True:
                        self.wfile.write(chunk)
                except OSError:
                    return
            if self.path == '/head':
                return self.answer(200, fields=[('X-' + str(n), 'y' * 1000) for n in range(90)])
            if self.path == '/interim':
                self.wfile.write(b'HTTP/1.1 103 Early Hints\\r\\nX-Early: 1\\r\\n\\r\\n')
                return self.answer(200, b'late')
            if self.path == '/silent':
                return time.sleep(60)
            if self.path == '/cut':
                self.send_response(200)
                self.send_header('Content-Length', '10')
                self.end_headers()
                self.wfile.write(b'half')
                self.close_connection = True
                return
            said = {'method': self.command, 'path': self.path, 'body': body.decode(),
                    'fields': [[name.lower(), value] for name, value in self.headers.items()]}
            self.answer(200, json.dumps(said).encode())

        do_PUT = do_POST = do_GET

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

    server = Server(('127.0.0.1', 0), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(sys.argv[1] + '/new', 'w') as file:
        file.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + '/new', sys.argv[1] + '/port')
    server.serve_forever()
    """

@Suite("The control plane fetches") struct FetcherTests {
    struct Said: Decodable, Equatable {
        let method: String
        let path: String
        let body: String
        let fields: [[String]]
    }

    private let service: PythonService
    private let fetcher: Fetcher

    init() throws {
        service = try PythonService("fetched") { _ in script }
        fetcher = try Fetcher()
    }

    private func request(_ path: String, method: String = "GET") -> FetchRequest {
        FetchRequest("http://\(service.address)\(path)", method: method)
    }

    /// The error that fetching `path` ends in.
    private func failure(_ request: FetchRequest) -> FetchError? {
        do throws(FetchError) {
            let answer = try fetcher.fetch(request)
            Issue.record("answered \(answer)")
            return nil
        } catch { return error }
    }

    @Test("status, fields and body come back, and a condition is asked") func condition() throws {
        let first = try fetcher.fetch(request("/etag"))
        #expect(first.status == 200)
        #expect(first.body == Array("bytes".utf8))
        #expect(first.field("etag") == "\"one\"")
        #expect(first.field("X-BLANK") == "")
        #expect(first.field("absent") == nil)
        var again = request("/etag")
        again.fields = [("If-None-Match", "\"one\"")]
        let second = try fetcher.fetch(again)
        #expect(second.status == 304)
        #expect(second.body.isEmpty)
        #expect(second.field("etag") == "\"one\"")
    }

    @Test("a request goes out as it was given", arguments: ["PUT", "POST"])
    func asGiven(method: String) throws {
        var put = request("/a//../%2e/b%20c?x=1&y=%2F", method: method)
        put.fields = [("X-Empty", ""), ("X-Some", "value")]
        for body in ["", "the body"] {
            put.body = Array(body.utf8)
            let said = try JSONDecoder().decode(Said.self, from: Data(fetcher.fetch(put).body))
            #expect(said.method == method)
            #expect(said.path == "/a//../%2e/b%20c?x=1&y=%2F")
            #expect(said.body == body)
            #expect(
                said.fields.sorted { $0[0] < $1[0] } == [
                    ["accept", "*/*"], ["content-length", "\(body.utf8.count)"],
                    ["host", service.address], ["user-agent", "postern"], ["x-empty", ""],
                    ["x-some", "value"],
                ])
        }
        put.fields = [("Content-Type", "text/plain")]
        let said = try JSONDecoder().decode(Said.self, from: Data(fetcher.fetch(put).body))
        #expect(said.fields.filter { $0[0] == "content-type" } == [["content-type", "text/plain"]])
    }

    @Test("a redirect is an answer, and is not followed") func redirect() throws {
        let answer = try fetcher.fetch(request("/redirect"))
        #expect(answer.status == 302)
        #expect(answer.field("Location") == "/etag")
        #expect(service.log == [Data("/redirect".utf8)])
    }

    @Test("an interim answer leaves nothing") func interim() throws {
        let answer = try fetcher.fetch(request("/interim"))
        #expect(answer.status == 200)
        #expect(answer.body == Array("late".utf8))
        #expect(answer.field("X-Early") == nil)
        #expect(answer.field("Content-Length") == "4")
    }

    @Test("no more is taken than may be", arguments: ["/announced", "/chunked", "/head"])
    func limit(path: String) {
        var large = request(path)
        large.limit = 1_000
        #expect(failure(large) == FetchError(.tooLarge, "more than 1000 bytes"))
    }

    @Test("an answer of exactly the limit is taken") func atTheLimit() throws {
        var exact = request("/etag")
        exact.limit = 5
        #expect(try fetcher.fetch(exact).body.count == 5)
        exact.limit = 4
        #expect(failure(exact)?.kind == .tooLarge)
    }

    @Test("half an answer is none") func cut() {
        #expect(failure(request("/cut"))?.kind == .broken)
    }

    @Test("a silent server is not waited for") func timeout() {
        var silent = request("/silent")
        silent.timeout = .milliseconds(100)
        let failed = failure(silent)
        #expect(failed?.kind == .timeout)
        #expect(failed?.reason.contains("timed out") == true)
    }

    @Test("cancelling ends what is under way, and what comes after") func cancel() {
        let fetcher = fetcher
        let log = service.folder + "/log"
        var silent = request("/silent")
        silent.timeout = .seconds(600)
        // A thread of its own: other tests may keep all tasks waiting.
        Thread.detachNewThread {
            for _ in 0..<1_000 where !FileManager.default.fileExists(atPath: log) { usleep(10_000) }
            fetcher.cancel()
        }
        #expect(failure(silent) == FetchError(.cancelled, "cancelled"))
        #expect(failure(request("/etag"))?.kind == .cancelled)
        #expect(service.log.count == 1)
    }

    @Test("who cannot be reached is told from who does not answer") func unreachable() {
        #expect(failure(FetchRequest("http://127.0.0.1:1/"))?.kind == .unreachable)
        #expect(failure(FetchRequest("http://name.invalid/"))?.kind == .unresolved)
    }

    @Test(
        "no other scheme, and nothing that splits a request",
        arguments: [
            FetchRequest("file:///etc/passwd"), FetchRequest("ftp://127.0.0.1/"),
            FetchRequest("http://127.0.0.1:1/\r\nX: y"), FetchRequest(""),
            FetchRequest("http://127.0.0.1:1/", fields: [("X", "a\nY: b")]),
            FetchRequest("http://127.0.0.1:1/", method: "GET / HTTP/1.1\r\n"),
        ])
    func refused(request: FetchRequest) {
        let kind = failure(request)?.kind
        #expect(kind == .request || kind == .broken)
    }

    @Test("the environment's proxies are not used") func proxy() async {
        let address = service.address
        await #expect(processExitsWith: .success) { [address = address as String] in
            for name in ["http_proxy", "all_proxy"] {
                unsafe setenv(name, "http://127.0.0.1:1", 1)
            }
            let answer = try? Fetcher().fetch(FetchRequest("http://\(address)/etag"))
            exit(answer?.status == 200 ? 0 : 1)
        }
    }

    @Test("a server is verified by the given authorities, and by no others") func https() throws {
        let pki = try TestPKI()
        let other = try TestPKI()
        let secure = try PythonService(
            "secure", [pki.folder + "/server.pem", pki.folder + "/server.key"]
        ) { _ in script }
        let port = secure.address.split(separator: ":")[1]
        var named = FetchRequest("https://localhost:\(port)/etag")
        named.authorities = pki.folder + "/ca.pem"
        #expect(try fetcher.fetch(named).status == 200)
        // Certified for a name, not for this address.
        var byAddress = FetchRequest("https://127.0.0.1:\(port)/etag")
        byAddress.authorities = pki.folder + "/ca.pem"
        #expect(failure(byAddress)?.kind == .untrusted)
        named.authorities = nil
        #expect(failure(named)?.kind == .untrusted)
        named.authorities = other.folder + "/ca.pem"
        #expect(failure(named)?.kind == .untrusted)
        named.authorities = pki.folder + "/nothing.pem"
        #expect(failure(named)?.kind == .untrusted)
    }
}
