import Crypto
import Testing

/// The signatures are those of botocore 1.43.11 at 2026-11-23T12:00:00Z.
@Suite("AWS Signature Version 4, as botocore signs") struct SignatureV4Tests {
    struct Vector: Sendable {
        var service = "lambda"
        var region = "us-east-1"
        var method = "GET"
        var host = "lambda.us-east-1.amazonaws.com"
        var path: String
        var query = ""
        var fields: [String: String] = [:]
        var body = ""
        var token: String?
        var names: String
        var signature: String
    }

    static let invocation = [
        "content-type": "application/json", "x-amz-invocation-type": "RequestResponse",
    ]
    static let vectors = [
        Vector(
            method: "POST", path: "/2015-03-31/functions/authz/invocations", fields: invocation,
            body: "{}", names: "content-type;host;x-amz-date;x-amz-invocation-type",
            signature: "ce049934b4357a7252db053bcce42fdf59a38bd5651362da2bb56d4961d11e2a"),
        Vector(
            region: "eu-central-1", method: "POST", host: "lambda.eu-central-1.amazonaws.com",
            path: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012"
                + "%3Afunction%3Aauthz/invocations",
            query: "Qualifier=%24LATEST", fields: invocation, body: #"{"a":1}"#,
            names: "content-type;host;x-amz-date;x-amz-invocation-type",
            signature: "02118af387d9e3c7706631ca619d1450bb4a5d92fc7cbe11ee4d13fcf9339858"),
        Vector(
            method: "POST", path: "/2015-03-31/functions/authz/invocations", fields: invocation,
            body: "{}", token: "IQoJb3JpZ2luX2VjEXAMPLE//token+==",
            names: "content-type;host;x-amz-date;x-amz-invocation-type;x-amz-security-token",
            signature: "797a5a4e8c5bfa984623913bbdc09b655d4cfe137b88ec84d1bd885df6ced966"),
        Vector(
            service: "s3", region: "us-west-2", host: "s3.us-west-2.amazonaws.com",
            path: "/bucket/trust%20store.pem",
            query: "versionId=3%2FL4kqtJlcpXroDTDmJ%2Brm&list=",
            names: "host;x-amz-content-sha256;x-amz-date",
            signature: "635796cf4606f32490b8eb2af138d369e8c43a729a335c33dc4242b638f8efa2"),
        Vector(
            service: "s3", region: "us-west-2", host: "bucket.s3.us-west-2.amazonaws.com",
            path: "/a//b/../c.pem", token: "session",
            names: "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            signature: "153a1de0756a25bfa4d7a28501007347109bb45384daf6a8955592f478133452"),
        Vector(
            path: "/2015-03-31//functions/./x/../", query: "b=2&a=2&a=1&c",
            fields: ["X-Spaces": "  a   b  "], names: "host;x-amz-date;x-spaces",
            signature: "4d48c443f1f84af528d48c472cb798661b3985611c5e31386ab518bfb4e0647c"),
        Vector(
            service: "sts", host: "sts.amazonaws.com", path: "", names: "host;x-amz-date",
            signature: "c917cd57ad7ae6b09b1c4c8c56afc8b33b0b637d028f6ce2f82f85a1f8471c0e"),
    ]

    @Test("paths encoded twice, queries in order, tokens, S3's content hash", arguments: vectors)
    func signs(vector: Vector) {
        var signer = SignatureV4(
            credentials: .init(
                accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                sessionToken: vector.token), region: vector.region, service: vector.service)
        var request = SignatureV4.Request(
            method: vector.method, path: vector.path,
            fields: [("Host", vector.host)] + vector.fields.map { ($0.key, $0.value) })
        request.query = vector.query
        request.body = Array(vector.body.utf8)
        let fields = signer.fields(for: request, at: 1_795_435_200)
        let value = { (name: String) in fields.first { $0.name == name }?.value }
        #expect(value("X-Amz-Date") == "20261123T120000Z")
        #expect(value("X-Amz-Security-Token") == vector.token)
        #expect(
            value("Authorization")
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/\(vector.region)/"
                + "\(vector.service)/aws4_request, SignedHeaders=\(vector.names), "
                + "Signature=\(vector.signature)")
        #expect((value("X-Amz-Content-SHA256") != nil) == (vector.service == "s3"))
        // A key that was derived beforehand is the same; one of another day is not used.
        for other in [0, -86_400, 0] as [Int64] {
            signer.prepare(at: 1_795_435_200 + other)
            let again = signer.fields(for: request, at: 1_795_435_200)
            #expect(again.map(\.value) == fields.map(\.value))
        }
    }
}
