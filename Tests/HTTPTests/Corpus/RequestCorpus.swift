import Testing

/// One request that must come to a certain status, and where the case comes from.
struct CorpusCase: CustomTestStringConvertible, Sendable {
    /// The status of the answer; 200 stands for "accepted".
    let status: UInt16
    /// RFC section or public advisory.
    let provenance: String
    let text: String

    init(_ status: UInt16, _ provenance: String, _ text: String) {
        self.status = status
        self.provenance = provenance
        self.text = text
    }

    var testDescription: String { "\(provenance) → \(status)" }
}

private let host = "Host: a.example\r\n"

private func post(_ fields: String) -> String {
    "POST / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n"
}

private func get(_ fields: String) -> String {
    "GET / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n"
}

/// Request smuggling and framing.
let framingCorpus: [CorpusCase] = [
    .init(200, "RFC 9112 §6.2", post("Content-Length: 5\r\n")),
    .init(200, "RFC 9112 §7", post("Transfer-Encoding: chunked\r\n")),
    .init(200, "RFC 9112 §7: codings are case-insensitive", post("Transfer-Encoding: CHUNKED\r\n")),
    .init(400, "RFC 9112 §6.1 CL+TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
    .init(400, "RFC 9112 §6.1 TE+CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
    .init(400, "RFC 9112 §6.3 differing CL", post("Content-Length: 5\r\nContent-Length: 6\r\n")),
    .init(400, "RFC 9112 §6.3 equal CL", post("Content-Length: 5\r\nContent-Length: 5\r\n")),
    .init(400, "RFC 9110 §8.6 list CL", post("Content-Length: 5, 5\r\n")),
    .init(400, "RFC 9110 §8.6 signed CL", post("Content-Length: +5\r\n")),
    .init(400, "RFC 9110 §8.6 negative CL", post("Content-Length: -5\r\n")),
    .init(400, "RFC 9110 §8.6 hex CL", post("Content-Length: 0x5\r\n")),
    .init(
        400, "RFC 9110 §8.6 underscore CL", post("Content-Length: 1_0\r\n")),
    .init(400, "RFC 9110 §8.6 empty CL", post("Content-Length:\r\n")),
    .init(400, "RFC 9110 §8.6 inner space CL", post("Content-Length: 1 0\r\n")),
    .init(400, "RFC 9110 §8.6 CL overflow", post("Content-Length: 99999999999999999999\r\n")),
    .init(200, "RFC 9110 §8.6 largest CL", post("Content-Length: 9999999999999999999\r\n")),
    .init(400, "RFC 9112 §6.1 unknown coding", post("Transfer-Encoding: xchunked\r\n")),
    .init(400, "RFC 9112 §6.1 chunked not last", post("Transfer-Encoding: chunked, gzip\r\n")),
    .init(400, "RFC 9112 §6.1 two codings", post("Transfer-Encoding: gzip, chunked\r\n")),
    .init(400, "RFC 9112 §6.1 chunked twice", post("Transfer-Encoding: chunked, chunked\r\n")),
    .init(400, "RFC 9112 §6.1 identity", post("Transfer-Encoding: identity\r\n")),
    .init(400, "RFC 9112 §6.1 empty TE", post("Transfer-Encoding:\r\n")),
    .init(
        400, "RFC 9112 §6.1 two TE lines",
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
    .init(400, "TE.TE obfuscation: VT", post("Transfer-Encoding: \u{0b}chunked\r\n")),
    .init(400, "TE.TE obfuscation: quotes", post("Transfer-Encoding: \"chunked\"\r\n")),
    .init(400, "TE.TE obfuscation: parameter", post("Transfer-Encoding: chunked;x=1\r\n")),
    .init(400, "TE.TE obfuscation: trailing comma", post("Transfer-Encoding: chunked,\r\n")),
    .init(
        400, "RFC 9112 §6.1 TE in HTTP/1.0",
        "POST / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n"),
    .init(400, "RFC 9112 §5.1 space before colon", post("Content-Length : 5\r\n")),
    .init(400, "CVE-2019-16276 space before colon", post("Transfer-Encoding : chunked\r\n")),
    .init(400, "RFC 9112 §5.1 tab before colon", post("Transfer-Encoding\t: chunked\r\n")),
    .init(400, "RFC 9112 §5.2 obs-fold", post("Transfer-Encoding:\r\n chunked\r\n")),
    .init(400, "RFC 9112 §5.2 obs-fold with tab", post("X: 1\r\n\tchunked\r\n")),
    .init(
        400, "RFC 9112 §2.2 white space before the first field",
        "POST / HTTP/1.1\r\n X: 1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.2 bare LF in a field", post("X: 1\nContent-Length: 5\r\n")),
    .init(400, "RFC 9112 §2.2 bare LF ends the head", "GET / HTTP/1.1\nHost: a\n\n"),
    .init(400, "RFC 9112 §2.2 LF after CRLF", "GET / HTTP/1.1\r\n\(host)\n"),
    .init(400, "RFC 9112 §2.2 bare CR in a value", post("X: 1\rContent-Length: 5\r\n")),
    .init(400, "RFC 9112 §2.2 bare CR before CRLF", post("X: 1\r\r\n")),
    .init(400, "RFC 9110 §5.5 NUL", post("X: a\0b\r\n")),
    .init(400, "RFC 9110 §5.5 DEL", post("X: a\u{7f}b\r\n")),
    .init(400, "RFC 9110 §5.5 ESC at the end", post("X: a\u{1b}\r\n")),
    .init(400, "RFC 9110 §5.1 NUL in a name", post("X\0: a\r\n")),
    .init(400, "RFC 9110 §5.1 empty name", post(": a\r\n")),
    .init(400, "RFC 9110 §5.1 no colon", post("Content-Length\r\n")),
    .init(400, "RFC 9110 §5.1 non-ASCII name", post("X\u{e9}: a\r\n")),
    .init(400, "RFC 9110 §5.1 name with brackets", post("X[a]: a\r\n")),
    .init(200, "RFC 9110 §5.5 obs-text in a value", get("X: caf\u{e9}\r\n")),
    .init(200, "RFC 9110 §5.5 tab inside a value", get("X: a\tb\r\n")),
    .init(200, "RFC 9110 §5.5 empty value", get("X:\r\nY: \t \r\n")),
]

/// Request line, Host, version, expectation.
let requestLineCorpus: [CorpusCase] = [
    .init(200, "RFC 9112 §3.2.1", "GET /a/b?c=d HTTP/1.1\r\n\(host)\r\n"),
    .init(200, "RFC 9112 §3.2.2", "GET http://b.example:80/a?b HTTP/1.1\r\n\(host)\r\n"),
    .init(200, "RFC 9112 §3.2.2 no path", "GET HTTPS://b.example HTTP/1.1\r\n\(host)\r\n"),
    .init(200, "RFC 9112 §3.2.4", "OPTIONS * HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2.4 with GET", "GET * HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2.4 with more", "OPTIONS *x HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 no slash", "GET a HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 other scheme", "GET ftp://a/ HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9110 §4.2.4 userinfo", "GET http://u@b.example/ HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2.2 empty authority", "GET http:///a HTTP/1.1\r\n\(host)\r\n"),
    .init(405, "S21 CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n\(host)\r\n"),
    .init(405, "S21 TRACE", "TRACE / HTTP/1.1\r\n\(host)\r\n"),
    .init(200, "RFC 9110 §9.1 extension method", "PROPFIND / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9110 §9.1 method is no token", "GE(T / HTTP/1.1\r\n\(host)\r\n"),
    .init(
        501, "RFC 9112 §3 long method",
        String(repeating: "A", count: 33) + " / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3 two spaces", "GET  / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3 tab", "GET\t/ HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3 space in target", "GET /a b HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3 trailing space", "GET / HTTP/1.1 \r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3 leading space", " GET / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 control in target", "GET /\u{1}a HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 non-ASCII target", "GET /caf\u{e9} HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "HTTP/0.9", "GET /\r\n"),
    .init(200, "RFC 9112 §2.2 one empty line", "\r\nGET / HTTP/1.1\r\n\(host)\r\n"),
    .init(200, "RFC 9112 §2.2 two empty lines", "\r\n\r\nGET / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.2 three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.2 empty line of LF", "\nGET / HTTP/1.1\r\n\(host)\r\n"),
    .init(505, "RFC 9110 §15.6.6", "GET / HTTP/2.0\r\n\(host)\r\n"),
    .init(505, "RFC 9113 §3.4 preface", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    .init(505, "RFC 9110 §15.6.6 minor", "GET / HTTP/1.2\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.3 lower case", "GET / http/1.1\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.3 digits", "GET / HTTP/11\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §2.3 more digits", "GET / HTTP/1.10\r\n\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 no Host", "GET / HTTP/1.1\r\nX: 1\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 two Hosts", "GET / HTTP/1.1\r\n\(host)\(host)\r\n"),
    .init(400, "RFC 9112 §3.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 bad port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
    .init(
        400, "RFC 9112 §3.2 absolute-form needs Host too",
        "GET http://b.example/ HTTP/1.1\r\nX: 1\r\n\r\n"),
    .init(200, "RFC 9112 §3.2 IPv6 Host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n"),
    .init(200, "RFC 9112 §3.2 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
    .init(400, "RFC 9112 §3.2 HTTP/1.0 with two", "GET / HTTP/1.0\r\n\(host)\(host)\r\n"),
    .init(
        200, "RFC 9110 §10.1.1",
        "PUT / HTTP/1.1\r\n\(host)Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"),
    .init(417, "RFC 9110 §10.1.1 other", "GET / HTTP/1.1\r\n\(host)Expect: 200-ok\r\n\r\n"),
    .init(400, "RFC 9110 §7.6.1 not a token", "GET / HTTP/1.1\r\n\(host)Connection: a b\r\n\r\n"),
    .init(400, "TLS sent to a plaintext port", "\u{16}\u{3}\u{1}\u{2}"),
    .init(0, "incomplete", "GET / HTTP/1.1\r\nHost: a.example\r\n"),
]

/// Responses: 200 stands for "relayed", 502 for "refused".
let responseCorpus: [CorpusCase] = [
    .init(200, "RFC 9112 §4", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    .init(200, "RFC 9112 §4 empty reason", "HTTP/1.1 200 \r\n\r\n"),
    .init(200, "RFC 9112 §4 no second space", "HTTP/1.1 200\r\n\r\n"),
    .init(200, "RFC 9112 §4 HTTP/1.0", "HTTP/1.0 404 Not Found\r\n\r\n"),
    .init(502, "RFC 9112 §4 leading empty line", "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    .init(502, "RFC 9112 §4 two digits", "HTTP/1.1 99 X\r\n\r\n"),
    .init(502, "RFC 9112 §4 four digits", "HTTP/1.1 2000 X\r\n\r\n"),
    .init(502, "RFC 9110 §15 below 100", "HTTP/1.1 099 X\r\n\r\n"),
    .init(502, "RFC 9112 §2.3", "HTTP/2.0 200 OK\r\n\r\n"),
    .init(502, "RFC 9112 §2.3 ICY", "ICY 200 OK\r\n\r\n"),
    .init(502, "RFC 9112 §4 control in reason", "HTTP/1.1 200 O\0K\r\n\r\n"),
    .init(502, "RFC 9112 §2.2 bare LF", "HTTP/1.1 200 OK\nX: 1\n\n"),
    .init(502, "RFC 9112 §5.2 obs-fold", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n"),
    .init(502, "RFC 9112 §5.1", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n"),
    .init(
        502, "RFC 9112 §6.1 CL+TE",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    .init(
        502, "RFC 9112 §6.3 CL twice",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
    .init(502, "RFC 9112 §6.3 bad CL", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    .init(502, "RFC 9112 §6.1 coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
    .init(
        502, "RFC 9112 §6.1 TE in 204",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    .init(
        502, "RFC 9112 §6.1 TE in HTTP/1.0",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
]
