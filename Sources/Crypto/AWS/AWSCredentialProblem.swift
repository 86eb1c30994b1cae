/// Why there are no credentials for AWS. Its text is for logs: no secret stands in it.
public struct AWSCredentialProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, and where.
    public let description: String

    /// The problem that `description` tells.
    public init(_ description: String) { self.description = description }
}
