public import TLS

/// How a verified certificate becomes one header value.
///
/// A format is one file in `Formats/` and one line in `all`.
public struct IdentityFormat: Sendable {
    /// Name in the configuration.
    public let name: String
    /// The value for a peer's chain: bytes 0x20 to 0x7E only; nil when the certificate has none,
    /// and then no header is sent.
    public let render: @Sendable (ValidatedChain) throws(IdentityError) -> [UInt8]?

    /// Every format there is.
    public static let all: [IdentityFormat] = [.subject, .subjectBase64]

    /// Names of all formats, in order.
    public static var names: [String] { all.map(\.name) }
}
