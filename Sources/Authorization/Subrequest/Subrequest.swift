/// A question to a service of one's own: a request about the request, as nginx's `auth_request`,
/// Traefik's ForwardAuth and Envoy's HTTP authorization ask it. 2xx lets the request pass.
public struct SubrequestOptions: Sendable {
    /// Authority of the service.
    public var host: String
    /// The method; nil for that of the request.
    public var method: String? = "GET"
    /// The path and query; nil for those of the request.
    public var target: String?
    /// Names of the request's fields that the service gets; nil for all but those of its body.
    public var forwardedFields: [String]?
    /// Names of the response's fields that the request gets.
    public let copiedFields: [String]
    /// Statuses that the client gets with their body.
    public let passedStatuses: [UInt16]
    /// Names of the fields that the client then gets.
    public let passedFields: [String]

    /// Fields of the response that the client gets when nothing else is said.
    public static let usualPassedFields = [
        "Content-Type", "WWW-Authenticate", "Location", "Set-Cookie",
    ]

    /// Questions to `host`.
    ///
    /// - Throws: for names that an authorizer must not set (S28), and for statuses that refuse
    ///   nothing.
    public init(
        host: String, copiedFields: [String] = [], passedStatuses: [UInt16] = [401, 403],
        passedFields: [String] = SubrequestOptions.usualPassedFields
    ) throws(MappingError) {
        for name in copiedFields { try MappedName.check(name) }
        for name in passedFields { try MappedName.check(name) }
        for status in passedStatuses where !(300..<600).contains(status) {
            throw .unknownTarget("\(status)")
        }
        self.host = host
        self.copiedFields = copiedFields
        self.passedStatuses = passedStatuses
        self.passedFields = passedFields
    }

    /// Names that no client may send, for the header firewall.
    public var ownedNames: [String] { copiedFields }
}

/// Builds the question, and reads the answer.
public struct Subrequest: Sendable {
    /// What becomes of the request that is asked about.
    public enum Outcome: Equatable, Sendable {
        /// It may pass, with these fields.
        case allow([AuthorizationRequest.Field])
        /// It may not: the client gets the service's answer.
        case refuse(AuthorizerReply)
        /// The service failed, or said something that is no answer.
        case failure
    }

    private let options: SubrequestOptions
    /// Names that the service gets, folded; nil for all.
    private let forwarded: Set<String>?

    /// Questions as `options` have it.
    public init(_ options: SubrequestOptions) {
        self.options = options
        forwarded = options.forwardedFields.map { Set($0.map(MappedName.folded)) }
    }

    /// Fields that are about a connection or a body of which the service gets nothing.
    private static let withheld: Set<String> = [
        "host", "connection", "content-length", "transfer-encoding", "content-encoding",
        "content-type", "expect", "te", "trailer", "upgrade", "keep-alive", "proxy-connection",
        "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
        "if-range",
    ]

    /// The bytes of the question about `request`. `identityLines` are complete lines that say who
    /// the client is, CRLF included.
    ///
    /// The body is not sent. `X-Forwarded-*` and `X-Original-*` are ours alone, whatever the client
    /// or a hop before us said (S28).
    public func bytes(_ request: AuthorizationRequest, identityLines: [UInt8]) -> [UInt8] {
        let whole =
            (request.path.isEmpty ? "/" : request.path)
            + (request.query.isEmpty ? "" : "?\(request.query)")
        var head: [UInt8] = []
        head.reserveCapacity(2_048)
        head += (options.method ?? request.method).utf8
        head += " ".utf8
        head += (options.target ?? whole).utf8
        head += " HTTP/1.1\r\n".utf8
        Self.append("Host", options.host, to: &head)
        for field in request.fields where isForwarded(field.name) {
            Self.append(field.name, field.value, to: &head)
        }
        for (name, value) in [
            ("X-Forwarded-Method", request.method), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", request.host), ("X-Forwarded-Uri", whole),
            ("X-Forwarded-For", request.source), ("X-Original-Method", request.method),
            ("X-Original-URI", whole),
        ] {
            Self.append(name, value, to: &head)
        }
        head += identityLines
        head += "Content-Length: 0\r\n\r\n".utf8
        return head
    }

    private static func append(_ name: String, _ value: String, to head: inout [UInt8]) {
        head += name.utf8
        head += ": ".utf8
        head += value.utf8
        head += "\r\n".utf8
    }

    private func isForwarded(_ name: String) -> Bool {
        let folded = MappedName.folded(name)
        guard !Self.withheld.contains(folded), folded != "forwarded", folded != "x-real-ip",
            !folded.hasPrefix("x-forwarded-"), !folded.hasPrefix("x-original-")
        else { return false }
        return forwarded?.contains(folded) ?? true
    }

    /// What `reply` means.
    public func outcome(_ reply: AuthorizerReply) -> Outcome {
        if options.passedStatuses.contains(reply.status) {
            return .refuse(
                AuthorizerReply(
                    status: reply.status, fields: fields(options.passedFields, of: reply),
                    body: reply.body))
        }
        guard (200..<300).contains(reply.status) else { return .failure }
        let copied = fields(options.copiedFields, of: reply)
        return copied.allSatisfy { MappedName.isLegal($0.value) } ? .allow(copied) : .failure
    }

    /// The fields of `reply` that have one of `names`, spelt as those, in their order.
    private func fields(
        _ names: [String], of reply: AuthorizerReply
    ) -> [AuthorizationRequest.Field] {
        names.flatMap { name in reply.values(ofField: name).map { .init(name, $0) } }
    }
}
