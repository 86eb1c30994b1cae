public import Authorization
public import Core

/// How an authorizer asks its service.
public struct ExternalAuthorizerSettings: Sendable {
    /// Index into `GatewaySettings.upstreams`.
    public var upstream: Int
    /// The question, and what its answer means.
    public var subrequest: SubrequestOptions
    /// How long an answer may take.
    public var timeout = Nanoseconds.seconds(1)
    /// Whether requests pass without one.
    public var allowsOnFailure = false
    /// What of a request an answer depends on; nil for all that the service gets.
    public var keyParts: [DecisionKey.Part]?
    /// How answers are kept.
    public var cache = DecisionCacheOptions()
}

extension GatewaySettings {
    /// Names of the authorizers that ask a service.
    public var externalAuthorizerNames: [String] {
        authorizers.filter { $0.external != nil }.map(\.name)
    }
}
