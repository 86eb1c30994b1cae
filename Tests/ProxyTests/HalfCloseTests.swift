import Core
import Proxy
import Telemetry
import TestSupport
import Testing

@Suite("a client that ends its side gets the answer to all it has asked")
struct HalfCloseTests {
    private static let acquire = Action.acquireUpstream(upstream: 0, fresh: false)
    private static let release = Action.releaseUpstream(reusable: true, healthy: true)
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private static func get(_ path: String, host: String = "localhost") -> String {
        "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n"
    }

    /// Answers the requests under way; how many there were, and what the client got for each.
    private static func serve(_ test: SessionUnderTest, upTo limit: Int) -> [String] {
        var answers: [String] = []
        while test.state == .choosingUpstream, answers.count < limit {
            _ = test.connect()
            _ = test.answer(ok)
            answers.append(test.takeReceived())
        }
        return answers
    }

    @Test("pipelined requests are all answered, the last one says close", arguments: 1...5)
    func pipelined(count: Int) throws {
        let test = try SessionUnderTest()
        test.establish()
        let requests = (1...count).map { Self.get("/\($0)") }.joined()
        #expect(test.send(requests) == [Self.acquire])
        #expect(test.end() == [])
        let answers = Self.serve(test, upTo: 10)
        #expect(answers.count == count)
        for (index, answer) in answers.enumerated() {
            #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.hasSuffix("\r\n\r\nok"))
            #expect(answer.contains("Connection: close") == (index == count - 1))
        }
        #expect(test.state == .closed && test.sawCloseNotify)
        #expect(test.reason == .clientClosed)
        #expect(test.releaseAll() == 0)
    }

    @Test("bytes that are no whole request are left alone") func incomplete() throws {
        let test = try SessionUnderTest()
        test.establish()
        #expect(
            test.send(Self.get("/1") + Self.get("/2") + "GET /3 HTTP/1.1\r\nHo") == [Self.acquire])
        #expect(test.end() == [])
        let answers = Self.serve(test, upTo: 10)
        #expect(answers.count == 2)
        #expect(test.state == .closed && test.sawCloseNotify && test.reason == .clientAborted)
        #expect(test.releaseAll() == 0)
    }

    @Test("a request that is refused does not end the others") func refused() throws {
        let test = try SessionUnderTest()
        test.establish()
        let requests = Self.get("/1") + Self.get("/2", host: "other.example") + Self.get("/3")
        #expect(test.send(requests) == [Self.acquire])
        #expect(test.end() == [])
        _ = test.connect()
        #expect(test.answer(Self.ok) == [Self.release, Self.acquire])
        let received = test.takeReceived()
        #expect(received.contains("200 OK") && received.contains("421 Misdirected Request"))
        #expect(!received.contains("Connection: close"))
        let answers = Self.serve(test, upTo: 10)
        #expect(answers.count == 1 && answers[0].contains("Connection: close"))
        #expect(test.state == .closed && test.releaseAll() == 0)
    }

    @Test("a body that came before the end is forwarded, and so is what follows")
    func bodies() throws {
        let test = try SessionUnderTest()
        test.establish()
        let post = "POST /1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
        let chunked =
            "POST /2 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4\r\nbody\r\n0\r\n\r\n"
        #expect(test.send(post + chunked + Self.get("/3")) == [Self.acquire])
        #expect(test.end() == [])
        #expect(Self.serve(test, upTo: 10).count == 3)
        #expect(test.state == .closed && test.sawCloseNotify && test.releaseAll() == 0)
    }
}
