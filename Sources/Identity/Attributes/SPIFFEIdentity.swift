/// SPIFFE identities in URIs (SPIFFE-ID §2).
public enum SPIFFEIdentity {
    /// Bytes that an identity may have (SPIFFE-ID §2.3).
    static let limit = 2_048
    private static let scheme = "spiffe://"

    /// The identity of a certificate with `names`; nil without one, with several SPIFFE URIs,
    /// which are no identity (security rule S10), and when the one there is breaks the rules.
    static func of(_ names: [AlternativeName]) -> String? {
        let claims = names.compactMap(\.uri).filter(isClaim)
        guard claims.count == 1, isValid(claims[0]) else { return nil }
        return claims[0]
    }

    /// Whether the URI `text` is meant for a SPIFFE ID, or could be taken for one: in any case,
    /// behind any blanks, valid or not.
    public static func isClaim(_ text: String) -> Bool {
        text.drop { $0 == " " }.lowercased().hasPrefix("spiffe:")
    }

    /// Whether `text` is a SPIFFE ID: lower-case scheme and trust domain, and a path of segments
    /// that are neither empty nor dots; no port, user, query or fragment.
    public static func isValid(_ text: String) -> Bool {
        guard text.utf8.count <= limit, text.hasPrefix(scheme) else { return false }
        let parts = text.dropFirst(scheme.count).split(
            separator: "/", omittingEmptySubsequences: false)
        guard let domain = parts.first, !domain.isEmpty, domain.utf8.count <= 255,
            domain.utf8.allSatisfy(isDomainByte)
        else { return false }
        return parts.dropFirst().allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { isDomainByte($0) || (0x41...0x5a).contains($0) }
        }
    }

    private static func isDomainByte(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
