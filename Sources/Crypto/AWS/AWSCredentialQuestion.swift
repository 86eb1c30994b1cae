internal import Core

/// One request to an endpoint that has credentials. Whoever does I/O sends it.
public struct AWSCredentialQuestion: Equatable, Sendable {
    /// A header field.
    public struct Field: Equatable, Sendable {
        /// Its name.
        public let name: String
        /// Its value; may be a secret.
        public let value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Where to.
    public let url: String
    /// The method.
    public var method = "GET"
    /// The fields.
    public var fields: [Field] = []

    init(_ url: String) { self.url = url }
}

/// What an endpoint's JSON says, read by whoever reads JSON; nil where a member is not there.
public struct AWSCredentialAnswer: Equatable, Sendable {
    /// `Code`: `Success`, of instance metadata alone.
    public var code: String?
    /// `AccessKeyId`.
    public var accessKey: String?
    /// `SecretAccessKey`.
    public var secretKey: String?
    /// `Token`.
    public var token: String?
    /// `Expiration`.
    public var expiration: String?

    /// An answer that says nothing.
    public init() {}

    /// The credentials in `answer`, which is nil when it was no JSON, of `source`.
    static func credentials(
        _ answer: AWSCredentialAnswer?, from source: String, at wallSeconds: Int64
    ) throws(AWSCredentialProblem) -> SignatureV4.Credentials {
        guard let answer else {
            throw AWSCredentialProblem("\(source): the answer is no JSON object")
        }
        if let code = answer.code, code != "Success" {
            throw AWSCredentialProblem("\(source): the answer's Code is not Success")
        }
        guard let accessKey = answer.accessKey, let secretKey = answer.secretKey else {
            throw AWSCredentialProblem(
                "\(source): the answer has no AccessKeyId or no SecretAccessKey")
        }
        var credentials = SignatureV4.Credentials(
            accessKey: accessKey, secretKey: secretKey,
            sessionToken: answer.token.flatMap { $0.isEmpty ? nil : $0 })
        if let reason = credentials.problem { throw AWSCredentialProblem("\(source): \(reason)") }
        if let text = answer.expiration {
            guard let expiry = CalendarTime.seconds(of: text) else {
                throw AWSCredentialProblem("\(source): the Expiration is no time")
            }
            credentials.expiry = expiry
        }
        guard credentials.isValid(at: wallSeconds) else {
            throw AWSCredentialProblem("\(source): the credentials have expired already")
        }
        return credentials
    }
}
