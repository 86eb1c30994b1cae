import Authorization
import Core
import HTTP

extension SettingsBuilder {
    /// The keys that only an authorizer that asks a service has.
    private static let externalKeys = KeyTable.externalAuthorizers.map {
        $0.pattern.dropFirst("authorizers.*.".count)
    }.filter { $0 != "type" }

    /// An authorizer by rules has no use for what says how a service is asked.
    mutating func checkNoService(_ base: String) {
        for key in Self.externalKeys where reader.isGiven(base + key) {
            reader.fail(base + key, "is for authorizers of the type 'http'")
        }
    }

    mutating func externalAuthorizer(
        _ name: String, _ base: String
    ) -> ExternalAuthorizerSettings? {
        for key in ["reportOnly", "rules"]
        where reader.isGiven(base + key) || reader.hasSection(base + key) {
            reader.fail(base + key, "is for authorizers of the type 'rules'")
        }
        let upstream = reader.required(base + "upstream")
        let names = settings.upstreams.map(\.name)
        let index = names.firstIndex(of: upstream)
        if index == nil, !upstream.isEmpty {
            reader.fail(base + "upstream", unknown("upstream", upstream, names))
        }
        let subrequest = subrequest(upstream, base)
        var external: ExternalAuthorizerSettings?
        if let index, let subrequest {
            external = ExternalAuthorizerSettings(upstream: index, subrequest: subrequest)
        }
        external?.timeout = reader.duration(base + "timeout")
        external?.allowsOnFailure = reader.flag(base + "allowOnFailure")
        external?.cache = cache(base)
        external?.keyParts = keyParts(base + "cacheKey")
        return external
    }

    private mutating func subrequest(_ upstream: String, _ base: String) -> SubrequestOptions? {
        let host = reader.text(base + "host") ?? upstream
        if !host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            reader.fail(base + "host", "'\(host)' is no host")
        }
        let method = reader.text(base + "method") ?? ""
        if !method.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) || method == "CONNECT" {
            reader.fail(base + "method", "'\(method)' is no method, such as GET, HEAD or POST")
        }
        let path = reader.text(base + "path")
        if let path, !path.hasPrefix("/") || !path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            reader.fail(base + "path", "'\(path)' is no path, which begins with '/'")
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
            if (try? SubrequestOptions(host: "", copiedFields: [name])) != nil { return true }
            reader.fail(
                path,
                "'\(name)' is no field for an authorizer: not Host, Trailer, Expect, nor those of "
                    + "framing or of a connection")
            return false
        }
    }

    /// What the gateway says by itself is no authorizer's to say (S28).
    mutating func checkAuthorizerFields() {
        let identity = settings.identityNames.map { $0.lowercased() }
        for authorizer in settings.authorizers {
            for name in authorizer.external?.subrequest.ownedNames ?? [] {
                let folded = name.lowercased()
                guard
                    identity.contains(folded) || folded.hasPrefix("x-forwarded-")
                        || ["forwarded", "x-real-ip", "x-request-id", "via"].contains(folded)
                else { continue }
                reader.fail(
                    "authorizers.\(authorizer.name).responseHeaders",
                    "'\(name)' is set by the gateway itself")
            }
        }
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
            case _ where word.hasPrefix("header:") && word.utf8.count > 7:
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
