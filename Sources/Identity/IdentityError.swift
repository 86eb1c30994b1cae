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
    /// Two headers of one set have that name.
    case duplicateName(String)
    /// No format of that name; `IdentityFormat.names` are allowed.
    case unknownFormat(String)
    /// No preset of that name; `IdentityPreset.names` are allowed.
    case unknownPreset(String)
}
