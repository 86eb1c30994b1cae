import Core
import Crypto
import TLS

// The header of Amazon's API Gateway sample: the authorizer's `subject.replaceAll('\n', ',')`.
extension IdentityPreset {
    private static let header = "X-Client-Cert-Sub"

    /// As the sample sends it: in the certificate's order, UTF-8.
    static let awsSample = IdentityPreset(
        "aws-sample", "The API Gateway sample's subject, UTF-8.",
        [
            Member(header) { (input) throws(IdentityError) in try NameText.subject(input, .sample) }
        ])

    /// As the sample's description says: base64 of the same text.
    static let awsSampleBase64 = IdentityPreset(
        "aws-sample-base64", "The API Gateway sample's subject, base64 of UTF-8.",
        [
            Member(header) { (input) throws(IdentityError) in
                guard let text = input.leaf.subjectText(.sample) else { throw .unrepresentable }
                return Base64.encode(text)
            }
        ])

    /// For back ends that take ASCII only: bytes outside it as `\XX`.
    static let awsSampleASCII = IdentityPreset(
        "aws-sample-ascii", "The API Gateway sample's subject, bytes outside ASCII as \\XX.",
        [
            Member(header) { (input) throws(IdentityError) in
                try NameText.subject(input, .sample)?.flatMap { byte in
                    byte < 0x80 ? [byte] : [0x5c] + Hex.upper([byte])
                }
            }
        ])
}
