internal import Core
public import HTTP
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

    /// The key of a request of which only `parts` matter to the authorizer; all that it is told
    /// where that is nil. `fields` are the request's screened fields.
    public init(
        _ scope: Scope, _ asked: AskedRequest, _ fields: borrowing HeadStorage, parts: [Part]?
    ) {
        var text = KeyText(scope)
        for part in parts ?? [.method, .host, .path, .query, .source] {
            switch part {
            case .method: text.append(asked.method)
            case .host: text.append(asked.host)
            case .path: text.append(asked.path)
            case .query: text.append(asked.query)
            case .source: text.append(asked.source)
            case .field(let name): text.append(valuesOf: Array(name.utf8), asked.bytes, fields)
            }
        }
        if parts == nil { text.append(allOf: fields, in: asked.bytes) }
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

    mutating func append(_ part: ByteView) {
        append(count: part.count)
        unsafe bytes.append(contentsOf: part.raw)
    }

    /// Appends how many fields are called `name`, in any case, and their values.
    mutating func append(
        valuesOf name: [UInt8], _ head: ByteView, _ fields: borrowing HeadStorage
    ) {
        var count = 0
        for index in 0..<fields.count where Self.matches(fields[index], name, head) { count += 1 }
        append(count: count)
        for index in 0..<fields.count where Self.matches(fields[index], name, head) {
            append(head[fields[index].value])
        }
    }

    private static func matches(_ field: Field, _ name: [UInt8], _ head: ByteView) -> Bool {
        guard field.isTold else { return false }
        return unsafe name.withUnsafeBytes {
            unsafe MappedName.isSame(head[field.name], ByteView($0))
        }
    }

    /// Appends all that is told of the fields.
    mutating func append(allOf fields: borrowing HeadStorage, in head: ByteView) {
        for index in 0..<fields.count {
            let field = fields[index]
            guard field.isTold else { continue }
            append(head[field.name])
            append(head[field.value])
        }
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
