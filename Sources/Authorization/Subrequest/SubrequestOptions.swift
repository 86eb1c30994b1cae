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
