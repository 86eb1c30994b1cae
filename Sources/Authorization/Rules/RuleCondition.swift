internal import Core
public import TLS

/// One condition of a rule: a certificate meets it when it has one of the values that are listed.
public struct RuleCondition: Sendable {
    /// What is compared.
    enum Test: Sendable {
        /// The certificate itself.
        case certificates([CertificateSelector])
        /// Whoever issued it, by name.
        case issuers([IssuerSelector])
        /// An authority in its validated chain.
        case authorities([CertificateSelector])
        /// The anchor of its validated chain.
        case anchors(Set<Fingerprint>)
        /// Attributes of its subject; the type is dotted.
        case subject(type: String, TextPatterns)
        case dns([WildcardPattern])
        case uri(TextPatterns)
        case email(TextPatterns)
        /// 4 or 16 bytes each.
        case ip([[UInt8]])
        case spiffeTrustDomain([String])
        /// Prefixes, by whole segments.
        case spiffePath([String])
        /// Dotted identifiers.
        case extendedKeyUsage([String])
        case policy([String])
        case keyType([KeyType])
        /// Keys of other types meet it.
        case minimumRSABits(Int)
        case minimumECBits(Int)
        /// Seconds since the certificate began to be valid.
        case maximumAge(Int64)
    }

    /// The kinds of keys that rules tell apart.
    public enum KeyType: String, CaseIterable, Sendable { case rsa, ec, ed25519, ed448 }

    /// Its key in the configuration; of attributes of the subject, `subject.TYPE`.
    public let name: String
    let test: Test

    /// Whether it depends on the time.
    var age: Int64? {
        guard case .maximumAge(let age) = test else { return nil }
        return age
    }
}

/// Why a text is no value of a condition.
public struct RuleMistake: Error, Equatable, Sendable {
    /// What is wrong, and what may stand there.
    public let message: String
}

extension RuleCondition {
    /// Conditions that list texts, by their key in the configuration.
    public enum TextKey: String, CaseIterable, Sendable {
        /// The certificate, as a deny list says it.
        case certificate
        /// Its issuer, by name.
        case issuer
        /// An authority in its chain, as a deny list says it.
        case authority
        /// Host names among its alternative names.
        case dns
        /// URIs.
        case uri
        /// Mail addresses.
        case email
        /// Addresses.
        case ip
        /// Trust domain of its SPIFFE identity.
        case spiffeTrustDomain
        /// Path of its SPIFFE identity.
        case spiffePath
        /// Extended key usages.
        case extendedKeyUsage
        /// Certificate policies.
        case policy
        /// Kinds of key.
        case keyType
    }

    /// The condition `key` with `values`, of which one has to match.
    public init(_ key: TextKey, _ values: [String]) throws(RuleMistake) {
        name = key.rawValue
        switch key {
        case .certificate: test = .certificates(try Self.selectors(values))
        case .authority: test = .authorities(try Self.selectors(values))
        case .issuer:
            var issuers: [IssuerSelector] = []
            for value in values {
                do throws(CertificateSelector.Mistake) {
                    issuers.append(try IssuerSelector(value))
                } catch { throw RuleMistake(value, error) }
            }
            test = .issuers(issuers)
        case .dns: test = .dns(try TextPatterns.patterns(values.map { $0.lowercased() }))
        case .uri: test = .uri(try TextPatterns(values))
        case .email: test = .email(try TextPatterns(values))
        case .ip:
            var addresses: [[UInt8]] = []
            for value in values { addresses.append(try Self.address(value)) }
            test = .ip(addresses)
        case .spiffeTrustDomain:
            for value in values where value.contains("/") || value != value.lowercased() {
                throw RuleMistake(
                    message: "'\(value)' is no trust domain: lower case, no spiffe://, no path")
            }
            test = .spiffeTrustDomain(values)
        case .spiffePath:
            for value in values where !value.hasPrefix("/") {
                throw RuleMistake(message: "'\(value)' is no path: begin it with '/'")
            }
            test = .spiffePath(values)
        case .extendedKeyUsage: test = .extendedKeyUsage(try Self.usages(values))
        case .policy:
            for value in values where !Self.isDotted(value) {
                throw RuleMistake(message: "'\(value)' is no OID such as 2.23.140.1.2.2")
            }
            test = .policy(values)
        case .keyType:
            var types: [KeyType] = []
            for value in values {
                guard let type = KeyType(rawValue: value.lowercased()) else {
                    let known = KeyType.allCases.map(\.rawValue).joined(separator: ", ")
                    throw RuleMistake(message: "'\(value)' is not one of \(known)")
                }
                types.append(type)
            }
            test = .keyType(types)
        }
    }

