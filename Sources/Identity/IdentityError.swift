/// Why an identity cannot be put into headers.
public enum IdentityError: Error, Equatable, Sendable {
    /// A name holds a control character, a NUL or bytes that are no text (security rule S10).
    case unrepresentable
    /// A value is longer than `IdentityBlock.valueLimit`, or all of them than `totalLimit`.
    case tooLarge
    /// Not a header name, or one that must not be set: framing, Host, hop-by-hop.
    case invalidName(String)
    /// No format of that name; `IdentityFormat.names` are allowed.
    case unknownFormat(String)
}
