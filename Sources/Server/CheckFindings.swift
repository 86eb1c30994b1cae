/// What `postern check` has to say of a configuration that can be used.
public struct CheckFindings: Sendable {
    /// Lines about what deserves a look.
    public var warnings: [String] = []
    /// Lines about what else is good to know.
    public var notes: [String] = []
}
