public import Identity
public import TLS

/// Whom rules are about.
public enum RuleSubject: Sendable {
    /// A client without a certificate.
    case anonymous
    /// The holder of a verified certificate.
    case certificate(CertificateAttributes, [ChainMember])
    /// The holder of a certificate whose names have control characters, or are no text: nothing
    /// may be decided by it, so it is refused (S10).
    case unreadable

    /// The client whose validated chain is `chain`. Parses the certificate.
    public init(_ chain: ValidatedChain?) {
        guard let chain else {
            self = .anonymous
            return
        }
        do throws(CertificateMistake) {
            let attributes = try CertificateAttributes(chain)
            let isText = attributes.subject.relativeNames.allSatisfy { name in
                name.allSatisfy(Self.isText)
            }
            self = isText ? .certificate(attributes, chain.members) : .unreadable
        } catch {
            self = .unreadable
        }
    }

    private static func isText(_ attribute: DistinguishedName.Attribute) -> Bool {
        guard let value = attribute.utf8, !attribute.containsNUL else { return false }
        return String(decoding: value, as: UTF8.self).unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7f...0x9f).contains(scalar.value)
                && scalar.value != 0x2028 && scalar.value != 0x2029
        }
    }
}

extension RuleCondition {
    /// Whether the certificate meets it.
    ///
    /// `isForAllowing` says what doubt means (S10): of several common names or SPIFFE URIs none is
    /// an identity, and wildcards and SPIFFE URIs that break the rules are none, so they allow
    /// nothing; to deny, any of them will do.
    func isMet(
        by attributes: CertificateAttributes, _ members: [ChainMember], isForAllowing: Bool,
        at now: Int64
    ) -> Bool {
        switch test {
        case .certificates(let selectors):
            return members.first.map { leaf in selectors.contains { $0.selects(leaf) } } ?? false
        case .issuers(let issuers):
            return members.first.map { leaf in issuers.contains { $0.selects(leaf) } } ?? false
        case .authorities(let selectors):
            return members.dropFirst().contains { member in
                selectors.contains { $0.selects(member) }
            }
        case .anchors(let fingerprints):
            return members.last.map { fingerprints.contains($0.fingerprint) } ?? false
        case .subject(let type, let patterns):
            let values = attributes.subject.attributes(type)
            let isName = values.contains { $0.oid == "2.5.4.3" }
            if isForAllowing, isName, values.count > 1 { return false }
            let texts = values.compactMap(\.utf8).map { String(decoding: $0, as: UTF8.self) }
            let spellings = isForAllowing ? texts : texts.flatMap { [$0, Self.trimmed($0)] }
            return patterns.match(anyOf: spellings, isForAllowing: isForAllowing)
        case .dns(let patterns):
            let names =
                isForAllowing
                ? attributes.dnsNames.filter { !$0.contains("*") }
                : attributes.dnsNames.flatMap(Self.spellings)
            return Self.anyMatches(names.map { Array($0.lowercased().utf8) }, patterns)
        case .uri(let patterns):
            return patterns.match(
                anyOf: Self.uris(attributes, isForAllowing), isForAllowing: isForAllowing)
        case .email(let patterns):
            let all = attributes.emails
            let names = isForAllowing ? all : all.flatMap(Self.spellings)
            return patterns.match(anyOf: names, isForAllowing: isForAllowing)
        case .ip(let addresses):
            return attributes.alternativeNames.contains { name in
                guard case .ip(let bytes) = name else { return false }
                return addresses.contains(bytes)
                    || !isForAllowing
                        && addresses.contains { Self.unmapped($0) == Self.unmapped(bytes) }
            }
        case .spiffeTrustDomain(let domains):
            return Self.spiffeNames(attributes, isForAllowing).contains { name in
                guard let name else { return true }
                return domains.contains {
                    (isForAllowing ? $0 : Self.trimmed($0, ".")) == name.domain
                }
            }
        case .spiffePath(let prefixes):
            return Self.spiffeNames(attributes, isForAllowing).contains { name in
                guard let name else { return true }
                return prefixes.contains { Self.path(name.path, isBelow: $0) }
            }
        case .extendedKeyUsage(let usages):
            return attributes.extendedKeyUsages.contains { usages.contains($0) }
        case .policy(let policies):
            return attributes.policies.contains { policies.contains($0) }
        case .keyType(let types):
            return Self.type(of: attributes.key).map(types.contains) ?? false
        case .minimumRSABits(let bits):
            return Self.type(of: attributes.key) != .rsa || attributes.key.bits >= bits
        case .minimumECBits(let bits):
            return Self.type(of: attributes.key) != .ec || attributes.key.bits >= bits
        case .maximumAge(let age): return now - attributes.notBefore <= age
        }
    }

    /// No pattern sees where a path that is no identity leads: `/ns/prod/../../admin`.
    private static func uris(
        _ attributes: CertificateAttributes, _ isForAllowing: Bool
    ) -> [String] {
        isForAllowing
            ? attributes.uris.filter { !SPIFFEIdentity.isClaim($0) || $0 == attributes.spiffeID }
            : attributes.uris.flatMap { [$0, trimmed($0)] }
    }

    private static func anyMatches(_ values: [[UInt8]], _ patterns: [WildcardPattern]) -> Bool {
        values.contains { value in patterns.contains { $0.matches(value) } }
    }

    /// Trust domain and path: of the one valid identity; to deny, of everything that looks like
    /// one, with nil for what is none, whose parts nobody can tell.
    private static func spiffeNames(
        _ attributes: CertificateAttributes, _ isForAllowing: Bool
    ) -> [(domain: String, path: String)?] {
        let texts =
            isForAllowing
            ? attributes.spiffeID.map { [$0] } ?? []
            : attributes.uris.filter(SPIFFEIdentity.isClaim)
        return texts.map { text in
            guard SPIFFEIdentity.isValid(text) else { return nil }
            let rest = text.dropFirst("spiffe://".count)
            let domain = rest.prefix { $0 != "/" }
            let path = String(rest.dropFirst(domain.count))
            // With a final dot the rules of SPIFFE know another domain, and DNS the same.
            return (isForAllowing ? String(domain) : trimmed(String(domain), "."), path)
        }
    }

    /// How a host name or mail address may be spelt in a rule that denies it: as the certificate
    /// has it, without blanks around it, and with and without the final dot.
    private static func spellings(_ name: String) -> [String] {
        let bare = trimmed(name, ". ")
        return [name, bare, bare + "."]
    }

    /// `text` without blanks around it, and without any of `end` behind it.
    private static func trimmed(_ text: String, _ end: String = " ") -> String {
        var rest = text.drop { $0 == " " }
        while let last = rest.last, end.contains(last) { rest.removeLast() }
        return String(rest)
    }

    /// The IPv4 address that an IPv6 one maps (RFC 4291 §2.5.5.2), or the address itself.
    private static func unmapped(_ address: [UInt8]) -> ArraySlice<UInt8> {
        let prefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return address.count == 16 && address.starts(with: prefix) ? address[12...] : address[...]
    }

    /// By whole segments: `/ns` is above `/ns` and `/ns/a`, not above `/nsx`.
    private static func path(_ path: String, isBelow prefix: String) -> Bool {
        path == prefix || path.hasPrefix(prefix.hasSuffix("/") ? prefix : prefix + "/")
    }

    private static func type(of key: PublicKey) -> KeyType? {
        switch key.kind {
        case .rsa, .rsaPSS: .rsa
        case .ec: .ec
        case .ed25519: .ed25519
        case .ed448: .ed448
        case .other: nil
        }
    }
}
