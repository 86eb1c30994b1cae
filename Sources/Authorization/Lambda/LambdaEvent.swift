internal import Core

/// The event that an authorizer function is invoked with (API Gateway, "Input to a Lambda
/// authorizer"): type REQUEST, in the three formats.
///
/// Values that a gateway of one's own does not have (API keys, extended request ids) are left out.
public struct LambdaEvent {
    private let request: AuthorizationRequest
    private let api: LambdaAPI
    private let resourceName: String
    private let identitySources: [String]

    /// The event's JSON; nil when the resource's name is too long, which is answered by 414.
    ///
    /// - Parameter identitySources: the values of the identity sources, in order.
    public static func encode(
        _ request: AuthorizationRequest, _ api: LambdaAPI, identitySources: [String] = []
    ) -> [UInt8]? {
        guard let name = api.resourceName(of: request) else { return nil }
        let event = LambdaEvent(
            request: request, api: api, resourceName: name, identitySources: identitySources)
        var writer = JSONWriter()
        writer.object { writer in
            switch api.format {
            case .rest, .http1: event.writeFirst(&writer)
            case .http2, .http2Simple: event.writeSecond(&writer)
            }
        }
        return writer.bytes
    }

    // MARK: REST, and payload format 1.0

    private func writeFirst(_ writer: inout JSONWriter) {
        if api.format == .http1 { writer.member("version", "1.0") }
        writer.member("type", "REQUEST")
        writer.member("methodArn", resourceName)
        if api.format == .http1 {
            let joined = identitySources.joined(separator: ",")
            writer.member("identitySource", joined)
            writer.member("authorizationToken", joined)
        }
        writer.member("resource", api.resource)
        writer.member("path", request.path)
        writer.member("httpMethod", request.method)
        let fields = request.fields.map { ($0.name, $0.value) }
        writeLast(&writer, "headers", fields, foldsNames: true)
        writeAll(&writer, "multiValueHeaders", fields, foldsNames: true)
        writeLast(&writer, "queryStringParameters", request.parameters)
        writeAll(&writer, "multiValueQueryStringParameters", request.parameters)
        writer.member("pathParameters", [])
        writer.member("stageVariables", api.stageVariables)
        writer.name("requestContext")
        writer.object(writeFirstContext)
    }

    private func writeFirstContext(_ writer: inout JSONWriter) {
        writer.member("path", request.path)
        writer.member("accountId", api.account)
        writer.member("resourceId", api.resourceIdentifier)
        writer.member("stage", api.stage)
        writer.member("domainName", request.host)
        writer.member("domainPrefix", domainPrefix)
        writer.member("requestId", request.id)
        writer.member("protocol", request.protocolName)
        writer.name("identity")
        writer.object { writer in
            writer.member("sourceIp", request.source)
            if let agent = request.values(ofField: "user-agent").last {
                writer.member("userAgent", agent)
            }
            if let certificate = request.certificate { write(certificate, &writer) }
        }
        writer.member("resourcePath", api.resource)
        writer.member("httpMethod", request.method)
        writer.member("apiId", api.identifier)
        writer.member("requestTime", CalendarTime(request.time / 1_000).logText)
        writer.name("requestTimeEpoch")
        writer.number(request.time)
    }

    // MARK: Payload format 2.0

    private func writeSecond(_ writer: inout JSONWriter) {
        writer.member("version", "2.0")
        writer.member("type", "REQUEST")
        writer.member("routeArn", resourceName)
        writer.name("identitySource")
        writeList(identitySources, &writer)
        writer.member("routeKey", api.resource)
        writer.member("rawPath", request.path)
        writer.member("rawQueryString", request.query)
        writer.name("cookies")
        writeList(cookies, &writer)
        let fields = request.fields.filter { $0.name.lowercased() != "cookie" }
            .map { ($0.name.lowercased(), $0.value) }
        writeJoined(&writer, "headers", fields)
        writeJoined(&writer, "queryStringParameters", request.parameters)
        writer.name("requestContext")
        writer.object(writeSecondContext)
        writer.member("pathParameters", [])
        writer.member("stageVariables", api.stageVariables)
    }

    private func writeSecondContext(_ writer: inout JSONWriter) {
        writer.member("accountId", api.account)
        writer.member("apiId", api.identifier)
        writer.name("authentication")
        if let certificate = request.certificate {
            writer.object { write(certificate, &$0) }
        } else {
            writer.null()
        }
        writer.member("domainName", request.host)
        writer.member("domainPrefix", domainPrefix)
        writer.name("http")
        writer.object { writer in
            writer.member("method", request.method)
            writer.member("path", request.path)
            writer.member("protocol", request.protocolName)
            writer.member("sourceIp", request.source)
            writer.member("userAgent", request.values(ofField: "user-agent").last ?? "")
        }
        writer.member("requestId", request.id)
        writer.member("routeKey", api.resource)
        writer.member("stage", api.stage)
        writer.member("time", CalendarTime(request.time / 1_000).logText)
        writer.name("timeEpoch")
        writer.number(request.time)
    }

    private var cookies: [String] {
        request.values(ofField: "cookie").flatMap { value in
            value.split(separator: ";").map { String($0.drop { $0 == " " }) }
        }.filter { !$0.isEmpty }
    }

    // MARK: Parts of both

    private var domainPrefix: String {
        String(request.host.prefix { $0 != "." && $0 != ":" })
    }

    private func write(_ certificate: CertificateText, _ writer: inout JSONWriter) {
        writer.name("clientCert")
        writer.object { writer in
            writer.member("clientCertPem", certificate.pem)
            writer.member("subjectDN", certificate.subject)
            writer.member("issuerDN", certificate.issuer)
            writer.member("serialNumber", certificate.serialNumber)
            writer.member(
                "validity",
                [("notBefore", certificate.notBefore), ("notAfter", certificate.notAfter)])
        }
    }

    private func writeList(_ items: [String], _ writer: inout JSONWriter) {
        writer.array { writer in for item in items { writer.string(item) } }
    }

    /// Pairs of one name together, in the order of its first; `foldsNames` takes names of any case
    /// as one, spelt as the first.
    private static func grouped(
        _ pairs: [(name: String, value: String)], foldsNames: Bool
    ) -> [(name: String, values: [String])] {
        var groups: [(name: String, values: [String])] = []
        var places: [String: Int] = [:]
        for pair in pairs {
            let key = foldsNames ? pair.name.lowercased() : pair.name
            if let place = places[key] {
                groups[place].values.append(pair.value)
            } else {
                places[key] = groups.count
                groups.append((pair.name, [pair.value]))
            }
        }
        return groups
    }

    private func writeLast(
        _ writer: inout JSONWriter, _ name: String, _ pairs: [(name: String, value: String)],
        foldsNames: Bool = false
    ) {
        writer.member(
            name,
            Self.grouped(pairs, foldsNames: foldsNames).map { ($0.name, $0.values.last ?? "") })
    }

    private func writeAll(
        _ writer: inout JSONWriter, _ name: String, _ pairs: [(name: String, value: String)],
        foldsNames: Bool = false
    ) {
        writer.name(name)
        writer.object { writer in
            for group in Self.grouped(pairs, foldsNames: foldsNames) {
                writer.name(group.name)
                writeList(group.values, &writer)
            }
        }
    }

    private func writeJoined(
        _ writer: inout JSONWriter, _ name: String, _ pairs: [(name: String, value: String)]
    ) {
        writer.member(
            name,
            Self.grouped(pairs, foldsNames: false).map {
                ($0.name, $0.values.joined(separator: ","))
            })
    }
}
