import Core
import Crypto
import HTTP
import TLS

extension SettingsBuilder {
    /// Where sources that are fetched are kept, and how they are fetched. Before all that names
    /// any.
    mutating func sources() {
        var sources = SourceSettings()
        sources.environment = environment
        if reader.isGiven("sources.stateDirectory") {
            sources.stateDirectory = reader.place("sources.stateDirectory")
        } else {
            // systemd gives several, separated by colons, where a unit has several.
            let folders = environment["STATE_DIRECTORY"]?.split(separator: ":")
            sources.stateDirectory = folders?.first.map(String.init) ?? ""
        }
        sources.pollInterval = reader.duration("sources.pollInterval")
        sources.timeout = reader.duration("sources.timeout")
        if sources.timeout > .seconds(600) {
            reader.fail("sources.timeout", "is longer than 10m")
        }
        sources.authorities = reader.optionalFile("sources.authorities")
        let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"].compactMap { environment[$0] }
        sources.region =
            reader.isGiven("sources.s3.region")
            ? reader.required("sources.s3.region") : regions.first { !$0.isEmpty } ?? ""
        if !sources.region.utf8.allSatisfy({ $0.isUnreserved }) {
            reader.fail("sources.s3.region", "'\(sources.region)' is no name of a region")
        }
        let endpoint = reader.text("sources.s3.endpoint") ?? ""
        if !endpoint.isEmpty { sources.endpoint = self.endpoint(endpoint) }
        let credentials = reader.choice("sources.s3.credentials")
        sources.credentials = .init(rawValue: credentials) ?? .environment
        settings.sources = sources
    }

    private mutating func endpoint(_ text: String) -> String {
        let key = "sources.s3.endpoint"
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard case .web = try? SourceAddress(trimmed, mayBePlain: true),
            let host = trimmed.split(separator: "/").dropFirst().first,
            trimmed.split(separator: "/").count == 2, !trimmed.contains("?")
        else {
            reader.fail(
                key,
                "'\(SourceAddress.shown(text))' is not https://HOST:PORT, or http:// on loopback")
            return ""
        }
        let isLoopback =
            ["localhost", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
            || SocketAddress(host.contains(":") ? String(host) : host + ":80")?.isLocal ?? false
        if trimmed.hasPrefix("http://"), !isLoopback {
            reader.fail(
                key,
                "anybody on the way could put another authority in; https:// is allowed, and "
                    + "http:// on loopback")
        }
        return trimmed
    }

    /// The path that `text`, a value of `key`, is read from: its own, or that of its mirror.
    mutating func source(
        _ text: String, _ key: String, owner: String, _ use: RemoteSource.Use
    ) -> String {
        guard SourceAddress.isAddress(text) else { return reader.named(text, by: key) }
        let shown = SourceAddress.shown(text)
        let mayBePlain = if case .revocation = use { true } else { false }
        let address: SourceAddress
        do throws(SourceAddress.Mistake) {
            address = try SourceAddress(text, mayBePlain: mayBePlain)
        } catch {
            reader.fail(key, "'\(shown)': \(error.reason)")
            return ""
        }
        guard !settings.sources.stateDirectory.isEmpty else {
            reader.fail(
                key,
                "'\(shown)' needs sources.stateDirectory, where its last good copy is kept for the "
                    + "next start (or systemd's StateDirectory=)")
            return ""
        }
        if case .object = address, settings.sources.endpoint == nil,
            settings.sources.region.isEmpty
        {
            reader.fail(key, "'\(shown)' needs sources.s3.region, or AWS_REGION")
            return ""
        }
        // Whose it is counts too: two stores may want different things of one address.
        let name = Hex.lower(Array(SHA256.hash(Array("\(owner) \(text)".utf8)).prefix(16)))
        let path = settings.sources.stateDirectory + "/" + String(decoding: name, as: UTF8.self)
        let origin = reader.origin(key)
        let source = RemoteSource(
            owner: owner, text: text, address: address, path: path, use: use, key: key,
            origin: origin)
        if !settings.remoteSources.contains(source) { settings.remoteSources.append(source) }
        if settings.remoteSources.count > RemoteSource.most {
            reader.fail(key, "more than \(RemoteSource.most) sources are fetched")
        }
        reader.note(NamedFile(path: path, key: key, origin: origin))
        return path
    }

    /// What has to hold for the fetched ones among `count` sources of the trust store at `base`,
    /// whose rules are `store`.
    mutating func trustPolicy(
        _ base: String, of count: Int, _ store: TrustStoreOptions
    ) -> RemoteSource.TrustPolicy {
        var policy = RemoteSource.TrustPolicy()
        policy.rules = store
        // The anchors may be in another source.
        if count > 1 { policy.rules.allowsPartialChains = true }
        policy.maxStale = reader.duration(base + "maxStale")
        policy.refusesWhenStale = reader.choice(base + "whenStale") == "refuse"
        let digest = (reader.text(base + "acceptedDigest") ?? "").lowercased()
        guard !digest.isEmpty else { return policy }
        if digest.utf8.count != 64 || !digest.utf8.allSatisfy({ Hex.value($0) != nil }) {
            reader.fail(base + "acceptedDigest", "'\(digest)' is not 64 hexadecimal digits")
        }
        policy.acceptedDigest = digest
        return policy
    }
}
