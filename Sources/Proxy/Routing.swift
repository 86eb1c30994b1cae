public import Authorization
public import Core
public import HTTP
public import Identity
public import TLS
import Telemetry

/// Where requests with one path prefix go, and what they need.
public struct Route: Sendable {
    /// Name in the configuration; appears in log lines.
    public var name: String
    /// Host this route is for, normalised; nil for every host of the virtual host.
    public var host: String?
    /// Path prefix, matched by whole segments; "/" matches everything.
    public var prefix: String
    /// Methods the route serves; empty for all.
    public var methods: [String]
    /// Index of the upstream.
    public var upstream: Int
    /// What the client's identity has to be.
    public var requirement: RouteRequirement
    /// Rules on the identity; nil for none.
    public var policy: RoutePolicy?
    /// Index into the table's external authorizers; nil for none.
    public var externalAuthorizer: Int?
    /// Whether `Upgrade: websocket` is forwarded (security rule S21).
    public var allowsWebSocket: Bool
    /// What a path may look like (security rule S22).
    public var pathPolicy: PathPolicy
    /// Index into the virtual host's `identitySets`.
    public var identitySet: Int

    /// The route with the given parts.
    public init(
        name: String, host: String? = nil, prefix: String = "/", methods: [String] = [],
        upstream: Int, requirement: RouteRequirement, policy: RoutePolicy? = nil,
        externalAuthorizer: Int? = nil, allowsWebSocket: Bool = false,
        pathPolicy: PathPolicy = PathPolicy(), identitySet: Int = 0
    ) {
        self.name = name
        self.host = host
        self.prefix = prefix
        self.methods = methods
        self.upstream = upstream
        self.requirement = requirement
        self.policy = policy
        self.externalAuthorizer = externalAuthorizer
        self.allowsWebSocket = allowsWebSocket
        self.pathPolicy = pathPolicy
        self.identitySet = identitySet
    }
}

/// One virtual host as the request path sees it: its names, its routes, its identity headers.
///
/// Built once and immutable. Everything a request compares with lies in one block of bytes, so
/// that a look-up follows no reference count and allocates nothing.
@safe
public final class VirtualHost {
    /// Name in the configuration.
    public let name: String
    /// Headers that carry the verified identity: those of the virtual host, then those of routes
    /// that have their own.
    public let identitySets: [IdentityHeaderSet]
    /// What they say of who has shown no certificate; nil for nothing.
    let anonymousBlock: IdentityBlock?
    /// Routes, longest prefix first; a route with a host stands before one without.
    public let routes: [Route]
    /// What its clients have to prove. A connection survives a reload only where it has done so.
    public let admission: Admission

    private struct Entry {
        var host: ByteRange
        var prefix: ByteRange
        var methods: ByteRange
        var name: ByteRange
    }

    // Invariant: every range of `names` and `entries` lies within `text`, which is freed in deinit.
    private let text: ByteView
    private let storage: UnsafeMutablePointer<UInt8>
    private let names: [ByteRange]
    private let entries: [Entry]
    private let label: ByteRange
    /// The rules of each route; empty when none has any.
    private let policies: [RoutePolicy?]

    /// The result of a look-up.
    public enum Match: Equatable {
        /// Index into `routes`.
        case route(Int)
        /// A route has the path, but none of those has the method.
        case methodNotAllowed
        /// No route has the path.
        case none
    }

    /// A virtual host that answers to `serverNames` (normalised; `*.` in front is a wildcard; an
    /// empty list answers to every name).
    public init(
        name: String, serverNames: [String], identityHeaders: IdentityHeaderSet,
        routeHeaders: [IdentityHeaderSet] = [], routes: [Route],
        admission: Admission = .open
    ) {
        self.name = name
        self.admission = admission
        identitySets = [identityHeaders] + routeHeaders
        anonymousBlock = IdentityBlock(anonymousOf: identitySets)
        precondition(routes.allSatisfy { (0...routeHeaders.count).contains($0.identitySet) })
        let ordered = routes.sorted {
            ($0.prefix.utf8.count, $0.host == nil ? 0 : 1)
                > ($1.prefix.utf8.count, $1.host == nil ? 0 : 1)
        }
        self.routes = ordered
        let policies = ordered.map(\.policy)
        self.policies = policies.contains { $0 != nil } ? policies : []
        var bytes: [UInt8] = []
        func add(_ string: String) -> ByteRange {
            defer { bytes.append(contentsOf: string.utf8) }
            return ByteRange(start: bytes.count, count: string.utf8.count)
        }
        label = add(name)
        names = serverNames.map { add($0.lowercased()) }
        entries = ordered.map { route in
            Entry(
                host: add((route.host ?? "").lowercased()), prefix: add(route.prefix),
                methods: add(
                    route.methods.isEmpty ? "" : " " + route.methods.joined(separator: " ") + " "),
                name: add(route.name))
        }
        unsafe storage = .allocate(capacity: max(bytes.count, 1))
        unsafe storage.initialize(from: bytes, count: bytes.count)
        unsafe text = ByteView(base: storage, count: bytes.count)
    }

