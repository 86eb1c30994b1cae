/// Where credentials for AWS come from.
public enum AWSCredentialSource: Equatable, Sendable {
    /// `AWS_ACCESS_KEY_ID` and the variables beside it.
    case environment(SignatureV4.Credentials)
    /// A profile of a shared credentials file.
    case file(AWSCredentialsFile)
}

extension AWSCredentialSource: CustomStringConvertible {
    /// What it is, for people.
    public var description: String {
        switch self {
        case .environment: "the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case .file(let file): "\(file)"
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
        sources = AWSCredentialsFile(environment: environment).map { [.file($0)] } ?? []
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
