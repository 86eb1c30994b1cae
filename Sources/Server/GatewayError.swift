public import GatewayConfiguration

/// Why the gateway cannot start, or goes on as it was after a reload.
public struct GatewayError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what would help, a line for each mistake.
    public let lines: [String]

    /// An error that says `description`.
    public init(_ description: String) { lines = ["error: " + description] }

    /// Mistakes in a configuration, or in the files it names.
    public init(_ diagnostics: [Diagnostic]) { lines = diagnostics.map(\.description) }

    /// All lines.
    public var description: String { lines.joined(separator: "\n") }
}
