// What is wrong with a message as a whole, rather than with a name.
extension ProbeCorpus {
    /// Nominations in `Connection` and its relatives (RFC 9110 §7.6.1).
    func nominations(_ list: inout ProbeList, _ focus: String) {
        let alias = focus.replacing("-", with: "_")
        let values = [
            focus.lowercased(), alias, "Host", "Content-Length", "Transfer-Encoding",
            "X-Forwarded-For", "Forwarded",
        ]
        for value in values {
            list.add(.connection, "Connection: \(value)") { _ in
                request(
                    ["Content-Length: 2"], method: "POST", connection: "close, \(value)",
                    body: "ok")
            }
        }
        list.add(.connection, "two Connection fields") {
            request(["Connection: \(focus)", "\(focus): \($0)"])
        }
        list.add(.connection, "empty elements") { _ in
            request([], connection: ",close,, \t\(focus)\t,")
        }
        for name in ["Proxy-Connection", "Keep-Alive", "Trailer", "Upgrade", "TE"] {
            list.add(.connection, "\(name): \(focus)") { _ in request(["\(name): \(focus)"]) }
        }
    }

    /// Lines that no field is made of (RFC 9112 §2.2, §5).
    func syntax(_ list: inout ProbeList, _ name: String) {
        let pad = Self.padName
        let spaced = name.replacing("-", with: " ")
        let lines: [(String, (String) -> String)] = [
            ("folded value", { "\(name): a\r\n \($0)" }),
            ("folded value, tab", { "\(name):\r\n\t\($0)" }),
            ("folded into the field before", { "\(pad): a\r\n \(name): \($0)" }),
            ("space before the colon", { "\(name) : \($0)" }),
            ("tab before the colon", { "\(name)\t: \($0)" }),
            ("spaces in the name", { "\(spaced): \($0)" }),
            ("NUL in the name", { "\(name)\0: \($0)" }),
            ("vertical tab in the name", { "\(name)\u{b}: \($0)" }),
            ("byte A0 in the name", { "\(name)\u{a0}: \($0)" }),
            ("byte 8A in the name", { "\(name)\u{8a}: \($0)" }),
            ("parentheses", { "(\(name)): \($0)" }),
            ("quoted name", { "\"\(name)\": \($0)" }),
            ("no name", { ": \($0)" }),
            ("no colon", { "\(name) \($0)" }),
            ("bare LF", { "\(pad): a\n\(name): \($0)" }),
            ("bare CR", { "\(pad): a\r\(name): \($0)" }),
            ("NUL in a value", { "\(pad): a\0\(name): \($0)" }),
        ]
        for (what, line) in lines {
            list.add(.syntax, what) { request([line($0)]) }
        }
        list.add(.syntax, "space before the first field") { marker in
            "GET \(path) HTTP/1.1\r\n \(name): \(marker)\r\nHost: \(host)\r\n"
                + "\(Self.controlName): \(run)\r\nConnection: close\r\n\r\n"
        }
        list.add(.syntax, "HTTP/1.0") { request(["\(name): \($0)"], version: "1.0") }
    }

