internal import Core

/// The conversation with an instance's metadata service, version 2, about the credentials of the
/// instance's role. Version 1, which answers whoever gets a request forwarded, is not spoken.
///
///     token ──▶ role ──▶ credentials
public struct AWSInstanceMetadata: Equatable, Sendable {
    /// What comes after an answer.
    public enum Step: Equatable, Sendable {
        /// Another question.
        case ask(AWSCredentialQuestion)
        /// That was all.
        case found(SignatureV4.Credentials)
    }

    private enum Phase: Equatable, Sendable {
        case token
        case role(token: String)
        case credentials
    }

    /// Scheme and host of the service.
    public let endpoint: String
    private var phase = Phase.token

    /// How long a token may be used, in seconds: it is used for one conversation.
    private static let tokenLifetime = "60"
    private static let tokenField = "X-aws-ec2-metadata-token"
    private static let roles = "/latest/meta-data/iam/security-credentials/"

    /// The service that `environment` names, or the usual one; nil when it is switched off.
    public init?(environment: [String: String]) {
        guard environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() != "true" else { return nil }
        let mode = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"]?.lowercased()
        var endpoint = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? ""
        if endpoint.isEmpty {
            endpoint = mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
        }
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        self.endpoint = endpoint
    }

    /// The first question.
    public var first: AWSCredentialQuestion {
        var question = AWSCredentialQuestion(endpoint + "/latest/api/token")
        question.method = "PUT"
        question.fields = [.init(Self.tokenField + "-ttl-seconds", Self.tokenLifetime)]
        return question
    }

    /// What the answer to the last question leads to. `body` is its text; `answer` what it says as
    /// JSON, nil when it is none.
    public mutating func answered(
        status: Int, _ body: String, _ answer: AWSCredentialAnswer?, at wallSeconds: Int64
    ) throws(AWSCredentialProblem) -> Step {
        switch phase {
        case .token:
            guard status == 200 else { throw problem("there is no token: status \(status)") }
            guard (1...4_096).contains(body.utf8.count),
                body.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
            else { throw problem("the answer to the question for a token is none") }
            phase = .role(token: body)
            return .ask(question(Self.roles, body))
        case .role(let token):
            guard status != 404 else { throw problem("the instance has no role") }
            guard status == 200 else { throw problem("there is no role: status \(status)") }
            let role = String(body.prefix { !$0.isNewline })
            // What a role may be called (IAM, `CreateRole`): nothing that a path would change by.
            guard (1...64).contains(role.utf8.count), role.utf8.allSatisfy(Self.isOfName) else {
                throw problem("the role's name is none")
            }
            phase = .credentials
            return .ask(question(Self.roles + role, token))
        case .credentials:
            guard status == 200 else {
                throw problem("there are no credentials: status \(status)")
            }
            return .found(
                try AWSCredentialAnswer.credentials(
                    answer, from: "instance metadata", at: wallSeconds))
        }
    }

    private func question(_ path: String, _ token: String) -> AWSCredentialQuestion {
        var question = AWSCredentialQuestion(endpoint + path)
        question.fields = [.init(Self.tokenField, token)]
        return question
    }

    private func problem(_ reason: String) -> AWSCredentialProblem {
        AWSCredentialProblem("instance metadata: \(reason)")
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "+=,.@_-".utf8.contains(byte)
        }
    }
}
