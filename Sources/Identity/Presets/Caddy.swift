import Core
import Crypto
import TLS

// Caddy's placeholders {http.request.tls.client.NAME}.
extension IdentityPreset {
    static let caddy = IdentityPreset(
        "caddy", "Caddy's {http.request.tls.client} placeholders.",
        [
            Member("X-Client-Cert-Subject") { (input) throws(IdentityError) in
                try GoNameText.render(input.leaf.subject)
            },
            Member("X-Client-Cert-Issuer") { (input) throws(IdentityError) in
                try GoNameText.render(input.leaf.issuer)
            },
            Member("X-Client-Cert-Serial") { (input) throws(IdentityError) in
                SerialText.decimal(try input.attributes)
            },
            Member("X-Client-Cert-Fingerprint") { input in Hex.lower(input.fingerprint)
            },
            Member("X-Client-Cert-Der-Base64") { input in Base64.encode(input.leaf.der) },
            Member("X-Client-Cert-San-Dns-Names") { (input) throws(IdentityError) in
                try list(input.attributes.dnsNames)
            },
            Member("X-Client-Cert-San-Uris") { (input) throws(IdentityError) in
                try list(input.attributes.uris)
            },
            Member("X-Client-Cert-San-Uris-0") { (input) throws(IdentityError) in
                try input.attributes.uris.first.map { Array($0.utf8) }
            },
            Member("X-Client-Cert-San-Emails") { (input) throws(IdentityError) in
                try list(input.attributes.emails)
            },
            Member("X-Client-Cert-San-Ips") { (input) throws(IdentityError) in
                try list(input.attributes.addresses)
            },
        ])

    /// `[a b]`, as Go prints a list; a name with a blank would be two.
    private static func list(_ names: [String]) throws(IdentityError) -> [UInt8] {
        guard !names.contains(where: { $0.utf8.contains(0x20) }) else { throw .unrepresentable }
        return Array("[\(names.joined(separator: " "))]".utf8)
    }
}
