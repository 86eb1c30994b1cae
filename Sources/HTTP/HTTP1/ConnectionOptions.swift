import Core

/// The options of all `Connection` fields of one head (RFC 9110 §7.6.1).
struct ConnectionOptions {
    var close = false
    var keepAlive = false
    var upgrade = false

    /// Reads the options, and notes in `storage` whether there are nominations.
    @inline(__always)
    static func read(
        _ bytes: ByteView, _ storage: inout HeadStorage
    ) throws(RequestError) -> ConnectionOptions {
        var options = ConnectionOptions()
        guard storage.contains(.connection) else { return options }
        var index = 0
        while index < storage.count {
            let field = storage[index]
            index += 1
            guard field.id == .connection else { continue }
            var tokens = TokenList(bytes[field.value])
            while let token = tokens.next() {
                if token.equalsIgnoringCase("close") {
                    options.close = true
                } else if token.equalsIgnoringCase("keep-alive") {
                    options.keepAlive = true
                } else if token.equalsIgnoringCase("upgrade") {
                    options.upgrade = true
                } else {
                    guard TokenList.isToken(token) else {
                        throw .badRequest("bad Connection option")
                    }
                    storage.hasNominations = true
                }
            }
        }
        return options
    }

    /// Whether the connection outlives the message (RFC 9112 §9.3).
    @inline(__always)
    func persists(isHTTP11: Bool) -> Bool { !close && (isHTTP11 || keepAlive) }
}

/// Walks the elements of a comma-separated field value, without white space and empty elements.
struct TokenList {
    private let bytes: ByteView
    private var cursor = 0

    @inline(__always)
    init(_ bytes: ByteView) { self.bytes = bytes }

    /// The next element, or nil after the last one.
    @inline(__always)
    mutating func next() -> ByteView? {
        while cursor < bytes.count {
            var start = cursor
            var end = start
            while end < bytes.count, bytes[end] != 0x2c { end &+= 1 }
            cursor = end &+ 1
            while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start &+= 1 }
            while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end &-= 1 }
            if end > start { return bytes[ByteRange(from: start, to: end)] }
        }
        return nil
    }

    /// Whether every byte is a `tchar`.
    @inline(__always)
    static func isToken(_ bytes: ByteView) -> Bool {
        var index = 0
        while index < bytes.count {
            guard bytes[index].isTokenByte else { return false }
            index &+= 1
        }
        return bytes.count > 0
    }
}
