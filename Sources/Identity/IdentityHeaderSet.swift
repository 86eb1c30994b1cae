internal import Core
public import TLS

/// How large an identity may be in headers, and what happens to what is larger.
public struct IdentityLimits: Hashable, Sendable {
    /// What happens to a value that is too large.
    public enum Excess: String, CaseIterable, Sendable {
        /// Requests that would carry it are refused.
        case refuse
        /// The header is left out, and `NAME-Too-Large: 1` says so.
        case omitAndFlag = "omit-and-flag"
    }

    /// Bytes of one value.
    public var valueBytes = 8_192
    /// Bytes of all lines.
    public var totalBytes = 16_384
    /// What happens to what is larger.
    public var excess = Excess.refuse

    /// 8 KiB a value, 16 KiB in all, refused.
    public init() {}
}

/// What to do with the `X-Forwarded-Client-Cert` that a client sends, in Envoy's words. Only that
/// of a verified peer on the list ever goes on (security rule S25).
public struct ClientCertForwarding: Hashable, Sendable {
    /// Envoy's `forward_client_cert_details`.
    public enum Mode: String, CaseIterable, Sendable {
        /// Removed, and none of ours is sent.
        case sanitize
        /// Removed, and ours is sent.
        case sanitizeSet
        /// That of a listed peer goes on as it is, and none of ours is sent.
        case forwardOnly
        /// Ours goes behind that of a listed peer.
        case appendForward
        /// Like `forwardOnly`. With Envoy it lets everybody's through, which S25 forbids.
        case alwaysForwardOnly
    }

    /// A peer that speaks for others.
    public enum Hop: Hashable, Sendable {
        /// SHA-256 of its certificate, DER.
        case fingerprint([UInt8])
        /// Its SPIFFE identity.
        case spiffe(String)

        /// Parses `sha256:` and 64 hexadecimal digits, or a SPIFFE identity.
        public init?(_ text: String) {
            if text.hasPrefix("sha256:") {
                let digits = Array(text.utf8.dropFirst(7))
                guard digits.count == 64, let bytes = Hex.bytes(digits) else { return nil }
                self = .fingerprint(bytes)
            } else {
                guard SPIFFEIdentity.isValid(text) else { return nil }
                self = .spiffe(text)
            }
        }
    }

    /// What is done.
    public var mode = Mode.sanitizeSet
    /// The peers.
    public var trustedHops: [Hop] = []

    /// Ours replaces any other, and nobody is trusted.
    public init() {}

    /// Whether the verified peer with `input` is on the list.
    func trusts(_ input: IdentityInput) throws(IdentityError) -> Bool {
        guard !trustedHops.isEmpty else { return false }
        let attributes = try input.attributes
        return trustedHops.contains { hop in
            switch hop {
            case .fingerprint(let digest): digest == attributes.sha256
            case .spiffe(let identity): identity == attributes.spiffeID
            }
        }
    }
}

/// The identity headers of one virtual host or route.
public struct IdentityHeaderSet: Equatable, Sendable {
    /// The headers, in the order in which they are sent.
    public let headers: [IdentityHeader]
    /// How large they may be.
    public let limits: IdentityLimits
    /// What becomes of a client's own `X-Forwarded-Client-Cert`.
    public let forwarding: ClientCertForwarding
    /// URIs of the proxy's own certificate, for `By`.
    private let proxyURIs: [String]

    /// Whatever decides on the lines: sets of one key render alike.
    let key: String

    /// A set of `headers`.
    public init(
        _ headers: [IdentityHeader], limits: IdentityLimits = IdentityLimits(),
        forwarding: ClientCertForwarding = ClientCertForwarding(), proxyURIs: [String] = []
    ) {
        self.headers = headers
        self.limits = limits
        self.forwarding = forwarding
        self.proxyURIs = proxyURIs
        let lines = headers.map { "\($0.name): \($0.format.name)" }
        key = (lines + ["\(limits) \(forwarding) \(proxyURIs)"]).joined(separator: "\n")
    }