    /// The condition that an attribute `type` of the subject is like one of `values`.
    public init(subject type: String, _ values: [String]) throws(RuleMistake) {
        guard let identifier = AttributeType.identifier(type) else {
            throw RuleMistake(message: "'\(type)' is no attribute: CN, O, OU, C, UID or another")
        }
        name = "subject.\(type)"
        test = .subject(type: identifier, try TextPatterns(values))
    }

    /// The condition that the chain ends in one of the certificates of a trust store.
    public init(anchors: Set<Fingerprint>) {
        name = "trustStore"
        test = .anchors(anchors)
    }

    /// The condition that an RSA key has at least so many bits; keys of other types meet it.
    public init(minimumRSABits bits: Int) {
        name = "minimumRSABits"
        test = .minimumRSABits(bits)
    }

    /// The condition that a key on a curve has at least so many bits; others meet it.
    public init(minimumECBits bits: Int) {
        name = "minimumECBits"
        test = .minimumECBits(bits)
    }

    /// The condition that the certificate began to be valid at most `seconds` ago.
    public init(maximumAge seconds: Int64) {
        name = "maximumAge"
        test = .maximumAge(seconds)
    }

    // MARK: Values

    private static func selectors(
        _ values: [String]
    ) throws(RuleMistake) -> [CertificateSelector] {
        var selectors: [CertificateSelector] = []
        for value in values {
            do throws(CertificateSelector.Mistake) {
                selectors.append(try CertificateSelector(value))
            } catch { throw RuleMistake(value, error) }
        }
        return selectors
    }

    private static func address(_ value: String) throws(RuleMistake) -> [UInt8] {
        switch SocketAddress(value.contains(":") ? "[\(value)]:0" : "\(value):0") {
        case .ipv4(let bits, _): return bytes(UInt64(bits), count: 4)
        case .ipv6(let bits, _): return bytes(bits.high, count: 8) + bytes(bits.low, count: 8)
        case .unix, nil:
            throw RuleMistake(message: "'\(value)' is no address such as 192.0.2.1 or 2001:db8::1")
        }
    }

    private static func bytes(_ number: UInt64, count: Int) -> [UInt8] {
        (1...count).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * (count - $0))) }
    }

    private static let usageNames = [
        "serverauth": "1.3.6.1.5.5.7.3.1", "clientauth": "1.3.6.1.5.5.7.3.2",
        "codesigning": "1.3.6.1.5.5.7.3.3", "emailprotection": "1.3.6.1.5.5.7.3.4",
        "timestamping": "1.3.6.1.5.5.7.3.8", "ocspsigning": "1.3.6.1.5.5.7.3.9",
        "anyextendedkeyusage": "2.5.29.37.0",
    ]

    private static func usages(_ values: [String]) throws(RuleMistake) -> [String] {
        var usages: [String] = []
        for value in values {
            guard let usage = usageNames[value.lowercased()] ?? (isDotted(value) ? value : nil)
            else {
                throw RuleMistake(
                    message: "'\(value)' is no usage: clientAuth, serverAuth, codeSigning, "
                        + "emailProtection, timeStamping, ocspSigning, anyExtendedKeyUsage, "
                        + "or an OID")
            }
            usages.append(usage)
        }
        return usages
    }

    private static func isDotted(_ text: String) -> Bool {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count >= 2
            && numbers.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
    }
}

extension RuleMistake {
    fileprivate init(_ value: String, _ mistake: CertificateSelector.Mistake) {
        self.init(message: "'\(value)': \(mistake.reason); \(mistake.allowed)")
    }
}
