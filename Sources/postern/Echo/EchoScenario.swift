import Core
import Crypto
import HTTP

/// What the echo backend does with one request, chosen by its path.
struct EchoScenario {
    enum Kind {
        /// Describe the request.
        case json
        case bytes([UInt8])
        /// Send, then close.
        case closing([UInt8])
        /// Send, then reset the connection.
        case resetting([UInt8])
        /// Wait, then send.
        case delayed([UInt8], Nanoseconds)
        /// Send a head, wait, then send the body.
        case split([UInt8], Nanoseconds, [UInt8])
        /// Switch protocols, then send everything back.
        case webSocket([UInt8])
    }

    private(set) var kind = Kind.json
    private(set) var isEarly = false
    private let method: String
    private let path: String
    private var fields: [(name: String, value: String)] = []

    init(_ bytes: ByteView, _ request: RequestHead, _ storage: borrowing HeadStorage) {
        method = bytes[request.methodRange].string
        path = bytes[request.path].string
        for index in 0..<storage.count {
            let field = storage[index]
            Self.add(bytes[field.name].string, bytes[field.value].string, to: &fields)
        }
        let words = path.split(separator: "/").map(String.init)
        let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
        let isHead = method == "HEAD"
        let body = isHead ? [] : [UInt8](repeating: UInt8(ascii: "b"), count: number)
        switch words.first ?? "" {
        case "status":
            let length = number == 204 || number == 304 ? "" : "Content-Length: 0\r\n"
            kind = .bytes(Array("HTTP/1.1 \(number) Chosen\r\n\(length)\r\n".utf8))
        case "bytes": kind = .bytes(Self.head(number) + body)
        case "chunked": kind = .bytes(Self.chunked(body))
        case "close": kind = .closing(Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + body)
        case "slow": kind = .delayed(Self.head(2) + Array("ok".utf8), .milliseconds(UInt64(number)))
        case "split":
            kind = .split(
                Self.head(2), .milliseconds(UInt64(number)), Array("ok".utf8))
        case "reset": kind = .resetting(Self.head(2 * number) + body)
        case "early":
            isEarly = true
            kind = .bytes(Self.head(2) + Array("ok".utf8))
        case "interim":
            kind = .bytes(
                Array("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".utf8) + Self.head(2)
                    + Array("ok".utf8))
        case "websocket":
            let key = fields.first { $0.name == "sec-websocket-key" }?.value ?? ""
            kind = .webSocket(Self.switching(key))
        default: break
        }
    }

    private static func head(_ count: Int) -> [UInt8] {
        Array(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(count)\r\n\r\n".utf8)
    }

    private static func chunked(_ body: [UInt8]) -> [UInt8] {
        var bytes = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for start in stride(from: 0, to: body.count, by: 10_000) {
            let piece = body[start..<min(start + 10_000, body.count)]
            bytes += Array((String(piece.count, radix: 16) + "\r\n").utf8) + piece + [13, 10]
        }
        return bytes + Array("0\r\nX-Trailer: dropped\r\n\r\n".utf8)
    }

    private static func switching(_ key: String) -> [UInt8] {
        let digest = SHA1.hash(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        let accept = String(decoding: Base64.encode(digest), as: UTF8.self)
        return Array(
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(accept)\r\n\r\n").utf8)
    }

    /// Adds a field to `fields`, behind one of that name if there is one.
    private static func add(
        _ name: String, _ value: String, to fields: inout [(name: String, value: String)]
    ) {
        let name = name.lowercased()
        if let known = fields.firstIndex(where: { $0.name == name }) {
            fields[known].value += ", " + value
        } else {
            fields.append((name, value))
        }
    }

    /// The answer to a message that is no HTTP.
    static func refusal(_ reason: String) -> [UInt8] {
        let body = "{\"refused\":\"\(escaped(reason))\"}"
        let head =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
            + "Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }

    /// The answer that describes the request. `trailers` are whole lines.
    func json(bodyBytes: Int, trailers: [UInt8]) -> [UInt8] {
        var text = "{\"message\":\"Hello from sayhello backend app!\","
        text += "\"method\":\"\(Self.escaped(method))\",\"path\":\"\(Self.escaped(path))\","
        text += "\"bodyBytes\":\(bodyBytes),\"requestHeaders\":{"
        text += Self.members(fields) + "}"
        let trailers = Self.fields(in: trailers)
        if !trailers.isEmpty { text += ",\"requestTrailers\":{\(Self.members(trailers))}" }
        text += "}"
        let body = Array(text.utf8)
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + (method == "HEAD" ? [] : body)
    }

    private static func fields(in lines: [UInt8]) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.index(after: colon)...].filter { $0 != UInt8(ascii: "\r") }
            add(
                String(decoding: line[..<colon], as: UTF8.self),
                String(decoding: value.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self),
                to: &fields)
        }
        return fields
    }

    private static func members(_ fields: [(name: String, value: String)]) -> String {
        fields.map { "\"\(escaped($0.name))\":\"\(escaped($0.value))\"" }
            .joined(separator: ",")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
