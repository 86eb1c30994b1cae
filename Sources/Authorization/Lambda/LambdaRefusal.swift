/// Why a request does not pass an authorizer function, and what the client then gets: status,
/// body and `x-amzn-ErrorType` of API Gateway.
public enum LambdaRefusal: Error, Equatable, Sendable, CaseIterable {
    /// An identity source is missing or empty; the function is not asked.
    case missingIdentity
    /// The function failed with the message `Unauthorized`.
    case unauthorized
    /// No statement allows the request, or `isAuthorized` is false.
    case implicitDeny
    /// A statement denies it.
    case explicitDeny
    /// The answer is malformed.
    case configuration
    /// The function failed, or took too long.
    case failure
    /// There are no credentials to invoke it by, or they have expired.
    case unsigned
    /// Lambda refuses the signature, the credentials or their permission (403).
    case forbidden
    /// Lambda does not know the function (404).
    case unknownFunction
    /// Lambda runs as many functions as it may (429).
    case throttled
    /// The name of what is asked for is too long.
    case nameTooLong

    /// The refusal that `problem` leads to.
    public init(_ problem: LambdaAnswer.Problem) {
        switch problem {
        case .unauthorized: self = .unauthorized
        case .failed: self = .failure
        case .malformed: self = .configuration
        }
    }

    /// The refusal that `verdict` is; nil when it is none.
    public init?(_ verdict: IAMPolicy.Verdict) {
        switch verdict {
        case .allow: return nil
        case .implicitDeny: self = .implicitDeny
        case .explicitDeny: self = .explicitDeny
        }
    }

    /// The status.
    public var status: UInt16 {
        switch self {
        case .missingIdentity, .unauthorized: 401
        case .implicitDeny, .explicitDeny: 403
        case .configuration, .failure, .unsigned, .forbidden, .unknownFunction, .throttled:
            500
        case .nameTooLong: 414
        }
    }

    /// The body, JSON, for clients of a REST API or an HTTP API.
    public func body(isHTTP: Bool) -> StaticString {
        if isHTTP {
            switch self {
            case .missingIdentity, .unauthorized: return #"{"message":"Unauthorized"}"#
            case .implicitDeny, .explicitDeny: return #"{"message":"Forbidden"}"#
            case .configuration, .failure, .unsigned, .forbidden, .unknownFunction, .throttled:
                return #"{"message":"Internal Server Error"}"#
            case .nameTooLong: return #"{"message":"URI Too Long"}"#
            }
        }
        switch self {
        case .missingIdentity, .unauthorized: return #"{"message":"Unauthorized"}"#
        case .implicitDeny:
            return #"{"Message":"User is not authorized to access this resource"}"#
        case .explicitDeny:
            return """
                {"Message":"User is not authorized to access this resource with an explicit deny in\
                 an identity-based policy"}
                """
        case .configuration, .failure, .unsigned, .forbidden, .unknownFunction, .throttled:
            return #"{"message":null}"#
        case .nameTooLong: return #"{"message":"URI Too Long"}"#
        }
    }

    /// The value of `x-amzn-ErrorType`; nil where API Gateway sends none.
    public func errorType(isHTTP: Bool) -> StaticString? {
        if isHTTP { return nil }
        switch self {
        case .missingIdentity, .unauthorized: return "UnauthorizedException"
        case .implicitDeny, .explicitDeny: return "AccessDeniedException"
        case .configuration: return "AuthorizerConfigurationException"
        case .failure, .unsigned, .forbidden, .unknownFunction, .throttled, .nameTooLong:
            return nil
        }
    }

    /// What the log says of a failure; nil for what the function has decided, or the request.
    public var failureReason: StaticString? {
        switch self {
        case .missingIdentity, .unauthorized, .implicitDeny, .explicitDeny, .nameTooLong: nil
        case .configuration: "the authorizer function's answer is malformed"
        case .failure: "the authorizer function gave no answer"
        case .unsigned: "there are no valid credentials to invoke the authorizer function by"
        case .forbidden: "Lambda refuses the credentials or their permission (403)"
        case .unknownFunction: "Lambda does not know the authorizer function (404)"
        case .throttled: "Lambda is at its limit of concurrent functions (429)"
        }
    }
}
