import Core
import TLS

// nginx: its variable `$ssl_client_NAME` is the header `X-SSL-Client-NAME`.
extension IdentityPreset {
    static let nginx = IdentityPreset(
        "nginx", "nginx's $ssl_client_ variables.",
        [
            Member("X-SSL-Client-Verify", anonymous: "NONE") { _ in Array("SUCCESS".utf8) },
            Member("X-SSL-Client-S-DN") { (input) throws(IdentityError) in
                try NameText.subject(input, .rfc2253)
            },
            Member("X-SSL-Client-I-DN") { (input) throws(IdentityError) in
                try NameText.issuer(input, .rfc2253)
            },
            Member("X-SSL-Client-S-DN-Legacy") { (input) throws(IdentityError) in
                try NameText.subject(input, .oneline)
            },
            Member("X-SSL-Client-I-DN-Legacy") { (input) throws(IdentityError) in
                try NameText.issuer(input, .oneline)
            },
            Member("X-SSL-Client-Serial") { (input) throws(IdentityError) in
                SerialText.upperHex(try input.attributes)
            },
            Member("X-SSL-Client-Fingerprint") { (input) throws(IdentityError) in
                Hex.lower(try input.attributes.sha1)
            },
            Member("X-SSL-Client-V-Start") { input in
                Array(DateText(input.leaf.notBefore).openSSL.utf8)
            },
            Member("X-SSL-Client-V-End") { input in
                Array(DateText(input.leaf.notAfter).openSSL.utf8)
            },
            Member("X-SSL-Client-Escaped-Cert") { input in nginxEscapedCertificate(input) },
        ])

    /// `$ssl_client_escaped_cert`.
    static func nginxEscapedCertificate(_ input: IdentityInput) -> [UInt8] {
        PercentEncoding.unreserved(PEMText.encode(input.leaf.der))
    }
}