    /// The set with the URIs that `proxy`, the gateway's own certificate, has, unless it was told
    /// others.
    public func naming(_ proxy: PeerCertificate?) -> IdentityHeaderSet {
        guard proxyURIs.isEmpty, headers.contains(where: \.isForwardedClientCert), let proxy,
            let attributes = try? CertificateAttributes(der: proxy.der)
        else { return self }
        return IdentityHeaderSet(
            headers, limits: limits, forwarding: forwarding, proxyURIs: attributes.uris)
    }

    /// Whether both render alike.
    public static func == (left: IdentityHeaderSet, right: IdentityHeaderSet) -> Bool {
        left.key == right.key
    }

    /// The set with `others` before its own headers.
    public func preceded(by others: [IdentityHeader]) -> IdentityHeaderSet {
        IdentityHeaderSet(
            others + headers, limits: limits, forwarding: forwarding, proxyURIs: proxyURIs)
    }

    /// Names that no client may send. Nor may one send a flag where we would send none: back ends
    /// believe it all the same.
    public var ownedNames: [String] {
        headers.map(\.name) + headers.map { Self.flag(of: $0.name) }
    }

    /// The first name that two headers have.
    public var duplicateName: String? {
        var seen: Set<String> = []
        return ownedNames.first { !seen.insert($0.lowercased()).inserted }
    }

    private static func flag(of name: String) -> String { "\(name)-Too-Large" }

    /// The lines that say who `chain` belongs to, CRLF included: bytes, and no proof that anybody
    /// holds the key, which only an `IdentityBlock` is made from. A request that comes with an
    /// `X-Forwarded-Client-Cert` may have it in front of ours.
    public func lines(of chain: ValidatedChain) throws(IdentityError) -> [UInt8] {
        let rendered = try render(chain)
        guard !rendered.appendix.isEmpty else { return rendered.lines }
        return rendered.lines + Array("\(IdentityPreset.xfccName): ".utf8) + rendered.appendix
    }

    /// The lines that say that a client has shown no certificate, CRLF included.
    public var anonymousLines: [UInt8] {
        headers.flatMap { header in
            header.anonymous.map { Array("\(header.name): \($0)\r\n".utf8) } ?? []
        }
    }

    /// What is sent of `chain`.
    func render(_ chain: ValidatedChain) throws(IdentityError) -> IdentityLines {
        let input = IdentityInput(chain, proxyURIs: proxyURIs)
        var result = IdentityLines()
        let isTrusted = try forwarding.trusts(input)
        switch forwarding.mode {
        case .sanitize, .sanitizeSet: break
        case .forwardOnly, .alwaysForwardOnly: if isTrusted { result.received = .kept }
        case .appendForward: if isTrusted { result.received = .appended }
        }
        for header in headers {
            if header.isForwardedClientCert {
                switch forwarding.mode {
                case .sanitize, .forwardOnly, .alwaysForwardOnly: continue
                case .sanitizeSet, .appendForward: break
                }
            }
            guard let value = try header.value(input) else { continue }
            let ending = value + [0x0d, 0x0a]
            let line = Array("\(header.name): ".utf8) + ending
            let total = result.lines.count + result.appendix.count + line.count
            if value.count > limits.valueBytes || total > limits.totalBytes {
                guard limits.excess == .omitAndFlag else { throw .tooLarge }
                result.lines += Array("\(Self.flag(of: header.name)): 1\r\n".utf8)
            } else if header.isForwardedClientCert, result.received == .appended {
                result.appendix = ending
            } else {
                result.lines += line
            }
        }
        guard result.lines.count + result.appendix.count <= limits.totalBytes else {
            throw .tooLarge
        }
        // The last element says who is at our door. Without ours it would be the hop's.
        if result.received == .appended, result.appendix.isEmpty { result.received = .removed }
        return result
    }
}

/// What becomes of the `X-Forwarded-Client-Cert` that a request has.
public enum ReceivedClientCert: UInt8, Sendable {
    /// It is removed.
    case removed
    /// It goes on.
    case kept
    /// It goes on, with ours behind it.
    case appended
}

/// What is sent of one chain.
struct IdentityLines {
    /// Complete lines, CRLF included.
    var lines: [UInt8] = []
    /// What goes behind a received `X-Forwarded-Client-Cert`, CRLF included.
    var appendix: [UInt8] = []
    var received = ReceivedClientCert.removed
}
