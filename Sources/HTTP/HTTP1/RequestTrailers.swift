public import Core

/// Which trailer fields of a request are passed on (S24): listed ones, by their exact name.
///
/// Trailers come after everything was decided, so nothing that decides anything may stand there
/// (RFC 9110 §6.5.1): no name of the gateway's, of an identity, or of framing.
public struct RequestTrailers: Sendable {
    /// Why a name cannot be listed.
    public enum Refusal: Error, Equatable, Sendable {
        /// Not made of letters, digits and `-`.
        case notPlain
        /// A name that only the gateway sets, or that claims an identity or a forwarding path.
        case owned
        /// A name that frames, routes, authenticates or changes a request.
        case reserved
    }

    /// What may not follow a body although a client may say it in a head.
    private static let headOnly = [
        "authorization", "cookie", "set-cookie", "via", "content-type", "content-encoding",
        "content-range", "cache-control", "pragma", "max-forwards", "range", "if-match",
        "if-none-match", "if-modified-since", "if-unmodified-since", "if-range",
        "www-authenticate",
    ]

    /// All names in lower case, one after the other.
    private var text: [UInt8] = []
    private var names: [ByteRange] = []

    /// Nothing is passed on.
    public init() {}

    /// Passes on fields with one of `names`.
    public init(names: [String], firewall: HeaderFirewall) throws(Refusal) {
        for name in names {
            if let refusal = Self.refusal(of: name, firewall) { throw refusal }
            let bytes = name.utf8.map(\.lowered)
            self.names.append(ByteRange(start: text.count, count: bytes.count))
            text += bytes
        }
    }

    /// Why `name` cannot be listed; nil when it can.
    public static func refusal(of name: String, _ firewall: HeaderFirewall) -> Refusal? {
        let bytes = name.utf8.map(\.lowered)
        let isPlain = bytes.allSatisfy { byte in
            (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2d
        }
        guard isPlain, !bytes.isEmpty else { return .notPlain }
        let lowered = String(decoding: bytes, as: UTF8.self)
        guard !HeaderFirewall.reservedNames.contains(lowered), !headOnly.contains(lowered) else {
            return .reserved
        }
        let classification = unsafe bytes.withUnsafeBytes {
            unsafe firewall.classify(ByteView($0))
        }
        let isOwned = firewall.ownedKnown & FieldName.bit(of: lowered) != 0
        return classification == .pass && !isOwned ? nil : .owned
    }

    /// Whether no trailer is passed on.
    @inline(__always)
    public var isEmpty: Bool { names.isEmpty }

    /// Appends those lines of a trailer section that are listed.
    ///
    /// - Parameter section: What `ChunkedDecoder` collected: whole lines, checked.
    /// - Returns: how many fields were left out.
    /// - Precondition: `buffer` has room for the whole section.
    @discardableResult
    public func append(_ section: ByteView, to buffer: inout Buffer) -> Int {
        precondition(buffer.available >= section.count)
        var dropped = 0
        var start = 0
        while start < section.count {
            var colon = start
            while colon < section.count, section[colon] != 0x3a, section[colon] != 0x0a {
                colon += 1
            }
            var end = colon
            while end < section.count, section[end] != 0x0a { end += 1 }
            end = min(end + 1, section.count)
            // The line without a colon is the empty one that ends the section.
            if colon < end, section[colon] == 0x3a {
                if contains(section[ByteRange(from: start, to: colon)]) {
                    buffer.append(section[ByteRange(from: start, to: end)])
                } else {
                    dropped += 1
                }
            }
            start = end
        }
        return dropped
    }

    private func contains(_ name: ByteView) -> Bool {
        for entry in names where Int(entry.count) == name.count {
            var index = 0
            while index < name.count, name[index].lowered == text[Int(entry.start) + index] {
                index += 1
            }
            if index == name.count { return true }
        }
        return false
    }
}

extension FieldName {
    /// The bit of the name `lowered`; 0 when it is not a known one.
    fileprivate static func bit(of lowered: String) -> UInt64 {
        for name in allCases where name != .other && name.text.description == lowered {
            return name.bit
        }
        return 0
    }
}
