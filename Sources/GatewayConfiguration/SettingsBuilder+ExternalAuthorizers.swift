import Authorization
import Core
import HTTP

extension SettingsBuilder {
    /// Keys that authorizers of `type` have no use for, and the types that have.
    private static func foreignKeys(_ type: String) -> [(key: String, types: String)] {
        let forService = [
            "method", "requestHeaders", "responseHeaders", "passedStatuses", "passedHeaders",
            "cacheKey",
        ]
        let function = names(KeyTable.functionAuthorizers)
        let external = names(KeyTable.externalAuthorizers).filter { $0 != "type" }
        switch type {
        case "rules": return (external + function).map { ($0, "'http' or 'lambda'") }
        case "http": return function.map { ($0, "'lambda'") } + rules
        default: return forService.map { ($0, "'http'") } + rules
        }
    }

    private static let rules = [("reportOnly", "'rules'"), ("rules", "'rules'")]

    private static func names(_ keys: [ConfigurationKey]) -> [String] {
        keys.map { String($0.components[2]) }
    }

    /// What only another type of authorizer has a use for is a mistake.
    mutating func checkKeys(of type: String, _ base: String) {
        for (key, types) in Self.foreignKeys(type)
        where reader.isGiven(base + key) || reader.hasSection(base + key) {
            reader.fail(base + key, "is for authorizers of the type \(types)")
        }
    }

    mutating func externalAuthorizer(
        isFunction: Bool, _ base: String
    ) -> ExternalAuthorizerSettings? {
        let upstream = reader.required(base + "upstream")
        let names = settings.upstreams.map(\.name)
        let index = names.firstIndex(of: upstream)
        if index == nil, !upstream.isEmpty {
            reader.fail(base + "upstream", unknown("upstream", upstream, names))
        }
        let service: ExternalAuthorizerOptions.Service? =
            isFunction
            ? function(upstream, base).map { .function($0) }
            : subrequest(upstream, base).map { .http($0) }
        var external: ExternalAuthorizerSettings?
        if let index, let service {
            external = ExternalAuthorizerSettings(upstream: index, service: service)
        }
        external?.timeout = reader.duration(base + "timeout")
        external?.allowsOnFailure = reader.flag(base + "allowOnFailure")
        external?.cache = cache(base)
        external?.keyParts = keyParts(base + "cacheKey")
        return external
    }

