/// Why an identity cannot be put into headers.
public enum IdentityError: Error, Equatable, Sendable {
    /// A name holds a control character, a NUL or bytes that are no text (security rule S10).
    case unrepresentable
    /// A value, or all of them, is longer than `IdentityLimits` allows.
    case tooLarge
    /// That part of the certificate is malformed.
    case malformed(String)
    /// Not a header name, or one that must not be set: framing, Host, hop-by-hop.
    case invalidName(String)
    /// What stands for a value that a certificate does not have is no legal value.
    case invalidDefault
    /// No format of that name; `IdentityFormat.names` are allowed.
    case unknownFormat(String)
    /// No preset of that name; `IdentityPreset.names` are allowed.
    case unknownPreset(String)
    /// The template cannot be read.
    case template(TemplateMistake)
}