    deinit { unsafe storage.deallocate() }

    /// What the routes' rules say of the client whose validated chain is `chain`, `now` in seconds
    /// since 1970; nil when no route has rules.
    func verdicts(on chain: ValidatedChain?, at now: Int64) -> RouteVerdicts? {
        policies.isEmpty ? nil : RouteVerdicts(policies, chain, at: now)
    }

    /// The name, for log lines. Valid for as long as the virtual host.
    public var nameText: ByteView { text[label] }

    /// The name of the route at `index`, for log lines. Valid for as long as the virtual host.
    public func routeName(at index: Int) -> ByteView { text[entries[index].name] }

    /// Whether a request for `authority` belongs here (security rule S02); `host` is nil when the
    /// authority is empty (HTTP/1.0 without Host) or no valid one, and belongs nowhere.
    public func answers(to host: HostName?, in authority: ByteView) -> Bool {
        guard !names.isEmpty else { return host != nil }
        guard let host else { return false }
        for index in names.indices where host.matches(authority, text[names[index]]) {
            return true
        }
        return false
    }

    /// The route for a request: the longest prefix decides, and of routes with that prefix (and of
    /// those for the host, before those for any) the first that has the method. A method that is
    /// not allowed there does not fall through to a shorter prefix, which may ask for less.
    ///
    /// - Complexity: O(routes of this virtual host).
    public func route(
        host: HostName?, in authority: ByteView, path: ByteView, method: ByteView
    ) -> Match {
        var refusing: Entry?
        for index in entries.indices {
            let entry = entries[index]
            if let refusing,
                entry.prefix.count < refusing.prefix.count
                    || entry.host.isEmpty != refusing.host.isEmpty
            {
                break
            }
            let isForHost =
                entry.host.isEmpty || host?.matches(authority, text[entry.host]) ?? false
            guard isForHost,
                Self.path(path, hasPrefix: text[entry.prefix])
            else { continue }
            guard entry.methods.isEmpty || Self.list(text[entry.methods], contains: method) else {
                refusing = entry
                continue
            }
            return .route(index)
        }
        return refusing == nil ? .none : .methodNotAllowed
    }

    /// The route for a request with `head`, which the handshake's virtual host must serve (S02) and
    /// whose path must be unmistakable (S22). `index` is set as soon as the route is known.
    func route(
        for head: RequestHead, in bytes: ByteView, index: inout Int?
    ) throws(Refusal) -> Route {
        let authority = bytes[head.host]
        let name = HostName(authority)
        guard answers(to: name, in: authority) else {
            throw Refusal(.misdirected, "host does not belong to the handshake's virtual host")
        }
        let match = route(
            host: name, in: authority, path: bytes[head.path], method: bytes[head.methodRange])
        let found: Route
        switch match {
        case .none: throw Refusal(.noRoute, "no route for this host and path")
        case .methodNotAllowed: throw Refusal(.methodNotAllowed, "method not allowed here")
        case .route(let position):
            index = position
            found = routes[position]
        }
        do throws(RequestError) {
            try found.pathPolicy.check(bytes, head)
        } catch {
            throw Refusal(.badRequest, error.reason)
        }
        return found
    }

    /// Whether `path` lies below `prefix`; "/a" is above "/a" and "/a/b", not "/ab".
    static func path(_ path: ByteView, hasPrefix prefix: ByteView) -> Bool {
        guard path.count >= prefix.count, path.prefix(prefix.count).equals(prefix) else {
            return false
        }
        return path.count == prefix.count || prefix.isEmpty
            || prefix[prefix.count - 1] == UInt8(ascii: "/")
            || path[prefix.count] == UInt8(ascii: "/")
    }

    /// Whether the space-separated `list` (spaces at both ends) contains `word`.
    private static func list(_ list: ByteView, contains word: ByteView) -> Bool {
        var start = 1
        while start + word.count < list.count {
            let end = start + word.count
            if list[start - 1] == UInt8(ascii: " "), list[end] == UInt8(ascii: " "),
                list[ByteRange(from: start, to: end)].equals(word)
            {
                return true
            }
            start += 1
        }
        return false
    }
}
