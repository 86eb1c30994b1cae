import Core
public import TLS

/// One of a certificate's subject alternative names (RFC 5280 §4.2.1.6).
public enum AlternativeName: Equatable, Sendable {
    /// A host name, printable ASCII, as written; it may be a wildcard.
    case dns(String)
    /// A URI, printable ASCII, as written.
    case uri(String)
    /// A mail address (rfc822Name), printable ASCII, as written.
    case email(String)
    /// An address: 4 bytes for IPv4, 16 for IPv6.
    case ip([UInt8])
    /// A name of a kind of its own: the kind, dotted, and the value, DER with its tag.
    case other(oid: String, value: [UInt8])
    /// A distinguished name.
    case directory(DistinguishedName)
    /// An object identifier, dotted.
    case registeredID(String)
    /// An X.400 address or an EDI party name, DER content; nobody uses them.
    case obsolete(tag: UInt8, content: [UInt8])
}

extension AlternativeName {
    /// The host name.
    public var dns: String? { if case .dns(let name) = self { name } else { nil } }
    /// The URI.
    public var uri: String? { if case .uri(let name) = self { name } else { nil } }
    /// The mail address.
    public var email: String? { if case .email(let name) = self { name } else { nil } }

    /// The address as text: dotted, or RFC 5952 §4.
    public var ip: String? {
        guard case .ip(let bytes) = self else { return nil }
        return bytes.count == 4
            ? bytes.map { String($0) }.joined(separator: ".") : Self.compressed(bytes)
    }

    /// The text of an other name of kind `oid` whose value is a UTF8String or IA5String, such as a
    /// Microsoft UPN (1.3.6.1.4.1.311.20.2.3). Nil for other kinds and values, and for text with
    /// control characters (security rule S10).
    public func text(ofOther oid: String) -> String? {
        guard case .other(oid, let value) = self, let tag = value.first, tag == 12 || tag == 22,
            let content = try? DERReader(value[...]).firstContent,
            let text = String(validating: content, as: UTF8.self),
            !text.unicodeScalars.contains(where: \.isControlOrSeparator)
        else { return nil }
        return text
    }

    /// RFC 5952 §4: lower case, and the longest run of two zero groups or more as `::`, the first
    /// of equal ones.
    private static func compressed(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map {
            UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
        }
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = end + 1
        }
        func text(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}

extension DERReader {
    /// The content of the only value.
    fileprivate var firstContent: ArraySlice<UInt8> {
        get throws(Mistake) {
            var reader = self
            let element = try reader.element()
            try reader.finish()
            return element.content
        }
    }
}

extension Unicode.Scalar {
    /// Whether it is a C0 or C1 control, DEL, or a line or paragraph separator.
    var isControlOrSeparator: Bool {
        value < 0x20 || (0x7f...0x9f).contains(value) || value == 0x2028 || value == 0x2029
    }
}
