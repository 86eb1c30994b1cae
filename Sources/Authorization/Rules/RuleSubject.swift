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
            return Self.anyMatches(values.compactMap(\.utf8), patterns)
        case .dns(let patterns):
            let names = attributes.dnsNames.filter { !isForAllowing || !$0.contains("*") }
            return Self.anyMatches(names.map { Array($0.lowercased().utf8) }, patterns)
        case .uri(let patterns):
            // No pattern sees where a path that is no identity leads: `/ns/prod/../../admin`.
            let names = attributes.uris.filter {
                !isForAllowing || !SPIFFEIdentity.isClaim($0) || $0 == attributes.spiffeID
            }
            return Self.anyMatches(names.map { Array($0.utf8) }, patterns)
        case .email(let patterns):
            return Self.anyMatches(attributes.emails.map { Array($0.utf8) }, patterns)
        case .ip(let addresses):
            return attributes.alternativeNames.contains { name in
                guard case .ip(let bytes) = name else { return false }
                return addresses.contains(bytes)
            }
        case .spiffeTrustDomain(let domains):
            return Self.spiffeNames(attributes, isForAllowing).contains { name in
                domains.contains(name.domain)
            }
        case .spiffePath(let prefixes):
            return Self.spiffeNames(attributes, isForAllowing).contains { name in
                prefixes.contains { Self.path(name.path, isBelow: $0) }
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

    private static func anyMatches(_ values: [[UInt8]], _ patterns: [WildcardPattern]) -> Bool {
        values.contains { value in patterns.contains { $0.matches(value) } }
    }

    /// Trust domain and path: of the one valid identity, or of everything that looks like one.
    private static func spiffeNames(
        _ attributes: CertificateAttributes, _ isForAllowing: Bool
    ) -> [(domain: String, path: String)] {
        let scheme = "spiffe://"
        let texts = isForAllowing ? attributes.spiffeID.map { [$0] } ?? [] : attributes.uris
        return texts.filter { $0.lowercased().hasPrefix(scheme) }.map { text in
            let rest = text.dropFirst(scheme.count)
            let domain = rest.prefix { $0 != "/" }
            return (domain.lowercased(), String(rest.dropFirst(domain.count)))
        }
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
