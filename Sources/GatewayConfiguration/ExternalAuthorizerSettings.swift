public import Authorization
public import Core

/// How an authorizer asks its service.
public struct ExternalAuthorizerSettings: Sendable {
    /// Index into `GatewaySettings.upstreams`.
    public var upstream: Int
    /// What is asked, and how.
    public var service: ExternalAuthorizerOptions.Service
    /// How long an answer may take.
    public var timeout = Nanoseconds.seconds(1)
    /// Whether requests pass without one.
    public var allowsOnFailure = false
    /// What of a request an answer depends on; nil for all that the service gets.
    public var keyParts: [DecisionKey.Part]?
    /// How answers are kept.
    public var cache = DecisionCacheOptions()

    /// Whether what it asks is signed by credentials for AWS.
    public var isSigned: Bool {
        if case .function(let function) = service { function.target.region != nil } else { false }
    }

    /// Names of fields that the authorizer sets, and no client.
    public var ownedNames: [String] {
        switch service {
        case .http(let subrequest): subrequest.ownedNames
        case .function(let function): function.authorizer.mapping.ownedNames
        }
    }
}

extension GatewaySettings {
    /// Whether anything is asked of AWS, which takes credentials.
    public var needsAWSCredentials: Bool {
        authorizers.contains { $0.external?.isSigned ?? false }
    }

    /// Names of the authorizers that ask a service.
    public var externalAuthorizerNames: [String] {
        authorizers.filter { $0.external != nil }.map(\.name)
    }
}
