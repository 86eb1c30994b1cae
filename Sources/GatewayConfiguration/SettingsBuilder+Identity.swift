import Identity

// Which headers say who the client is.
extension SettingsBuilder {
    mutating func identitySets() {
        for name in reader.names(below: "identitySets") {
            settings.identitySets.append((name, identitySet("identitySets.\(name).")))
        }
    }

    private mutating func identitySet(_ base: String) -> IdentityHeaderSet {
        var headers: [IdentityHeader] = []
        for name in reader.list(base + "presets") {
            do throws(IdentityError) {
                headers += try IdentityPreset.named(name).headers
            } catch {
                reader.fail(base + "presets", unknown("preset", name, IdentityPreset.names))
            }
        }
        for name in reader.names(below: base + "headers") {
            if let header = identityHeader(name, base + "headers.\(name).") {
                headers.append(header)
            }
        }
        var limits = IdentityLimits()
        limits.valueBytes = reader.size(base + "valueLimit")
        limits.totalBytes = reader.size(base + "totalLimit")
        limits.excess = .init(rawValue: reader.choice(base + "onExcess")) ?? .refuse
        let set = IdentityHeaderSet(
            headers, limits: limits, forwarding: forwarding(base, headers),
            proxyURIs: proxyURIs(base))
        if let name = set.duplicateName {
            reader.fail(
                String(base.dropLast()), "two of its headers are called '\(name)'; one is allowed")
        }
        return set
    }

    private mutating func identityHeader(_ name: String, _ base: String) -> IdentityHeader? {
        let template = reader.text(base + "template")
        let format = reader.text(base + "format")
        let fallback = reader.text(base + "default")
        let encoding = HeaderEncoding(rawValue: reader.choice(base + "encoding")) ?? .raw
        guard (template == nil) != (format == nil) else {
            reader.fail(String(base.dropLast()), "needs either a template or a format")
            return nil
        }
        do throws(IdentityError) {
            guard let format else {
                return try IdentityHeader(
                    name: name, template: template ?? "", encoding: encoding, fallback: fallback)
            }
            for key in ["encoding", "default"] where reader.isGiven(base + key) {
                reader.fail(base + key, "belongs to a template, and there is a format")
            }
            return try IdentityHeader(name: name, format: format)
        } catch {
            fail(base, name, error)
            return nil
        }
    }

    private mutating func fail(_ base: String, _ name: String, _ error: IdentityError) {
        switch error {
        case .template(let mistake):
            reader.fail(
                base + "template", "character \(mistake.position): \(mistake.reason)")
        case .unknownFormat(let format):
            reader.fail(base + "format", unknown("format", format, IdentityFormat.names))
        case .invalidDefault:
            reader.fail(
                base + "default", "must be printable ASCII without blanks at its ends")
        default: reader.fail(String(base.dropLast()), Self.badHeaderName(name))
        }
    }

    static func badHeaderName(_ name: String) -> String {
        "'\(name)' cannot be an identity header: letters, digits and '-', "
            + "and no name that frames or routes a message"
    }

    private mutating func forwarding(
        _ base: String, _ headers: [IdentityHeader]
    ) -> ClientCertForwarding {
        var forwarding = ClientCertForwarding()
        let mode = reader.choice(base + "forwardClientCert")
        forwarding.mode = .init(rawValue: mode) ?? .sanitizeSet
        for text in reader.list(base + "trustedHops") {
            guard let hop = ClientCertForwarding.Hop(text) else {
                reader.fail(
                    base + "trustedHops",
                    "'\(text)' is neither 'sha256:' and 64 hexadecimal digits nor a SPIFFE identity"
                )
                continue
            }
            forwarding.trustedHops.append(hop)
        }
        switch forwarding.mode {
        case .sanitize, .sanitizeSet:
            if !forwarding.trustedHops.isEmpty {
                reader.fail(
                    base + "trustedHops", "has no effect: forwardClientCert is '\(mode)'")
            }
        case .forwardOnly, .alwaysForwardOnly, .appendForward:
            if reader.list(base + "trustedHops").isEmpty {
                reader.fail(
                    base + "trustedHops", "is required when forwardClientCert is '\(mode)'")
            }
        }
        if forwarding.mode == .appendForward,
            !headers.contains(where: { $0.name == IdentityPreset.xfccName })
        {
            reader.fail(
                base + "forwardClientCert",
                "has nothing to append: 'appendForward' needs the preset xfcc or xfcc-short")
        }
        return forwarding
    }

    private mutating func proxyURIs(_ base: String) -> [String] {
        let texts = reader.list(base + "proxyURIs")
        for text in texts where !text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            reader.fail(base + "proxyURIs", "'\(text)' is no URI: printable ASCII is allowed")
        }
        return texts
    }

    /// The set that the key `path` names; nil when it is not given.
    mutating func identitySet(named path: String) -> Int? {
        guard let name = reader.text(path), !name.isEmpty else { return nil }
        let names = settings.identitySets.map(\.name)
        guard let index = names.firstIndex(of: name) else {
            reader.fail(path, unknown("identity set", name, names))
            return nil
        }
        return index
    }

    /// The set of headers that every request of `host` carries unless its route has its own.
    mutating func identityHeaders(_ host: inout VirtualHostSettings, _ base: String) {
        var own: [IdentityHeader] = []
        for name in reader.names(below: base + "identityHeaders") {
            let path = base + "identityHeaders.\(name)"
            let format = reader.required(path)
            do throws(IdentityError) {
                let header =
                    try format.contains("{")
                    ? IdentityHeader(name: name, template: format)
                    : IdentityHeader(name: name, format: format)
                if own.contains(where: { $0.name.lowercased() == name.lowercased() }) {
                    reader.fail(path, "the header stands here a second time")
                }
                own.append(header)
            } catch {
                switch error {
                case .unknownFormat:
                    reader.fail(path, unknown("format", format, IdentityFormat.names))
                case .template(let mistake):
                    reader.fail(path, "character \(mistake.position): \(mistake.reason)")
                default: reader.fail(path, Self.badHeaderName(name))
                }
            }
        }
        let shared = identitySet(named: base + "identity").map { settings.identitySets[$0].set }
        host.identity = (shared ?? IdentityHeaderSet([])).preceded(by: own)
        if shared != nil, let name = host.identity.duplicateName {
            reader.fail(
                base + "identity", "two headers are called '\(name)'; one is allowed")
        }
    }
}
