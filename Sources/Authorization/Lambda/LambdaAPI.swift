/// What the API is called to which an authorizer function believes it belongs.
public struct LambdaAPI: Equatable, Sendable {
    /// Which events the function gets, and whose errors the client does.
    public enum Format: String, CaseIterable, Sendable {
        /// A REST API.
        case rest
        /// An HTTP API, payload format 1.0.
        case http1 = "http-1.0"
        /// An HTTP API, payload format 2.0.
        case http2 = "http-2.0"
        /// The same, with answers that say `isAuthorized`.
        case http2Simple = "http-2.0-simple"

        /// Whether it is an HTTP API, not a REST API.
        public var isHTTP: Bool { self != .rest }
    }

    /// The format of events and answers.
    public var format: Format
    /// AWS region.
    public var region = "us-east-1"
    /// AWS account, 12 digits.
    public var account = "123456789012"
    /// The API's id.
    public var identifier: String
    /// The stage.
    public var stage: String
    /// The resource that the route stands for, or the route key of an HTTP API.
    public var resource: String
    /// The resource's id, in REST events.
    public var resourceIdentifier = ""
    /// Variables of the stage, in order.
    public var stageVariables: [(name: String, value: String)] = []

    /// The API `identifier`, of which `stage` is served and `resource` asked for.
    public init(format: Format, identifier: String, stage: String, resource: String) {
        self.format = format
        self.identifier = identifier
        self.stage = stage
        self.resource = resource
    }

    /// Bytes of a method's ARN; what is longer is answered by 414.
    public static let nameLimit = 1_600

    /// The name of a request in policies:
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{method}/{path}`; nil when it is
    /// longer than `nameLimit`.
    public func resourceName(of request: AuthorizationRequest) -> String? {
        let path = request.path.hasPrefix("/") ? request.path.dropFirst() : request.path[...]
        let name =
            "arn:aws:execute-api:\(region):\(account):\(identifier)/\(stage)/\(request.method)/"
            + path
        return name.utf8.count <= Self.nameLimit ? name : nil
    }

    /// Whether both are the same.
    public static func == (left: LambdaAPI, right: LambdaAPI) -> Bool {
        left.format == right.format && left.region == right.region
            && left.account == right.account && left.identifier == right.identifier
            && left.stage == right.stage && left.resource == right.resource
            && left.resourceIdentifier == right.resourceIdentifier
            && left.stageVariables.elementsEqual(right.stageVariables, by: ==)
    }
}
