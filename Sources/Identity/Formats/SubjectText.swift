import TLS

/// The subject as text: certificate order, comma-joined, multi-valued RDNs joined by " + ", values
/// escaped by RFC 2253 §2.4. It is the form that the API Gateway sample sends.
enum SubjectText {
    /// What becomes of bytes outside ASCII.
    enum NonASCII {
        /// As `\XX`, per byte: legal in any header.
        case escaped
        /// As they are, UTF-8.
        case raw
    }

    static func render(
        _ subject: DistinguishedName, _ nonASCII: NonASCII
    ) throws(IdentityError) -> [UInt8]? {
        guard !subject.relativeNames.isEmpty else { return nil }
        var text: [UInt8] = []
        for (index, relativeName) in subject.relativeNames.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            for (position, attribute) in relativeName.enumerated() {
                if position > 0 { text += Array(" + ".utf8) }
                text += Array((attribute.shortName ?? attribute.oid).utf8)
                text.append(UInt8(ascii: "="))
                try append(attribute, nonASCII, to: &text)
            }
        }
        return text
    }

    private static func append(
        _ attribute: DistinguishedName.Attribute, _ nonASCII: NonASCII, to text: inout [UInt8]
    ) throws(IdentityError) {
        guard let value = attribute.utf8, !attribute.containsNUL else { throw .unrepresentable }
        guard !hasControls(value) else { throw .unrepresentable }
        for (index, byte) in value.enumerated() {
            let isEdge = index == 0 || index == value.count - 1
            switch byte {
            case UInt8(ascii: " ") where isEdge:
                // HTTP would strip an escaped blank at the edge and leave the backslash.
                text += Array("\\20".utf8)
            case UInt8(ascii: "#") where index == 0:
                text += Array("\\#".utf8)
            case UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "\""), UInt8(ascii: "\\"),
                UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ";"):
                text += [UInt8(ascii: "\\"), byte]
            case 0x80... where nonASCII == .escaped:
                text += [UInt8(ascii: "\\"), hexDigit(byte >> 4), hexDigit(byte & 15)]
            default:
                text.append(byte)
            }
        }
    }

    /// Whether `utf8` has a C0 or C1 control, DEL, or a line or paragraph separator.
    private static func hasControls(_ utf8: [UInt8]) -> Bool {
        String(decoding: utf8, as: UTF8.self).unicodeScalars.contains { scalar in
            scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
                || scalar.value == 0x2028 || scalar.value == 0x2029
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