    /// Host, and path and query, of the question.
    mutating func target(_ upstream: String, _ base: String) -> (host: String, path: String?) {
        let host = reader.text(base + "host") ?? upstream
        if !host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            reader.fail(base + "host", "'\(host)' is no host")
        }
        let path = reader.text(base + "path")
        if let path, !path.hasPrefix("/") || !path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            reader.fail(base + "path", "'\(path)' is no path, which begins with '/'")
        }
        return (host, path)
    }

    private mutating func subrequest(_ upstream: String, _ base: String) -> SubrequestOptions? {
        let (host, path) = target(upstream, base)
        let method = reader.text(base + "method") ?? ""
        if !method.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) || method == "CONNECT" {
            reader.fail(base + "method", "'\(method)' is no method, such as GET, HEAD or POST")
        }
        let copied = names(base + "responseHeaders")
        let passed = names(base + "passedHeaders")
        let forwarded = names(base + "requestHeaders")
        let statuses = statuses(base + "passedStatuses")
        guard
            var options = try? SubrequestOptions(
                host: host, copiedFields: copied,
                passedStatuses: statuses.isEmpty ? [401, 403] : statuses,
                passedFields: passed.isEmpty ? SubrequestOptions.usualPassedFields : passed)
        else { return nil }
        options.method = method.isEmpty ? nil : method
        options.target = path
        options.forwardedFields = forwarded.isEmpty ? nil : forwarded
        return options
    }

    /// Field names at `path`.
    private mutating func names(_ path: String) -> [String] {
        reader.list(path).filter { name in
            guard Self.isFieldName(name) else {
                reader.fail(path, "'\(name)' is no field's name; each is written out, without *")
                return false
            }
            if (try? SubrequestOptions(host: "", copiedFields: [name])) != nil { return true }
            reader.fail(
                path,
                "'\(name)' is no field for an authorizer: not Host, Trailer, Expect, nor those of "
                    + "framing or of a connection")
            return false
        }
    }

    /// Whether `name` can be that of a field. A star could, but stands for no other characters
    /// here, which nobody means who writes it.
    private static func isFieldName(_ name: String) -> Bool {
        guard !name.contains("*") else { return false }
        do throws(HeaderFirewall.ConfigurationError) {
            _ = try HeaderFirewall(ownedNames: [name])
            return true
        } catch {
            return error == .reservedName(name)
        }
    }

    /// What the gateway says by itself is no authorizer's to say (S28).
    mutating func checkAuthorizerFields() {
        let identity = settings.identityNames.map(Self.folded)
        for authorizer in settings.authorizers {
            for name in authorizer.external?.ownedNames ?? [] {
                let folded = Self.folded(name)
                guard
                    identity.contains(folded) || folded.hasPrefix("x-forwarded-")
                        || ["forwarded", "x-real-ip", "x-request-id", "via"].contains(folded)
                else { continue }
                let base = "authorizers.\(authorizer.name)."
                let key = "headers.\(name)"
                reader.fail(
                    base + (reader.isGiven(base + key) ? key : "responseHeaders"),
                    "'\(name)' is set by the gateway itself")
            }
        }
    }

    /// What back ends may take a field's name for: in lower case, with `-` for what is neither a
    /// letter nor a digit.
    private static func folded(_ name: String) -> String {
        String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    }

    private mutating func statuses(_ path: String) -> [UInt16] {
        reader.list(path).compactMap { text in
            guard let status = UInt16(text), (300..<600).contains(status) else {
                reader.fail(path, "'\(text)' is not a status from 300 to 599")
                return nil
            }
            return status
        }
    }

    private mutating func cache(_ base: String) -> DecisionCacheOptions {
        var cache = DecisionCacheOptions()
        cache.capacity = max(reader.integer(base + "cacheEntries"), 1)
        cache.lifetime = lifetime(base + "cacheLifetime")
        cache.refusalLifetime = lifetime(base + "refusalLifetime")
        cache.staleIfError = reader.duration(base + "staleIfError")
        // The worker bounds questions, and the clients that may wait.
        cache.flights = .max
        cache.waitersPerFlight = .max
        let dependent = [
            ("refusalLifetime", cache.refusalLifetime > .zero),
            ("staleIfError", cache.staleIfError > .zero),
            ("cacheKey", reader.isGiven(base + "cacheKey")),
        ]
        for (key, isSet) in dependent where isSet && cache.lifetime == .zero {
            reader.fail(base + key, "has no effect: cacheLifetime is 0, no answer is kept")
        }
        return cache
    }

    private mutating func lifetime(_ path: String) -> Nanoseconds {
        let lifetime = reader.duration(path)
        if lifetime > DecisionCacheOptions.longestLifetime {
            reader.fail(path, "is longer than 1h; a number up to 1h is allowed")
        }
        return lifetime
    }

    private mutating func keyParts(_ path: String) -> [DecisionKey.Part]? {
        let words = reader.list(path)
        guard !words.isEmpty else { return nil }
        return words.compactMap { word in
            switch word {
            case "method": return .method
            case "host": return .host
            case "path": return .path
            case "query": return .query
            case "source": return .source
            case _ where word.hasPrefix("header:") && Self.isFieldName(String(word.dropFirst(7))):
                return .field(String(word.dropFirst(7)))
            default:
                reader.fail(
                    path,
                    "'\(word)' is not one of method, host, path, query, source, header:NAME")
                return nil
            }
        }
    }
}
