import Core
import Crypto

/// How the text of a template becomes a field value.
public enum HeaderEncoding: String, CaseIterable, Sendable {
    /// Printable ASCII as it is, other characters as `\XX` for each byte of UTF-8.
    case raw
    /// Base64 (RFC 4648 §4) of UTF-8 or of the bytes.
    case base64
    /// Percent-encoding (RFC 3986 §2.1); letters, digits and `-._~` stay.
    case url
    /// Lower-case hexadecimal of UTF-8 or of the bytes.
    case hex
    /// A String (RFC 8941 §3.3.3), ASCII only; a Byte Sequence (§3.3.5) of what is bytes.
    case rfc8941

    /// Names of all encodings, in order.
    public static var names: [String] { allCases.map(\.rawValue) }

    /// What `pieces` look like in this encoding.
    func encode(_ pieces: [TemplateVariable.Value]) throws(IdentityError) -> [UInt8] {
        let bytes = pieces.flatMap(\.bytes)
        switch self {
        case .raw: return pieces.flatMap(Self.escaped)
        case .base64: return Base64.encode(bytes)
        case .url: return PercentEncoding.unreserved(bytes)
        case .hex: return Hex.lower(bytes)
        case .rfc8941:
            if pieces.count == 1, pieces[0].kind == .bytes {
                return IdentityPreset.byteSequence(bytes)
            }
            guard bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else { throw .unrepresentable }
            let quote = UInt8(ascii: "\"")
            let escaped = bytes.flatMap { [0x22, 0x5c].contains($0) ? [0x5c, $0] : [$0] }
            return [quote] + escaped + [quote]
        }
    }

    /// Two texts never look alike: a backslash of a name is doubled. Other texts have their own
    /// escapes.
    private static func escaped(_ piece: TemplateVariable.Value) -> [UInt8] {
        piece.bytes.flatMap { byte -> [UInt8] in
            if byte >= 0x80 { return [0x5c] + Hex.upper([byte]) }
            return byte == 0x5c && piece.kind == .name ? [0x5c, byte] : [byte]
        }
    }
}
