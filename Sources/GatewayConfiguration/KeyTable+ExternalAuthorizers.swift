extension KeyTable {
    /// The keys of authorizers that ask a service.
    static let externalAuthorizers = [
        key(
            "type", .choice(["rules", "http", "lambda"]), "rules",
            "Who decides: the rules of this authorizer, a service that is asked by HTTP, or an "
                + "authorizer function of API Gateway's kind."),
        key("upstream", .text, nil, "Name of the upstream that has the service."),
        key(
            "host", .text, nil,
            "Host field of the question; the upstream's name when unset, or with function that of "
                + "AWS Lambda in its region."),
        key(
            "method", .text, "GET",
            "Method of the question, which has no body; that of the request when empty."),
        key(
            "path", .text, nil,
            "Path and query of the question; those of the request when unset, or those by which "
                + "the Runtime Interface Emulator invokes its function."),
        key(
            "requestHeaders", .list, "",
            "Header fields of the request that the service gets; all when empty."),
        key(
            "responseHeaders", .list, "",
            "Header fields of a 2xx answer that the request gets; a client's own are removed."),
        key(
            "passedStatuses", .list, "",
            "Statuses that the client gets as the service sent them; 401 and 403 when empty."),
        key(
            "passedHeaders", .list, "",
            "Header fields that the client then gets; Content-Type, WWW-Authenticate, Location and "
                + "Set-Cookie when empty."),
        key(
            "timeout", .duration, "1s",
            "How long an answer may take, the connection included; without one a request fails."),
        key(
            "allowOnFailure", .flag, "false",
            "Whether requests pass when the service gives no answer, or one of 500 or above; else "
                + "they get 503."),
        key(
            "cacheLifetime", .durationOrZero, "5m",
            "How long an answer that allows is kept, up to 1h; 0 asks for each request."),
        key("refusalLifetime", .durationOrZero, "0", "How long an answer that refuses is kept."),
        key(
            "staleIfError", .durationOrZero, "0",
            "How long after its time a kept answer that allows may stand in for one that fails."),
        key(
            "cacheKey", .list, "",
            "What of a request an answer depends on, beside the client's certificate: method, "
                + "host, path, query, source, header:NAME; all that the service gets when empty."),
        key(
            "cacheEntries", .integer(1...1_048_576), "4096",
            "Answers that each worker keeps; those not used make room."),
    ]

    /// The keys of authorizers that ask a function.
    static let functionAuthorizers = [
        key(
            "function", .text, nil,
            "Function of AWS Lambda that the upstream invokes by signed requests: a name or an "
                + "ARN, with :QUALIFIER or without."),
        key(
            "qualifier", .text, nil,
            "Version or alias of the function; the newest version when unset."),
        key(
            "format", .choice(["rest", "http-1.0", "http-2.0", "http-2.0-simple"]), "http-2.0",
            "Which event the function gets and how it answers: that of a REST API or of an HTTP "
                + "API; with -simple it says isAuthorized, otherwise it answers by a policy."),
        key(
            "identitySources", .list, "",
            "What the function knows clients by, as $request.header.NAME or, with the format rest, "
                + "method.request.header.NAME; without one of them a request gets 401."),
        key(
            "headers.*", .text, nil,
            "Header field that the request gets, as $context.authorizer.NAME or, with the format "
                + "rest, context.authorizer.NAME; a client's own are removed."),
        key("apiId", .text, "postern", "API that the function believes it belongs to."),
        key("stage", .text, "$default", "Stage of that API."),
        key("resource", .text, "$default", "Resource or route key of that API."),
        key(
            "region", .text, "us-east-1",
            "AWS region of that API, in resource names, and of the function when that is no ARN; "
                + "with function, AWS_REGION or AWS_DEFAULT_REGION when unset."),
        key("account", .text, "123456789012", "AWS account of that API, in resource names."),
        key(
            "serialNumber", .choice(["decimal", "colons"]), "decimal",
            "How the function gets a certificate's serial number: in decimal, or in hexadecimal "
                + "with colons."),
    ]

    private static func key(
        _ name: String, _ kind: ValueKind, _ fallback: String?, _ help: String
    ) -> ConfigurationKey {
        ConfigurationKey("authorizers.*.\(name)", kind, fallback, help)
    }
}
