/// Why the gateway cannot start.
public struct GatewayError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what would help.
    public let description: String

    /// An error that says `description`.
    public init(_ description: String) { self.description = description }
}
