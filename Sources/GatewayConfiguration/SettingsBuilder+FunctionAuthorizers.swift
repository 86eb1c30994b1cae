import Authorization
import Core

extension SettingsBuilder {
    /// An authorizer function that is invoked by the Runtime Interface Emulator, or by any service
    /// that takes its event by POST.
    mutating func function(_ upstream: String, _ base: String) -> FunctionOptions? {
        let format = LambdaAPI.Format(rawValue: reader.choice(base + "format")) ?? .http2
        var api = LambdaAPI(
            format: format, identifier: word(base + "apiId"), stage: word(base + "stage"),
            resource: reader.text(base + "resource") ?? "")
        api.region = word(base + "region")
        api.account = word(base + "account")
        let dialect: MappingExpression.Dialect = format.isHTTP ? .http : .rest
        let serial = CertificateText.SerialStyle(rawValue: reader.choice(base + "serialNumber"))
        let (host, path) = target(upstream, base)
        guard let sources = sources(base + "identitySources", dialect),
            let mapping = mapping(base + "headers", dialect)
        else { return nil }
        let authorizer = LambdaAuthorizerOptions(
            api: api, identitySources: sources, mapping: mapping)
        var options = FunctionOptions(
            authorizer,
            at: path.map { .http(host: host, path: $0) } ?? .emulator(host: host))
        options.serial = serial ?? .decimal
        return options
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
