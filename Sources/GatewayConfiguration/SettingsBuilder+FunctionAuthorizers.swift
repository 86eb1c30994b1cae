import Authorization
import Core

extension SettingsBuilder {
    /// An authorizer function that is invoked by AWS Lambda, by the Runtime Interface Emulator, or
    /// by any service that takes its event by POST.
    mutating func function(_ upstream: String, _ base: String) -> FunctionOptions? {
        let format = LambdaAPI.Format(rawValue: reader.choice(base + "format")) ?? .http2
        var api = LambdaAPI(
            format: format, identifier: word(base + "apiId"), stage: word(base + "stage"),
            resource: reader.text(base + "resource") ?? "")
        let function = functionName(base)
        api.region = region(of: function, base)
        api.account = word(base + "account")
        let dialect: MappingExpression.Dialect = format.isHTTP ? .http : .rest
        let serial = CertificateText.SerialStyle(rawValue: reader.choice(base + "serialNumber"))
        let place = place(function, region: api.region, upstream, base)
        guard let sources = sources(base + "identitySources", dialect),
            let mapping = mapping(base + "headers", dialect)
        else { return nil }
        let authorizer = LambdaAuthorizerOptions(
            api: api, identitySources: sources, mapping: mapping)
        var options = FunctionOptions(authorizer, at: place)
        options.serial = serial ?? .decimal
        return options
    }

    /// The function that AWS Lambda invokes; nil when none is named.
    private mutating func functionName(_ base: String) -> LambdaFunctionName? {
        guard reader.isGiven(base + "function") else {
            if reader.isGiven(base + "qualifier") {
                reader.fail(base + "qualifier", "has no effect without function")
            }
            return nil
        }
        let text = reader.required(base + "function")
        guard !text.isEmpty else { return nil }
        do throws(LambdaFunctionName.Mistake) {
            return try LambdaFunctionName(text, qualifier: reader.text(base + "qualifier"))
        } catch {
            reader.fail(base + (error.isOfQualifier ? "qualifier" : "function"), error.message)
            return nil
        }
    }

    /// The region of the API, and of a function that does not say its own.
    private mutating func region(of function: LambdaFunctionName?, _ base: String) -> String {
        let path = base + "region"
        guard reader.isGiven(base + "function") else { return word(path) }
        var region = function?.region
        if reader.isGiven(path) { region = word(path) }
        let variable = ["AWS_REGION", "AWS_DEFAULT_REGION"].first {
            !(environment[$0] ?? "").isEmpty
        }
        if region == nil, let variable { region = environment[variable] }
        guard let region else {
            reader.fail(
                path, "is required, as the function is no ARN and AWS_REGION is not set")
            return ""
        }
        if !LambdaFunctionName.isRegion(region) {
            reader.fail(path, "'\(region)' is no region, such as eu-central-1")
        }
        return region
    }

    /// Where the function is invoked.
    private mutating func place(
        _ function: LambdaFunctionName?, region: String, _ upstream: String, _ base: String
    ) -> LambdaTarget {
        let (host, path) = target(upstream, base)
        guard let function else {
            return path.map { .http(host: host, path: $0) } ?? .emulator(host: host)
        }
        if path != nil {
            reader.fail(base + "path", "contradicts function, whose path is Lambda's")
        }
        let region = function.region ?? region
        let usual = LambdaTarget.usualHost(region: region)
        let isOverridden = reader.isGiven(base + "host")
        let server = settings.upstreams.first { $0.name == upstream }
        // The event and the session's token are secrets.
        if let server, server.tls == nil,
            !isOverridden || Self.isOfAWS(host) || server.members.contains(where: Self.isOfAWS)
        {
            reader.fail(
                base + "upstream",
                "'\(upstream)' has no tls, without which AWS is not asked; for a service of one's "
                    + "own that speaks as Lambda does, give its host")
        }
        return .lambda(function, region: region, host: isOverridden ? host : usual)
    }

    private static func isOfAWS(_ host: String) -> Bool { host.lowercased().contains("amazonaws") }

    private static func isOfAWS(_ member: MemberSettings) -> Bool {
        if case .name(let name, _) = member { isOfAWS(name) } else { false }
    }

    /// A text that stands in the name of a resource.
    private mutating func word(_ path: String) -> String {
        let text = reader.required(path)
        if !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !":/*?".utf8.contains($0) }) {
            reader.fail(path, "'\(text)' has blanks or one of : / * ?")
        }
        return text
    }

    private mutating func sources(
        _ path: String, _ dialect: MappingExpression.Dialect
    ) -> IdentitySources? {
        do throws(MappingError) {
            return try IdentitySources(reader.list(path), dialect)
        } catch {
            reader.fail(path, Self.message(error))
            return nil
        }
    }

    private mutating func mapping(
        _ path: String, _ dialect: MappingExpression.Dialect
    ) -> FieldMapping? {
        let prefix = dialect == .http ? "overwrite:header." : "integration.request.header."
        var pairs: [(target: String, expression: String)] = []
        for name in reader.names(below: path) {
            pairs.append((prefix + name, reader.required("\(path).\(name)")))
            // One after another, so that the mistake has its place.
            do throws(MappingError) {
                _ = try FieldMapping(pairs, dialect)
            } catch {
                reader.fail("\(path).\(name)", Self.message(error))
                return nil
            }
        }
        return try? FieldMapping(pairs, dialect)
    }

    private static func message(_ error: MappingError) -> String {
        switch error {
        case .unknownTarget(let name): "'\(name)' is no header field"
        case .reservedName(let name): "'\(name)' is no field that an authorizer may set"
        case .duplicateTarget(let name): "'\(name)' stands here twice, in some spelling"
        case .unknownSource(let text, let allowed): "'\(text)' is not one of: \(allowed)"
        case .illegalValue(let name): "no field can carry the value of '\(name)'"
        }
    }
}
