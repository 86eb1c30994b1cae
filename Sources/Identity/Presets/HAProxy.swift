import Core
import Crypto
import TLS

// HAProxy: the headers of its documentation's example.
extension IdentityPreset {
    static let haproxy = IdentityPreset(
        "haproxy", "HAProxy's ssl_c_ fetches, in the headers of its documentation.",
        [
            Member("X-SSL-Client-Verify") { _ in Array("0".utf8) },
            Member("X-SSL-Client-SHA1") { (input) throws(IdentityError) in
                Hex.upper(try input.attributes.sha1)
            },
            Member("X-SSL-Client-DN") { input in name(input.leaf.subject) },
            Member("X-SSL-Client-CN") { input in
                input.leaf.subject.attribute("CN").map { escaped($0.content) }
            },
            Member("X-SSL-Issuer") { input in name(input.leaf.issuer) },
            Member("X-SSL-Client-NotBefore") { input in
                DateText(input.leaf.notBefore).utcTime.map { Array($0.utf8) }
            },
            Member("X-SSL-Client-NotAfter") { input in
                DateText(input.leaf.notAfter).utcTime.map { Array($0.utf8) }
            },
            Member("X-SSL-Client-Serial") { input in Hex.upper(input.leaf.serialNumber) },
            Member("X-SSL-Client-DER") { input in Base64.encode(input.leaf.der) },
        ])

    /// `/C=DE/CN=client`: bytes as in the certificate, whatever string they are, nothing escaped.
    private static func name(_ name: DistinguishedName) -> [UInt8]? {
        guard !name.relativeNames.isEmpty else { return nil }
        return escaped(
            name.attributes.flatMap { attribute in
                Array("/\(attribute.shortName ?? attribute.oid)=".utf8) + attribute.content
            })
    }

    /// Control characters but tabs as `%XX`, and a blank that HTTP would strip.
    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
        var text = PercentEncoding.encode(bytes) { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
        if isBlank(text.first) { text.replaceSubrange(0..<1, with: [0x25] + Hex.upper([text[0]])) }
        if let last = text.last, isBlank(last) {
            text.removeLast()
            text += [0x25] + Hex.upper([last])
        }
        return text
    }
}
