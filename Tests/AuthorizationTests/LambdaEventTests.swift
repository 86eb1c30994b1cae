import Authorization
import Testing

@Suite("events are those of API Gateway, byte for byte") struct LambdaEventTests {
    static let certificate = CertificateText(
        pem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        subject: "C=US,O=Acme\\, Inc.,CN=client1", issuer: "CN=rootca", serialNumber: "1",
        notBefore: "May 28 12:30:02 2019 GMT", notAfter: "Aug  5 09:36:04 2021 GMT")

    static func request(hasCertificate: Bool = true) -> AuthorizationRequest {
        var request = AuthorizationRequest(
            method: "GET", host: "api.example.com", path: "/pets/1")
        request.query = "a=1&b=x%20y+z&a=2&empty&bad=%zz%+1%-0"
        request.fields = [
            .init("Host", "api.example.com"), .init("User-Agent", "curl/8"),
            .init("X-Token", "t1"), .init("x-token", "t2"), .init("Cookie", "k=1; l=2"),
        ]
        request.source = "192.0.2.7"
        request.id = "0123"
        request.time = 1_583_348_638_390
        request.certificate = hasCertificate ? certificate : nil
        return request
    }

    static func api(_ format: LambdaAPI.Format) -> LambdaAPI {
        var api = LambdaAPI(
            format: format, identifier: "abcdef123", stage: "test",
            resource: format.isHTTP ? "GET /pets/{id}" : "/pets/{id}")
        api.resourceIdentifier = "05c7jb"
        api.stageVariables = [("StageVar1", "v")]
        return api
    }

    private func text(_ event: [UInt8]?) -> String? {
        event.map { String(decoding: $0, as: UTF8.self) }
    }

    private static let certificateJSON =
        #""clientCert":{"clientCertPem":"-----BEGIN CERTIFICATE-----\nMIIB\n"#
        + #"-----END CERTIFICATE-----\n","subjectDN":"C=US,O=Acme\\, Inc.,CN=client1","#
        + #""issuerDN":"CN=rootca","serialNumber":"1","validity":"#
        + #"{"notBefore":"May 28 12:30:02 2019 GMT","notAfter":"Aug  5 09:36:04 2021 GMT"}}"#

    @Test("REST") func rest() {
        let expected =
            #"{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:abcdef123"#
            + #"/test/GET/pets/1","resource":"/pets/{id}","path":"/pets/1","httpMethod":"GET","#
            + #""headers":{"Host":"api.example.com","User-Agent":"curl/8","X-Token":"t2","#
            + #""Cookie":"k=1; l=2"},"multiValueHeaders":{"Host":["api.example.com"],"#
            + #""User-Agent":["curl/8"],"X-Token":["t1","t2"],"Cookie":["k=1; l=2"]},"#
            + #""queryStringParameters":{"a":"2","b":"x y z","empty":"","bad":"%zz% 1%-0"},"#
            + #""multiValueQueryStringParameters":{"a":["1","2"],"b":["x y z"],"empty":[""],"#
            + #""bad":["%zz% 1%-0"]},"pathParameters":{},"stageVariables":{"StageVar1":"v"},"#
            + #""requestContext":{"path":"/pets/1","accountId":"123456789012","#
            + #""resourceId":"05c7jb","stage":"test","domainName":"api.example.com","#
            + #""domainPrefix":"api","requestId":"0123","protocol":"HTTP/1.1","#
            + #""identity":{"sourceIp":"192.0.2.7","userAgent":"curl/8",\#(Self.certificateJSON)},"#
            + #""resourcePath":"/pets/{id}","httpMethod":"GET","apiId":"abcdef123","#
            + #""requestTime":"04/Mar/2020:19:03:58 +0000","requestTimeEpoch":1583348638390}}"#
        #expect(text(LambdaEvent.encode(Self.request(), Self.api(.rest))) == expected)
        let anonymous = text(
            LambdaEvent.encode(Self.request(hasCertificate: false), Self.api(.rest)))
        #expect(
            anonymous?.contains(#""identity":{"sourceIp":"192.0.2.7","userAgent":"curl/8"}"#)
                == true)
    }

    @Test("HTTP API, payload format 1.0") func first() {
        let event = text(
            LambdaEvent.encode(Self.request(), Self.api(.http1), identitySources: ["u1", "123"]))
        let start =
            #"{"version":"1.0","type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:"#
            + #"123456789012:abcdef123/test/GET/pets/1","identitySource":"u1,123","#
            + #""authorizationToken":"u1,123","resource":"GET /pets/{id}","path":"/pets/1""#
        #expect(event?.hasPrefix(start) == true, "\(event ?? "")")
        #expect(event?.contains(Self.certificateJSON) == true)
    }

    @Test("HTTP API, payload format 2.0", arguments: [LambdaAPI.Format.http2, .http2Simple])
    func second(format: LambdaAPI.Format) {
        let expected =
            #"{"version":"2.0","type":"REQUEST","routeArn":"arn:aws:execute-api:us-east-1:"#
            + #"123456789012:abcdef123/test/GET/pets/1","identitySource":["u1","123"],"#
            + #""routeKey":"GET /pets/{id}","rawPath":"/pets/1","#
            + #""rawQueryString":"a=1&b=x%20y+z&a=2&empty&bad=%zz%+1%-0","cookies":["k=1","l=2"],"#
            + #""headers":{"host":"api.example.com","user-agent":"curl/8","x-token":"t1,t2"},"#
            + #""queryStringParameters":{"a":"1,2","b":"x y z","empty":"","bad":"%zz% 1%-0"},"#
            + #""requestContext":{"accountId":"123456789012","apiId":"abcdef123","#
            + #""authentication":{\#(Self.certificateJSON)},"domainName":"api.example.com","#
            + #""domainPrefix":"api","http":{"method":"GET","path":"/pets/1","#
            + #""protocol":"HTTP/1.1","sourceIp":"192.0.2.7","userAgent":"curl/8"},"#
            + #""requestId":"0123","routeKey":"GET /pets/{id}","stage":"test","#
            + #""time":"04/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"#
            + #""pathParameters":{},"stageVariables":{"StageVar1":"v"}}"#
        let api = Self.api(format)
        #expect(
            text(LambdaEvent.encode(Self.request(), api, identitySources: ["u1", "123"]))
                == expected)
        let anonymous = text(LambdaEvent.encode(Self.request(hasCertificate: false), api))
        #expect(anonymous?.contains(#""authentication":null"#) == true)
    }

    @Test("a name that is longer than policies may name is refused") func longNames() {
        var request = Self.request()
        request.path = "/" + String(repeating: "a", count: 1_600)
        #expect(LambdaEvent.encode(request, Self.api(.rest)) == nil)
        #expect(LambdaRefusal.nameTooLong.status == 414)
    }
}
