import Core

/// Reads one response after the other, as far as a load generator has to: the status, which must
/// be 200, and the length of the body, which must be given.
struct LoadResponse {
    enum Progress: Equatable {
        case needMore
        case complete
        case bad(String)
    }

    /// The most bytes of a head.
    private static let headLimit = 65_536
    private var head: [UInt8] = []
    /// Bytes of the body still to come; nil while the head is not complete.
    private var remaining: Int?

    /// Takes plaintext. A response must end where its bytes end, for nothing is pipelined.
    mutating func consume(_ bytes: ByteView) -> Progress {
        var rest = bytes
        if remaining == nil {
            head += rest.array
            guard let end = Self.endOfHead(head) else {
                return head.count > Self.headLimit ? .bad("response head") : .needMore
            }
            let status = Self.status(head)
            // An error page is no answer: it may cost the gateway nothing at all.
            guard status == 200 else { return .bad("status \(status)") }
            // Chunked, or ended by the connection's end: none of the backends measured does that.
            guard let length = Self.contentLength(head[..<end]) else { return .bad("no length") }
            let body = head.count - end
            head.removeAll(keepingCapacity: true)
            rest = bytes.dropFirst(bytes.count - min(body, bytes.count))
            remaining = length
        }
        let left = (remaining ?? 0) - rest.count
        guard left >= 0 else { return .bad("excess bytes") }
        remaining = left > 0 ? left : nil
        return left > 0 ? .needMore : .complete
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var index = 3
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10 {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    /// The three digits after "HTTP/1.1 " (RFC 9112, section 4); 0 when they are none.
    private static func status(_ head: [UInt8]) -> Int {
        let version = Array("HTTP/1.".utf8)
        guard head.count >= 12, head.starts(with: version), head[8] == UInt8(ascii: " ") else {
            return 0
        }
        var status = 0
        for byte in head[9..<12] {
            guard (0x30...0x39).contains(byte) else { return 0 }
            status = status * 10 + Int(byte - 0x30)
        }
        return status
    }

    /// The value of Content-Length; nil when there is none, or one that is no number.
    private static func contentLength(_ head: ArraySlice<UInt8>) -> Int? {
        let name = Array("\ncontent-length:".utf8)
        var index = head.startIndex
        while index + name.count < head.endIndex {
            var offset = 0
            while offset < name.count {
                let byte = head[index + offset]
                let lower = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
                guard lower == name[offset] else { break }
                offset += 1
            }
            if offset == name.count {
                let value = head[(index + offset)...].prefix { $0 != 13 }
                let digits = String(decoding: value, as: UTF8.self)
                return Int(digits.drop { $0 == " " })
            }
            index += 1
        }
        return nil
    }
}
