internal import Core

/// The `context` variables of API Gateway that a request has here.
enum ContextVariable: String, CaseIterable, Sendable {
    case requestId, httpMethod, path, `protocol`, stage, apiId, accountId, domainName, routeKey
    case resourcePath, requestTime, requestTimeEpoch
    case sourceIp = "identity.sourceIp"
    case userAgent = "identity.userAgent"
    case pem = "identity.clientCert.clientCertPem"
    case subject = "identity.clientCert.subjectDN"
    case issuer = "identity.clientCert.issuerDN"
    case serialNumber = "identity.clientCert.serialNumber"
    case notBefore = "identity.clientCert.validity.notBefore"
    case notAfter = "identity.clientCert.validity.notAfter"

    /// Its value for a request; nil when it has none.
    func value(_ request: AuthorizationRequest, _ api: LambdaAPI) -> String? {
        switch self {
        case .requestId: request.id
        case .httpMethod: request.method
        case .path: request.path
        case .protocol: request.protocolName
        case .stage: api.stage
        case .apiId: api.identifier
        case .accountId: api.account
        case .domainName: request.host
        case .routeKey, .resourcePath: api.resource
        case .requestTime: CalendarTime(request.time / 1_000).logText
        case .requestTimeEpoch: "\(request.time)"
        case .sourceIp: request.source
        case .userAgent: request.values(ofField: "user-agent").last
        case .pem: request.certificate?.pem
        case .subject: request.certificate?.subject
        case .issuer: request.certificate?.issuer
        case .serialNumber: request.certificate?.serialNumber
        case .notBefore: request.certificate?.notBefore
        case .notAfter: request.certificate?.notAfter
        }
    }
}

/// What mapping expressions are evaluated with.
public struct MappingInput: Sendable {
    let request: AuthorizationRequest
    let api: LambdaAPI
    let answer: LambdaAnswer?

    /// The values of `request`, and of the authorizer's `answer` if it has been asked.
    public init(_ request: AuthorizationRequest, _ api: LambdaAPI, answer: LambdaAnswer? = nil) {
        self.request = request
        self.api = api
        self.answer = answer
    }

    func value(of source: MappingExpression.Source) -> String? {
        switch source {
        case .field(let name, let isWhole):
            Self.pick(request.values(ofField: name), isWhole)
        case .parameter(let name, let isWhole):
            Self.pick(request.parameters.filter { $0.name == name }.map(\.value), isWhole)
        case .path: request.path
        case .stageVariable(let name): api.stageVariables.first { $0.name == name }?.value
        case .authorizer(let name): answer?.contextText(name)
        case .variable(let variable): variable.value(request, api)
        case .text(let text): text
        }
    }

    private static func pick(_ values: [String], _ isWhole: Bool) -> String? {
        isWhole && !values.isEmpty ? values.joined(separator: ",") : values.last
    }
}
