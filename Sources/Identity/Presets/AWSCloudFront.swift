import Core
import TLS

extension IdentityPreset {
    /// Amazon's CloudFront.
    static let awsCloudFront = IdentityPreset(
        "aws-cloudfront", "Amazon's CloudFront.",
        [
            Member("CloudFront-Viewer-Cert-Serial-Number") { (input) throws(IdentityError) in
                SerialText.colons(try input.attributes)
            },
            Member("CloudFront-Viewer-Cert-Issuer") { (input) throws(IdentityError) in
                try NameText.issuer(input, .rfc2253)
            },
            Member("CloudFront-Viewer-Cert-Subject") { (input) throws(IdentityError) in
                try NameText.subject(input, .rfc2253)
            },
            Member("CloudFront-Viewer-Cert-Present", anonymous: "0") { _ in Array("1".utf8) },
            Member("CloudFront-Viewer-Cert-Sha256") { input in
                Hex.lower(input.fingerprint)
            },
            Member("CloudFront-Viewer-Cert-Validity") { input in awsValidity(input) },
            Member("CloudFront-Viewer-Cert-Pem") { input in
                PercentEncoding.keepingBase64(PEMText.encode(input.leaf.der))
            },
        ])
}
