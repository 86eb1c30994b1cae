/// What is wrong with a mapping, or with a value that it made.
public enum MappingError: Error, Equatable, Sendable {
    /// Not a target that can be mapped to; headers of the request are.
    case unknownTarget(String)
    /// Host, framing, hop-by-hop, Trailer, Expect, or what API Gateway reserves (S28).
    case reservedName(String)
    /// Two mappings have one target.
    case duplicateTarget(String)
    /// Not an expression: the text, and what may stand there.
    case unknownSource(String, allowed: String)
    /// A value that no header can carry: the request is answered by 500 (S28).
    case illegalValue(name: String)
}
