/// How a verified certificate becomes one header value.
///
/// A format is one file in `Formats/` and one line in `all`. Those of presets have no name.
public struct IdentityFormat: Sendable {
    /// Name in the configuration; of a template, its text.
    public let name: String
    /// The value for a peer's chain: a legal field value (RFC 9110 §5.5); nil when the certificate
    /// has none, and then no header is sent.
    public let render: @Sendable (IdentityInput) throws(IdentityError) -> [UInt8]?

    /// Every format that has a name.
    public static let all: [IdentityFormat] = [.subject, .subjectBase64]

    /// Names of all formats, in order.
    public static var names: [String] { all.map(\.name) }
}
