internal import Core
public import Crypto

/// Where an authorizer function is invoked, and how.
public struct LambdaTarget: Equatable, Sendable {
    /// Authority of the service, for Host and for the signature.
    public let host: String
    /// Path of the invocation, percent-encoded.
    public let path: String
    /// Query of the invocation without `?`; empty without one.
    public let query: String
    /// The region that requests are signed for; nil when they are not signed.
    public let region: String?
    /// Whether the service is Lambda or speaks as it does.
    let isLambda: Bool

    /// AWS Lambda, or what speaks as it does at `host`; nil for that of the region.
    public static func lambda(
        _ function: LambdaFunctionName, region: String, host: String? = nil
    ) -> LambdaTarget {
        LambdaTarget(
            host: host ?? usualHost(region: region),
            path: "/2015-03-31/functions/\(PercentEncoding.unreserved(function.identifier))"
                + "/invocations",
            query: function.qualifier.map { "Qualifier=\(PercentEncoding.unreserved($0))" } ?? "",
            region: region,
            isLambda: true)
    }

    /// Host of AWS Lambda in `region`; China has a domain of its own.
    public static func usualHost(region: String) -> String {
        "lambda.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
    }

    /// The Runtime Interface Emulator, which has one function and wants no signature.
    public static func emulator(host: String) -> LambdaTarget {
        LambdaTarget(
            host: host, path: "/2015-03-31/functions/function/invocations", query: "",
            region: nil, isLambda: true)
    }

    /// Any service that takes the event by POST and answers as a function does.
    public static func http(host: String, path: String) -> LambdaTarget {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        return LambdaTarget(
            host: host, path: parts.first ?? "/", query: parts.count > 1 ? parts[1] : "",
            region: nil, isLambda: false)
    }

    private init(host: String, path: String, query: String, region: String?, isLambda: Bool) {
        self.host = host
        self.path = path
        self.query = query
        self.region = region
        self.isLambda = isLambda
    }

    /// The bytes of a request that invokes the function with `event` at `wallSeconds` (since 1970).
    ///
    /// - Precondition: there is a signer where requests are signed.
    public func request(
        event: [UInt8], signer: SignatureV4? = nil, at wallSeconds: Int64
    ) -> [UInt8] {
        var fields = [("Host", host), ("Content-Type", "application/json")]
        if isLambda { fields.append(("X-Amz-Invocation-Type", "RequestResponse")) }
        if region != nil {
            guard let signer else { preconditionFailure("nothing to sign with") }
            var signed = SignatureV4.Request(method: "POST", path: path, fields: fields)
            signed.query = query
            signed.body = event
            fields += signer.fields(for: signed, at: wallSeconds)
        }
        fields.append(("Content-Length", "\(event.count)"))
        let target = query.isEmpty ? path : "\(path)?\(query)"
        let head =
            "POST \(target) HTTP/1.1\r\n"
            + fields.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
        return Array(head.utf8) + event
    }

    /// Why the service did not invoke the function, as `reply` says; nil when it may have.
    func refusal(_ reply: AuthorizerReply) -> LambdaRefusal? {
        guard isLambda else { return nil }
        switch reply.status {
        case 403: return .forbidden
        case 404: return .unknownFunction
        case 429: return .throttled
        default: return nil
        }
    }

    /// What the function answers by `reply`.
    public func answer(
        _ reply: AuthorizerReply, format: LambdaAPI.Format
    ) throws(LambdaAnswer.Problem) -> LambdaAnswer {
        // A function that failed comes with 200, too.
        guard reply.status == 200 else { throw .failed }
        let isError = !reply.values(ofField: "x-amz-function-error").isEmpty
        return try LambdaAnswer(reply.body, format: format, isError: isError)
    }
}
