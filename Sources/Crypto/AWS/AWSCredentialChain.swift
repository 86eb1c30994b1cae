/// Where credentials for AWS come from.
public enum AWSCredentialSource: Equatable, Sendable {
    /// `AWS_ACCESS_KEY_ID` and the variables beside it.
    case environment(SignatureV4.Credentials)
    /// A profile of a shared credentials file.
    case file(AWSCredentialsFile)
    /// The agent of the container that this runs in.
    case container(AWSContainerEndpoint)
    /// The role of the instance that this runs on.
    case instance(AWSInstanceMetadata)

    /// Whether it says the same for as long as the process lives.
    public var isStatic: Bool {
        if case .environment = self { true } else { false }
    }
}

extension AWSCredentialSource: CustomStringConvertible {
    /// What it is, for people.
    public var description: String {
        switch self {
        case .environment: "the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case .file(let file): "\(file)"
        case .container(let endpoint): "the container's credentials at \(endpoint)"
        case .instance(let metadata): "the instance's role at \(metadata.endpoint)"
        }
    }
}

/// The sources of credentials that an environment names, in the order of AWS's SDKs. The first
/// that has any is used; a source that is there and wrong ends the search, so that a typing mistake
/// never leads to somebody else's identity.
public struct AWSCredentialChain: Equatable, Sendable {
    /// The sources, first to last.
    public let sources: [AWSCredentialSource]

    /// The sources that `environment`, the variables of the process, names.
    public init(environment: [String: String]) throws(AWSCredentialProblem) {
        if let credentials = try Self.credentials(environment) {
            sources = [.environment(credentials)]
            return
        }
        var sources: [AWSCredentialSource] = []
        let file = AWSCredentialsFile(environment: environment)
        if let file { sources.append(.file(file)) }
        // What the platform gave the container is meant, and not the machine below it.
        if file?.isChosen != true, !(environment["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? "").isEmpty {
            throw AWSCredentialProblem(
                "environment: AWS_WEB_IDENTITY_TOKEN_FILE is set, and web identity is not "
                    + "supported: name a profile, or use EKS Pod Identity without that variable")
        }
        if let container = try AWSContainerEndpoint(environment: environment) {
            sources.append(.container(container))
        } else if let metadata = AWSInstanceMetadata(environment: environment) {
            sources.append(.instance(metadata))
        }
        self.sources = sources
    }

    private static func credentials(
        _ environment: [String: String]
    ) throws(AWSCredentialProblem) -> SignatureV4.Credentials? {
        let accessKey = environment["AWS_ACCESS_KEY_ID"] ?? ""
        let secretKey = environment["AWS_SECRET_ACCESS_KEY"] ?? ""
        guard !accessKey.isEmpty || !secretKey.isEmpty else { return nil }
        guard !accessKey.isEmpty, !secretKey.isEmpty else {
            let (given, missing) =
                secretKey.isEmpty
                ? ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
                : ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")
            throw AWSCredentialProblem("environment: \(given) is set, \(missing) is not")
        }
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        let credentials = SignatureV4.Credentials(
            accessKey: accessKey, secretKey: secretKey, sessionToken: token)
        if let problem = credentials.problem {
            throw AWSCredentialProblem("environment: \(problem)")
        }
        return credentials
    }
}
