import Crypto
import TLS

extension IdentityFormat {
    /// Base64 (RFC 4648 §4) of the sample's text in UTF-8.
    static let subjectBase64 = IdentityFormat(name: "subjectBase64") {
        (input) throws(IdentityError) in
        try SubjectText.render(input.leaf.subject, .raw).map { Base64.encode($0) }
    }
}
