public import Core

/// Makes router, authorizer and back end see one path (S22): what they might read differently
/// is refused, never rewritten.
public struct PathPolicy: Equatable, Sendable {
    /// Let empty segments (`//`) through; a back end may merge them, the router does not.
    public var allowsEmptySegments: Bool
    /// Let `;` through; a back end may cut path parameters off, the router does not.
    public var allowsParameters: Bool

    /// By default neither `//` nor `;` is let through.
    public init(allowsEmptySegments: Bool = false, allowsParameters: Bool = false) {
        self.allowsEmptySegments = allowsEmptySegments
        self.allowsParameters = allowsParameters
    }

    /// Checks the path and the query of a request target.
    ///
    /// - Throws: 400 for dot segments (also percent-encoded, also before `;`), encoded `/`, `\`
    ///   and NUL, escapes of unreserved characters, backslash, `#`, bad percent escapes, and what
    ///   the options do not allow.
    public func check(_ bytes: ByteView, _ head: RequestHead) throws(RequestError) {
        guard head.form != .asterisk else { return }
        try check(path: bytes[head.path])
        try Self.check(query: bytes[head.query])
    }

    /// Checks a path: empty, or beginning with `/`.
    public func check(path: ByteView) throws(RequestError) {
        guard !path.isEmpty else { return }
        guard path[0] == 0x2f else { throw .badRequest("path without a leading slash") }
        var segment = SegmentShape()
        var index = 0
        while index < path.count {
            var byte = path[index]
            index &+= 1
            // Letters, digits and `-`: nothing to check in most bytes.
            if byte.isPlainNameByte {
                segment.onlyDots = false
                segment.length &+= 1
                continue
            }
            let isEscaped = byte == 0x25
            if isEscaped {
                byte = try Self.escaped(path, at: index)
                index &+= 2
                guard byte != 0x2f, byte != 0x5c, byte != 0 else {
                    throw .badRequest("encoded slash, backslash or NUL in the path")
                }
                // Equivalent to the plain character (RFC 3986 §6.2.2.2), so a back end may take
                // `/%61dmin` for the `/admin` that the router does not see.
                guard !byte.isUnreserved else {
                    throw .badRequest("needless escape in the path")
                }
            }
            if byte == 0x2f {
                try segment.end(allowsEmpty: allowsEmptySegments || index == 1)
                segment = SegmentShape()
            } else if byte == 0x3b, !isEscaped {
                guard allowsParameters else { throw .badRequest("parameter in the path") }
                try segment.endName()
                segment.length &+= 1
                segment.onlyDots = false
            } else if !isEscaped, byte == 0x5c || byte == 0x23 {
                throw .badRequest("backslash or fragment in the path")
            } else {
                segment.length &+= 1
                if byte != 0x2e { segment.onlyDots = false }
            }
        }
        try segment.endName()
    }

    private static func check(query: ByteView) throws(RequestError) {
        var index = 0
        while index < query.count {
            let byte = query[index]
            index &+= 1
            guard byte != 0x23 else { throw .badRequest("fragment in the target") }
            if byte == 0x25 {
                _ = try escaped(query, at: index)
                index &+= 2
            }
        }
    }

    /// The byte that the two hexadecimal digits at `index` stand for.
    private static func escaped(_ bytes: ByteView, at index: Int) throws(RequestError) -> UInt8 {
        guard index + 1 < bytes.count, let high = bytes[index].hexValue,
            let low = bytes[index + 1].hexValue
        else { throw .badRequest("bad percent escape") }
        return high << 4 | low
    }

    /// What is known of the segment so far.
    private struct SegmentShape {
        var length = 0
        var onlyDots = true

        /// Ends the segment at a `/`.
        func end(allowsEmpty: Bool) throws(RequestError) {
            guard length > 0 || allowsEmpty else { throw .badRequest("empty path segment") }
            try endName()
        }

        /// Ends the segment, or its part before `;`.
        func endName() throws(RequestError) {
            guard !(onlyDots && (length == 1 || length == 2)) else {
                throw .badRequest("dot segment")
            }
        }
    }
}

extension UInt8 {
    /// Whether it is an unreserved character, which never needs an escape (RFC 3986 §2.3).
    public var isUnreserved: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: true
        default: false
        }
    }
}
