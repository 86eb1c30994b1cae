public import Core

/// Why a chunked body is refused: 400 for a request, 502 for a response.
public struct ChunkedError: Error, Equatable, Sendable {
    /// What was wrong, for logs and tests.
    public let reason: StaticString

    init(_ reason: StaticString) { self.reason = reason }

    /// Equal reasons.
    public static func == (left: ChunkedError, right: ChunkedError) -> Bool {
        ByteView(left.reason).equals(right.reason)
    }
}

/// Decodes the chunked transfer coding (RFC 9112 §7.1), strictly and incrementally.
///
/// Sizes are 1 to 16 hexadecimal digits, lines end in CRLF, extensions are bounded and dropped,
/// trailers are bounded, checked, and dropped unless collected. Bytes may arrive in any portions.
///
///     size ─▶ extension ─▶ data ─▶ data CRLF ─▶ size …        last chunk ─▶ trailers ─▶ finished
public struct ChunkedDecoder: Sendable {
    /// What one call of `decode` found.
    public enum Step: Equatable, Sendable {
        /// Body bytes, as a range of the input; call again with the input after `range.end`.
        case data(ByteRange)
        /// The input ended first; `consumed` bytes of it (all) are done with.
        case needMore(consumed: Int)
        /// The body ended; what follows the `consumed` bytes belongs to the next message.
        case finished(consumed: Int)
    }

    private enum State: UInt8 {
        case size
        case extensions
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
        case finished
    }

    /// Octets of extensions in one chunk.
    public static var extensionLimit: Int { 256 }
    /// Octets of extensions in the whole body.
    public static var totalExtensionLimit: Int { 16_384 }
    /// Octets of the trailer section.
    public static var trailerLimit: Int { 8_192 }
    /// Fields of the trailer section.
    public static var trailerFieldLimit: Int { 64 }

    private var state = State.size
    private var sizeDigits: UInt8 = 0
    private var remaining: UInt64 = 0
    private var extensionBytes = 0
    private var totalExtensionBytes = 0
    private var trailerBytes = 0
    /// Trailer fields seen.
    public private(set) var trailerFields = 0
    /// Body octets decoded so far.
    public private(set) var decodedBytes: UInt64 = 0

    /// A decoder at the first octet of a body.
    public init() {}

    /// Whether the body has ended.
    public var isFinished: Bool { state == .finished }

    /// Whether the data has ended: what is decoded now is the trailer section.
    public var isInTrailers: Bool { state.rawValue >= State.trailerStart.rawValue }

    /// Decodes `bytes` up to the end of the next piece of data, of the input or of the body.
    ///
    /// - Throws: `ChunkedError`; the decoder is not to be used afterwards.
    @inline(__always)
    public mutating func decode(_ bytes: ByteView) throws(ChunkedError) -> Step {
        var none: Buffer?
        return try decode(bytes, collecting: &none, stopsAtTrailers: false)
    }

    /// Decodes like `decode(_:)`, and appends the trailer section to `trailers` as it is, the empty
    /// line that ends it included.
    ///
    /// When the section begins and `trailers` is nil, `needMore` is returned early, so that the
    /// caller can provide it. It has to have room for `trailerLimit`.
    /// - Throws: `ChunkedError`; the decoder is not to be used afterwards.
    public mutating func decode(
        _ bytes: ByteView, collecting trailers: inout Buffer?
    ) throws(ChunkedError) -> Step {
        try decode(bytes, collecting: &trailers, stopsAtTrailers: trailers == nil)
    }

    private mutating func decode(
        _ bytes: ByteView, collecting trailers: inout Buffer?, stopsAtTrailers: Bool
    ) throws(ChunkedError) -> Step {
        var cursor = 0
        while true {
            if state == .finished { return .finished(consumed: cursor) }
            guard cursor < bytes.count else { return .needMore(consumed: cursor) }
            if state == .data {
                let count = Int(min(remaining, UInt64(bytes.count - cursor)))
                remaining -= UInt64(count)
                decodedBytes &+= UInt64(count)
                if remaining == 0 { state = .dataReturn }
                return .data(ByteRange(start: cursor, count: count))
            }
            let byte = bytes[cursor]
            cursor += 1
            if state.rawValue < State.trailerStart.rawValue {
                try takeFraming(byte)
                if stopsAtTrailers, isInTrailers { return .needMore(consumed: cursor) }
            } else {
                try takeTrailer(byte)
                trailers?.append(byte)
            }
        }
    }

    private mutating func takeFraming(_ byte: UInt8) throws(ChunkedError) {
        switch state {
        case .size:
            if let digit = byte.hexValue {
                guard sizeDigits < 16 else { throw ChunkedError("chunk size too long") }
                sizeDigits += 1
                remaining = remaining << 4 | UInt64(digit)
                return
            }
            guard sizeDigits > 0 else { throw ChunkedError("bad chunk size") }
            guard byte == 0x3b || byte == 0x0d else { throw ChunkedError("bad chunk size") }
            extensionBytes = 0
            state = byte == 0x3b ? .extensions : .sizeLineFeed
        case .extensions:
            if byte == 0x0d {
                state = .sizeLineFeed
                return
            }
            guard byte >= 0x20 || byte == 0x09, byte != 0x7f else {
                throw ChunkedError("control character in a chunk extension")
            }
            extensionBytes += 1
            totalExtensionBytes += 1
            guard extensionBytes <= Self.extensionLimit,
                totalExtensionBytes <= Self.totalExtensionLimit
            else { throw ChunkedError("chunk extensions too long") }
        case .sizeLineFeed:
            guard byte == 0x0a else { throw ChunkedError("bare CR after a chunk size") }
            state = remaining == 0 ? .trailerStart : .data
        case .dataReturn:
            guard byte == 0x0d else { throw ChunkedError("no CRLF after chunk data") }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0a else { throw ChunkedError("no CRLF after chunk data") }
            sizeDigits = 0
            state = .size
        default: preconditionFailure("not a framing state")
        }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(ChunkedError) {
        trailerBytes += 1
        guard trailerBytes <= Self.trailerLimit else { throw ChunkedError("trailers too long") }
        switch state {
        case .trailerStart:
            if byte == 0x0d {
                state = .lastLineFeed
                return
            }
            trailerFields += 1
            guard trailerFields <= Self.trailerFieldLimit else {
                throw ChunkedError("too many trailers")
            }
            guard byte.isTokenByte else { throw ChunkedError("bad trailer name") }
            state = .trailerName
        case .trailerName:
            if byte == 0x3a {
                state = .trailerValue
                return
            }
            guard byte.isTokenByte else { throw ChunkedError("bad trailer name") }
        case .trailerValue:
            if byte == 0x0d {
                state = .trailerLineFeed
                return
            }
            guard byte >= 0x20 || byte == 0x09, byte != 0x7f else {
                throw ChunkedError("control character in a trailer")
            }
        case .trailerLineFeed:
            guard byte == 0x0a else { throw ChunkedError("bare CR in a trailer") }
            state = .trailerStart
        case .lastLineFeed:
            guard byte == 0x0a else { throw ChunkedError("bare CR after the trailers") }
            state = .finished
        default: preconditionFailure("not a trailer state")
        }
    }
}
