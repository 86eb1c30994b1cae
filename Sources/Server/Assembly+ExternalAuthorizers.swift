import Authorization
import Core
import GatewayConfiguration

extension Assembly {
    /// The external authorizers of one worker, by their place in the settings; nil in the places
    /// of others.
    func externalAuthorizers() -> [ExternalAuthorizer?] {
        settings.authorizers.map { authorizer in
            guard let external = authorizer.external,
                let counters = slots.authorizers.firstIndex(of: authorizer.name)
            else { return nil }
            var options = ExternalAuthorizerOptions(
                name: authorizer.name, upstream: places[external.upstream], counters: counters,
                service: external.service)
            options.timeout = external.timeout
            options.allowsOnFailure = external.allowsOnFailure
            options.keyParts = external.keyParts
            options.cache = external.cache
            return ExternalAuthorizer(options)
        }
    }

    /// Names of fields that external authorizers set, and no client.
    var authorizerFields: [String] {
        settings.authorizers.flatMap { $0.external?.ownedNames ?? [] }
    }
}
