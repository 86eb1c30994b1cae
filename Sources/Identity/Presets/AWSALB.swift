import Core
import TLS

// Amazon's application load balancers, in the modes "verify" and "passthrough".
extension IdentityPreset {
    static let awsALB = IdentityPreset(
        "aws-alb", "Amazon's application load balancer, mode verify.",
        [
            Member("X-Amzn-Mtls-Clientcert-Serial-Number") { (input) throws(IdentityError) in
                Hex.upper(try input.attributes.serialNumber)
            },
            Member("X-Amzn-Mtls-Clientcert-Issuer") { (input) throws(IdentityError) in
                try NameText.issuer(input, .rfc2253)
            },
            Member("X-Amzn-Mtls-Clientcert-Subject") { (input) throws(IdentityError) in
                try NameText.subject(input, .rfc2253)
            },
            Member("X-Amzn-Mtls-Clientcert-Validity") { input in awsValidity(input) },
            Member("X-Amzn-Mtls-Clientcert-Leaf") { input in
                PercentEncoding.keepingBase64(PEMText.encode(input.leaf.der))
            },
        ])

    static let awsALBPassthrough = IdentityPreset(
        "aws-alb-passthrough", "Amazon's application load balancer, mode passthrough.",
        [
            Member("X-Amzn-Mtls-Clientcert") { input in
                PercentEncoding.keepingBase64(PEMText.encode(input.chainWithoutAnchor))
            }
        ])

    /// `NotBefore=2026-01-05T01:02:03Z;NotAfter=2035-12-31T23:59:59Z`.
    static func awsValidity(_ input: IdentityInput) -> [UInt8] {
        let (start, end) = (DateText(input.leaf.notBefore), DateText(input.leaf.notAfter))
        return Array("NotBefore=\(start.iso);NotAfter=\(end.iso)".utf8)
    }
}
