internal import COpenSSL
internal import Core

/// Parses one line of a deny list.
struct DenyListLine {
    /// What is wrong, where, and what may stand there.
    struct Mistake: Error, Equatable {
        /// From 1, in bytes.
        let column: Int
        let reason: String
        let allowed: String
    }

    private static let blanks: [UInt8] = [0x20, 0x09, 0x0D]
    private static let comment = UInt8(ascii: "#")
    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let hexadecimal = "hexadecimal digits, in pairs if there are colons"

    private let bytes: [UInt8]
    private var position = 0

    init(_ line: some Sequence<UInt8>) { bytes = Array(line) }

    /// The entry of the line; nil when there is only a comment or nothing.
    mutating func entry() throws(Mistake) -> DenyList.Entry? {
        skipBlanks()
        guard let first = next, first != Self.comment else { return nil }
        let entry: DenyList.Entry
        if take("sha256:") {
            entry = .fingerprint(try digest())
        } else if take("spki-sha256:") {
            entry = .publicKey(try digest(orBase64: true))
        } else if take("issuer-sha256:") {
            let issuer = try digest()
            entry = .encodedIssuer(.init(issuer: issuer, serial: try serial()))
        } else if take("issuer:") {
            let issuer = try name().digest
            entry = .canonicalIssuer(.init(issuer: issuer, serial: try serial()))
        } else {
            throw mistake(
                "the line begins with no kind of entry",
                "begin it with sha256:, spki-sha256:, issuer:, issuer-sha256: or #")
        }
        skipBlanks()
        guard next == nil || next == Self.comment else {
            throw mistake(
                "something follows the entry", "one entry stands on a line, then # or nothing")
        }
        return entry
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = next, Self.blanks.contains(byte) { position += 1 }
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let word = word.description.utf8
        guard bytes[position...].starts(with: word) else { return false }
        position += word.count
        return true
    }

    private func mistake(_ reason: String, _ allowed: String, at place: Int? = nil) -> Mistake {
        Mistake(column: (place ?? position) + 1, reason: reason, allowed: allowed)
    }

    /// What stands up to the next blank.
    private mutating func token() -> ArraySlice<UInt8> {
        let rest = bytes[position...]
        let token = rest.prefix { !Self.blanks.contains($0) }
        position = token.endIndex
        return token
    }

    // MARK: Values

    private mutating func digest(orBase64 mayBeBase64: Bool = false) throws(Mistake) -> Fingerprint
    {
        let start = position
        let token = token()
        if mayBeBase64, token.count == 44, let digest = Self.base64(Array(token)) {
            return digest
        }
        let allowed =
            "write the 32 bytes as " + (mayBeBase64 ? "base64 or as " : "")
            + Self.hexadecimal
        guard let bytes = Hex.bytes(Array(token)), let digest = Fingerprint(bytes) else {
            throw mistake("this is no SHA-256 digest", allowed, at: start)
        }
        return digest
    }

    private mutating func serial() throws(Mistake) -> SerialNumber {
        skipBlanks()
        let allowed = "write serial: and " + Self.hexadecimal
        guard take("serial:") else { throw mistake("the issuer has no serial number", allowed) }
        let start = position
        let token = token()
        // A number may have an odd count of digits.
        let padded = token.contains(UInt8(ascii: ":")) || token.count % 2 == 0
        guard !token.isEmpty,
            let bytes = Hex.bytes((padded ? [] : [UInt8(ascii: "0")]) + token)
        else { throw mistake("this is no serial number", allowed, at: start) }
        return SerialNumber(bytes)
    }

    /// 44 characters of base64 are 32 bytes and a `=` (RFC 4648 §4).
    private static func base64(_ text: [UInt8]) -> Fingerprint? {
        var decoded = [UInt8](repeating: 0, count: 33)
        let count = unsafe EVP_DecodeBlock(&decoded, text, Int32(text.count))
        ErrorQueue.clear()
        guard count == 33 else { return nil }
        // The decoder is lenient about blanks, padding and unused bits; the encoder is not.
        var encoded = [UInt8](repeating: 0, count: 45)
        guard unsafe EVP_EncodeBlock(&encoded, decoded, 32) == 44, encoded.dropLast() == text[...]
        else { return nil }
        return Fingerprint(Array(decoded.prefix(32)))
    }

    // MARK: Names

    /// A name, in quotes or up to ` serial:`.
    private mutating func name() throws(Mistake) -> CanonicalName {
        let start: Int
        let end: Int
        if next == Self.quote {
            position += 1
            start = position
            while let byte = next, byte != Self.quote {
                position += byte == Self.backslash ? 2 : 1
            }
            guard position < bytes.count else {
                throw mistake("the quotes are not closed", "end the name with \"", at: start - 1)
            }
            end = position
            position += 1
        } else {
            start = position
            while position < bytes.count, !atSerial { position += 1 }
            end = position
        }
        var parser = DistinguishedNameText(Array(bytes[start..<end]))
        do throws(DistinguishedNameText.Mistake) {
            return try parser.name()
        } catch {
            throw mistake(error.reason, error.allowed, at: start + error.offset)
        }
    }

    private var atSerial: Bool {
        guard Self.blanks.contains(bytes[position]) else { return false }
        return bytes[position...].drop { Self.blanks.contains($0) }.starts(with: "serial:".utf8)
    }
}
