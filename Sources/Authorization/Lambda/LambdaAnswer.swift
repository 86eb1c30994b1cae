/// What an authorizer function answers.
public struct LambdaAnswer: Equatable, Sendable {
    /// Why there is no answer to decide by.
    public enum Problem: Error, Equatable, Sendable {
        /// The function failed with the message `Unauthorized`: the client gets 401.
        case unauthorized
        /// The function failed, timed out, or could not be invoked.
        case failed
        /// The answer is not what it must be; the reason is for the log.
        case malformed(StaticString)

        /// Whether both are the same.
        public static func == (left: Problem, right: Problem) -> Bool {
            switch (left, right) {
            case (.unauthorized, .unauthorized), (.failed, .failed): true
            case (.malformed(let first), .malformed(let second)):
                first.description == second.description
            default: false
            }
        }
    }

    /// What is decided by.
    public enum Rule: Equatable, Sendable {
        /// A policy, to be asked for each request.
        case policy(IAMPolicy)
        /// `isAuthorized`, whatever is asked for.
        case simple(isAuthorized: Bool)
    }

    /// Bytes of an answer.
    public static let sizeLimit = 131_072

    /// Who the client is to the function; empty in answers of the simple form.
    public let principal: String
    /// What is decided by.
    public let rule: Rule
    /// Values for mapping expressions, as texts: `context.authorizer.NAME`.
    public let context: [JSONValue.Member]
    /// The API key that usage is counted by.
    public let usageIdentifierKey: String?

    /// What it says of a request for `resource`, an ARN.
    public func evaluate(resource: String) -> IAMPolicy.Verdict {
        switch rule {
        case .policy(let policy): policy.evaluate(resource: resource)
        case .simple(let isAuthorized): isAuthorized ? .allow : .implicitDeny
        }
    }

    /// The text of the context value `name`, or of the principal.
    public func contextText(_ name: String) -> String? {
        if name == "principalId", !principal.isEmpty { return principal }
        return context.first { $0.name == name }?.value.text
    }

    /// Decodes the body of an invocation's response.
    ///
    /// - Parameter isError: whether the response says that the function failed
    ///   (`X-Amz-Function-Error`). The Runtime Interface Emulator never does: its bodies tell.
    public init(
        _ body: [UInt8], format: LambdaAPI.Format, isError: Bool = false
    ) throws(Problem) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.read(body, limit: Self.sizeLimit)
        } catch {
            throw isError ? .failed : .malformed("the answer is no JSON that can be read")
        }
        if isError || Self.isFailure(value) {
            throw value["errorMessage"]?.text == "Unauthorized" ? .unauthorized : .failed
        }
        guard case .object = value else { throw .malformed("the answer is no object") }
        context = try Self.context(value["context"] ?? .null, format)
        if format == .http2Simple {
            guard case .flag(let isAuthorized) = value["isAuthorized"] else {
                throw .malformed("isAuthorized is neither true nor false")
            }
            principal = value["principalId"]?.text ?? ""
            rule = .simple(isAuthorized: isAuthorized)
            usageIdentifierKey = nil
            return
        }
        guard let principal = value["principalId"]?.text else {
            throw .malformed("principalId is missing")
        }
        guard let document = value["policyDocument"] else {
            throw .malformed("policyDocument is missing")
        }
        self.principal = principal
        rule = .policy(try IAMPolicy(document))
        switch value["usageIdentifierKey"] ?? .null {
        case .null: usageIdentifierKey = nil
        case .string(let key): usageIdentifierKey = key
        default: throw .malformed("usageIdentifierKey is no text")
        }
    }

    private static func isFailure(_ value: JSONValue) -> Bool {
        value["errorMessage"]?.text != nil && value["errorType"]?.text != nil
            && value["policyDocument"] == nil && value["isAuthorized"] == nil
    }

    /// The context with every value as text; arrays and objects, of HTTP APIs 2.0 only, as JSON.
    private static func context(
        _ value: JSONValue, _ format: LambdaAPI.Format
    ) throws(Problem) -> [JSONValue.Member] {
        if case .null = value { return [] }
        guard case .object(let members) = value else {
            throw .malformed("context is no object")
        }
        var texts: [JSONValue.Member] = []
        for member in members {
            switch member.value {
            case .null: continue
            case .string: texts.append(member)
            case .number(let number): texts.append(.init(member.name, .string(number)))
            case .flag(let flag): texts.append(.init(member.name, .string("\(flag)")))
            case .array, .object:
                guard format == .http2 || format == .http2Simple else {
                    throw .malformed("a context value is neither text, number nor flag")
                }
                var writer = JSONWriter()
                writer.value(member.value)
                texts.append(
                    .init(member.name, .string(String(decoding: writer.bytes, as: UTF8.self))))
            }
        }
        return texts
    }
}
