import Core
import TLS

// Envoy's `X-Forwarded-Client-Cert`: `By;Hash;Cert;Chain;Subject;URI…;DNS…`.
extension IdentityPreset {
    /// The header's name.
    public static let xfccName = "X-Forwarded-Client-Cert"

    /// With all that Envoy can say.
    static let xfcc = IdentityPreset(
        "xfcc", "Envoy, with the leaf and the chain.",
        [
            Member(xfccName) { (input) throws(IdentityError) in
                try element(input, withCertificates: true)
            }
        ])

    /// As the sidecars of service meshes send it.
    static let xfccShort = IdentityPreset(
        "xfcc-short", "Envoy, names only.",
        [
            Member(xfccName) { (input) throws(IdentityError) in
                try element(input, withCertificates: false)
            }
        ])

    private static func element(
        _ input: IdentityInput, withCertificates: Bool
    ) throws(IdentityError) -> [UInt8] {
        let attributes = try input.attributes
        var pairs = input.proxyURIs.map { pair("By", $0) }
        if pairs.isEmpty { pairs.append(pair("By", "")) }
        pairs.append(Array("Hash=".utf8) + Hex.lower(attributes.sha256))
        if withCertificates {
            pairs.append(quoted("Cert", PEMText.encode(input.leaf.der)))
            pairs.append(quoted("Chain", PEMText.encode(input.chainWithoutAnchor)))
        }
        // What RFC 2253 escapes as \" is what the header's grammar wants for a quotation mark. It
        // does not escape backslashes, so that one at the end would swallow the closing mark.
        guard var subject = input.leaf.subjectText(.rfc2253) else { throw .unrepresentable }
        if subject.last == UInt8(ascii: "\\") { subject = subject.dropLast() + Array("5C".utf8) }
        pairs.append(Array("Subject=\"".utf8) + subject + Array("\"".utf8))
        let uris = attributes.uris
        pairs += (uris.isEmpty ? [""] : uris).map { pair("URI", $0) }
        pairs += attributes.dnsNames.map { pair("DNS", $0) }
        return Array(pairs.joined(separator: [UInt8(ascii: ";")]))
    }

    private static func quoted(_ key: String, _ pem: [UInt8]) -> [UInt8] {
        Array("\(key)=\"".utf8) + PercentEncoding.unreserved(pem) + Array("\"".utf8)
    }

    /// Envoy never quotes these, so that a name with a comma becomes an element of its own there.
    /// Here such a name is quoted, its backslashes percent-encoded.
    private static func pair(_ key: String, _ value: String) -> [UInt8] {
        let bytes = PercentEncoding.controls(Array(value.utf8))
        guard bytes.contains(where: { ",;=\" ".utf8.contains($0) }) else {
            return Array("\(key)=".utf8) + bytes
        }
        let escaped = PercentEncoding.encode(bytes) { $0 != 0x5c }
            .flatMap { $0 == 0x22 ? [0x5c, $0] : [$0] }
        return Array("\(key)=\"".utf8) + escaped + Array("\"".utf8)
    }
}
