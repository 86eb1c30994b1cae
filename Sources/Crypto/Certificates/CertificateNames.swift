// Names as people write them on a command line.

extension CertificateRequest {
    /// The attributes in `text`: `CN=client1,O=Acme\, Inc.`, in the certificate's order.
    ///
    /// Types are short names or dotted; `+` joins an attribute to the one before it; a backslash
    /// takes the meaning from the character behind it (RFC 4514 §2.4, without the hexadecimal
    /// forms). Blanks around attributes are left out.
    public static func attributes(in text: String) throws(CertificateError) -> [Attribute] {
        var attributes: [Attribute] = []
        var joins = false
        for (piece, separator) in pieces(of: text) {
            guard let equals = piece.firstIndex(of: "=") else {
                throw CertificateError("'\(trimmed(piece))' is not TYPE=VALUE")
            }
            let type = String(trimmed(piece[..<equals]))
            let value = unescaped(trimmed(piece[piece.index(after: equals)...]))
            guard let value, !type.isEmpty, !value.isEmpty else {
                throw CertificateError("'\(trimmed(piece))' is not TYPE=VALUE")
            }
            attributes.append(
                Attribute(
                    type, bytes: Array(value.utf8), joinsPrevious: joins, isAlwaysUTF8: false))
            joins = separator == "+"
        }
        return attributes
    }

    /// The parts between commas and plus signs that no backslash protects, each with what ends it.
    private static func pieces(of text: String) -> [(Substring, Character)] {
        var pieces: [(Substring, Character)] = []
        var start = text.startIndex
        var isProtected = false
        for index in text.indices {
            if isProtected {
                isProtected = false
            } else if text[index] == "\\" {
                isProtected = true
            } else if text[index] == "," || text[index] == "+" {
                pieces.append((text[start..<index], text[index]))
                start = text.index(after: index)
            }
        }
        pieces.append((text[start...], ","))
        return pieces
    }

    /// Without blanks at both ends; a protected one stays.
    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " }
        while text.last == " ", text.dropLast().last != "\\" { text.removeLast() }
        return text
    }

    /// Nil when a backslash protects nothing.
    private static func unescaped(_ text: Substring) -> String? {
        var result = ""
        var isProtected = false
        for character in text {
            if !isProtected, character == "\\" {
                isProtected = true
            } else {
                result.append(character)
                isProtected = false
            }
        }
        return isProtected ? nil : result
    }
}

extension CertificateRequest.AlternativeName {
    /// The name in `text`: `dns:`, `ip:`, `uri:` or `email:` and what follows.
    public init(_ text: String) throws(CertificateError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1]) : ""
        // RFC 5280 §4.2.1.6: IA5String.
        guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw CertificateError(
                "'\(text)' is not dns:NAME, ip:ADDRESS, uri:URI or email:ADDRESS in ASCII")
        }
        switch parts[0].lowercased() {
        case "dns": self = .dns(value)
        case "ip": self = .ip(value)
        case "uri": self = .uri(value)
        case "email": self = .email(value)
        default:
            throw CertificateError(
                "'\(text)' is not dns:NAME, ip:ADDRESS, uri:URI or email:ADDRESS")
        }
    }
}