    /// Requests hidden in bodies: whoever takes the other length reads `name` in a head.
    ///
    /// The answer to a hidden request may go to another client. What shows then is that the echo
    /// backend, which takes no ambiguous message, says so.
    func framing(_ list: inout ProbeList, _ name: String) {
        let chunked = "Transfer-Encoding: chunked"
        func hidden(_ marker: String) -> String {
            "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(name): \(marker)\r\n\r\n"
        }
        func add(_ what: String, _ lines: @escaping (_ length: Int) -> [String]) {
            list.add(.framing, what, requests: 3) { marker in
                let body = "0\r\n\r\n" + hidden(marker)
                return request(
                    lines(body.utf8.count), method: "POST", connection: nil, body: body)
                    + request([])
            }
        }
        add("length, then chunked") { ["Content-Length: \($0)", chunked] }
        add("chunked, then length") { [chunked, "Content-Length: \($0)"] }
        add("two lengths") { ["Content-Length: \($0)", "Content-Length: 5"] }
        add("two lengths, the short one first") { ["Content-Length: 5", "Content-Length: \($0)"] }
        add("a list of lengths") { ["Content-Length: 5, \($0)"] }
        add("length with a sign") { ["Content-Length: +\($0)"] }
        add("length with a blank") { ["Content-Length: 5 \($0)"] }
        add("hexadecimal length") { ["Content-Length: 0x\(String($0, radix: 16))"] }
        add("Content_Length") { ["Content-Length: \($0)", "Content_Length: 5"] }
        for value in ["xchunked", "chunked, identity", "identity, chunked", "\"chunked\""] {
            add("length, coding \(value)") {
                ["Content-Length: \($0)", "Transfer-Encoding: \(value)"]
            }
        }
        add("length, coding after a vertical tab") {
            ["Content-Length: \($0)", "Transfer-Encoding: \u{b}chunked"]
        }
        add("length, folded coding") {
            ["Content-Length: \($0)", "Transfer-Encoding:\r\n chunked"]
        }
        add("length, space before the colon") {
            ["Content-Length: \($0)", "Transfer-Encoding : chunked"]
        }
        add("length, Transfer_Encoding") {
            ["Content-Length: \($0)", "Transfer_Encoding: chunked"]
        }
        add("length, two codings") { ["Content-Length: \($0)", chunked, "Transfer-Encoding: x"] }
        list.add(.framing, "short length, chunked", requests: 3) { marker in
            let inner = hidden(marker)
            let size = String(inner.utf8.count, radix: 16)
            return request(
                ["Content-Length: \(size.utf8.count + 2)", chunked], method: "POST",
                connection: nil, body: "\(size)\r\n\(inner)\r\n0\r\n\r\n") + request([])
        }
        list.add(.framing, "chunked in HTTP/1.0", requests: 2) { marker in
            request(
                [chunked], method: "POST", connection: "keep-alive", version: "1.0",
                body: "0\r\n\r\n" + hidden(marker))
        }
        list.add(.framing, "bare LF in a chunk's extension", requests: 3) { marker in
            request(
                [chunked], method: "POST", connection: nil,
                body: "2;\n\r\nok\r\n0\r\n\r\n" + hidden(marker)) + request([])
        }
    }

    /// Claims behind a request that claims nothing.
    func pipelining(_ list: inout ProbeList, _ name: String) {
        let alias = name.replacing("-", with: "_")
        let first: [(String, String)] = [
            ("GET", request([], connection: nil)),
            (
                "a length",
                request(["Content-Length: 2"], method: "POST", connection: nil, body: "ok")
            ),
            (
                "chunks",
                request(
                    ["Transfer-Encoding: chunked"], method: "POST", connection: nil,
                    body: "2\r\nok\r\n0\r\n\r\n")
            ),
        ]
        for (what, text) in first {
            list.add(.pipelining, "behind \(what)", requests: 2) {
                text + request(["\(name): \($0)"])
            }
            list.add(.pipelining, "alias behind \(what)", requests: 2) {
                text + request(["\(alias): \($0)"])
            }
        }
    }

    /// Other protocols on the connection (RFC 7540 §3.2).
    func upgrades(_ list: inout ProbeList, _ name: String) {
        let settings = "HTTP2-Settings: AAMAAABkAAQ"
        list.add(.upgrade, "h2c") {
            request(
                ["Upgrade: h2c", settings, "\(name): \($0)"],
                connection: "Upgrade, HTTP2-Settings, close")
        }
        list.add(.upgrade, "h2c, Connection: Upgrade only") {
            request(["Upgrade: h2c", settings, "\(name): \($0)"], connection: "Upgrade, close")
        }
        list.add(.upgrade, "h2c, not nominated") {
            request(["Upgrade: h2c", settings, "\(name): \($0)"])
        }
        list.add(.upgrade, "h2c in a list") {
            request(["Upgrade: websocket, h2c", "\(name): \($0)"], connection: "Upgrade, close")
        }
    }
}
