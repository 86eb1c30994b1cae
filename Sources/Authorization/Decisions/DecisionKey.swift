public import TLS

/// What a decision is remembered by (S27): who asks, of whom, under which rules, and everything
/// that the authorizer was told. Two requests with one key would get one answer.
public struct DecisionKey: Hashable, Sendable {
    /// Who decides, and about whom.
    public struct Scope: Equatable, Sendable {
        /// The authorizer's name.
        public var authorizer: String
        /// Counts the authorizer's configurations.
        public var generation: UInt64
        /// The virtual host of the handshake.
        public var virtualHost: String
        /// Digest of the trust context; nil when no certificates are asked for.
        public var trust: Fingerprint?
        /// The client's certificate; nil for anonymous clients.
        public var leaf: Fingerprint?

        /// The scope of `authorizer` for anonymous clients of `virtualHost`.
        public init(authorizer: String, generation: UInt64, virtualHost: String) {
            self.authorizer = authorizer
            self.generation = generation
            self.virtualHost = virtualHost
        }
    }

    /// A part of a request that an authorizer's `cacheKey` may list.
    public enum Part: Equatable, Sendable {
        /// The method.
        case method
        /// The authority.
        case host
        /// The path.
        case path
        /// The query.
        case query
        /// The client's address.
        case source
        /// All fields of that name, in any case.
        case field(String)
    }

    private let digest: Fingerprint

    /// The key of a request of which the authorizer is told everything.
    public init(_ scope: Scope, _ request: AuthorizationRequest) {
        var text = KeyText(scope)
        for value in [
            request.method, request.host, request.path, request.query, request.source,
        ] {
            text.append(value)
        }
        for field in request.fields {
            text.append(field.name)
            text.append(field.value)
        }
        digest = text.digest
    }

    /// The key of a request of which only `parts` matter to the authorizer.
    public init(_ scope: Scope, _ request: AuthorizationRequest, parts: [Part]) {
        var text = KeyText(scope)
        for part in parts {
            switch part {
            case .method: text.append(request.method)
            case .host: text.append(request.host)
            case .path: text.append(request.path)
            case .query: text.append(request.query)
            case .source: text.append(request.source)
            case .field(let name):
                let values = request.values(ofField: name)
                text.append("\(values.count)")
                for value in values { text.append(value) }
            }
        }
        digest = text.digest
    }

    /// The key of a policy, which is asked again for each request: `identitySources` in order.
    public init(_ scope: Scope, identitySources: [String]) {
        var text = KeyText(scope)
        for source in identitySources { text.append(source) }
        digest = text.digest
    }
}

/// Texts, each with its length before it: no two lists have one encoding.
private struct KeyText {
    private var bytes: [UInt8] = []

    init(_ scope: DecisionKey.Scope) {
        bytes.reserveCapacity(1_024)
        append(scope.authorizer)
        append("\(scope.generation)")
        append(scope.virtualHost)
        append(scope.trust?.bytes ?? [])
        append(scope.leaf?.bytes ?? [])
    }

    var digest: Fingerprint { Fingerprint(of: bytes) }

    mutating func append(_ text: String) {
        append(count: text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ part: [UInt8]) {
        append(count: part.count)
        bytes += part
    }

    private mutating func append(count: Int) {
        var shift = 56
        while shift >= 0 {
            bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            shift -= 8
        }
    }
}
