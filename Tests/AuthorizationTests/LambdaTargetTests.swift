import Authorization
import Crypto
import Testing

@Suite("an authorizer function is invoked by one request") struct LambdaTargetTests {
    private func text(_ target: LambdaTarget, region: String? = nil) -> String {
        let signer = region.map {
            SignatureV4(
                credentials: .init(
                    accessKey: "AKIDEXAMPLE",
                    secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), region: $0,
                service: "lambda")
        }
        return String(
            decoding: target.request(
                event: Array("{}".utf8), signer: signer, at: 1_795_435_200), as: UTF8.self)
    }

    @Test("of Lambda, signed") func lambda() throws {
        let named = LambdaTarget.lambda(try LambdaFunctionName("authz"), region: "us-east-1")
        #expect(
            text(named, region: "us-east-1")
                == """
                POST /2015-03-31/functions/authz/invocations HTTP/1.1\r
                Host: lambda.us-east-1.amazonaws.com\r
                Content-Type: application/json\r
                X-Amz-Invocation-Type: RequestResponse\r
                X-Amz-Date: 20261123T120000Z\r
                Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/lambda/\
                aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-invocation-type, \
                Signature=ce049934b4357a7252db053bcce42fdf59a38bd5651362da2bb56d4961d11e2a\r
                Content-Length: 2\r
                \r
                {}
                """)
        let whole = LambdaTarget.lambda(
            try LambdaFunctionName(
                "arn:aws:lambda:eu-central-1:123456789012:function:authz:$LATEST"),
            region: "eu-central-1", host: "lambda.internal:8443")
        #expect(
            text(whole, region: "eu-central-1").hasPrefix(
                "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012"
                    + "%3Afunction%3Aauthz/invocations?Qualifier=%24LATEST HTTP/1.1\r\n"
                    + "Host: lambda.internal:8443\r\n"))
    }

    @Test(
        "functions as AWS names them",
        arguments: [
            ("authz", nil, "authz", nil, nil), ("authz:7", nil, "authz", "7", nil),
            ("authz", "live", "authz", "live", nil), ("authz:live", "live", "authz", "live", nil),
            (
                "123456789012:function:a_b-C", "$LATEST", "123456789012:function:a_b-C", "$LATEST",
                nil
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:authz:live", nil,
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:authz", "live", "cn-north-1"
            ),
        ] as [(String, String?, String, String?, String?)])
    func names(
        text: String, given: String?, identifier: String, qualifier: String?, region: String?
    ) throws {
        let name = try LambdaFunctionName(text, qualifier: given)
        #expect(name.identifier == identifier && name.qualifier == qualifier)
        #expect(name.region == region)
        #expect(
            LambdaTarget.usualHost(region: "cn-north-1") == "lambda.cn-north-1.amazonaws.com.cn")
    }

    @Test(
        "what is no function",
        arguments: [
            ("", nil, false), ("a b", nil, false), ("a/b", nil, false), ("é", nil, false),
            (String(repeating: "a", count: 65), nil, false), ("a:b:c", nil, false),
            ("12345678901:function:a", nil, false), ("123456789012:layer:a", nil, false),
            ("arn:aws:lambda:us-east-1:123456789012:function", nil, false),
            ("arn:aws:s3:us-east-1:123456789012:function:a", nil, false),
            ("arn:aws:lambda:us_east_1:123456789012:function:a", nil, false),
            ("arn:aws:lambda:us-east-1:123456789012:function:a:1:2", nil, false),
            ("arn:evil:lambda:us-east-1:123456789012:function:a", nil, false),
            ("a:", nil, false), ("a:b c", nil, false), ("a", "", true), ("a", "x/y", true),
            ("a", "$NEWEST", true), ("a:1", "2", true),
        ] as [(String, String?, Bool)])
    func mistakes(text: String, qualifier: String?, isOfQualifier: Bool) {
        do throws(LambdaFunctionName.Mistake) {
            _ = try LambdaFunctionName(text, qualifier: qualifier)
            Issue.record("accepted")
        } catch {
            #expect(error.isOfQualifier == isOfQualifier)
        }
    }

    @Test("of the emulator and of other services, not signed") func others() {
        #expect(
            text(.emulator(host: "127.0.0.1:9000"))
                == """
                POST /2015-03-31/functions/function/invocations HTTP/1.1\r
                Host: 127.0.0.1:9000\r
                Content-Type: application/json\r
                X-Amz-Invocation-Type: RequestResponse\r
                Content-Length: 2\r
                \r
                {}
                """)
        #expect(
            text(.http(host: "auth.local", path: "/decide?x=1"))
                == "POST /decide?x=1 HTTP/1.1\r\nHost: auth.local\r\n"
                + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    }

    @Test("a failure is told by status, by field or by body") func replies() {
        let target = LambdaTarget.emulator(host: "x")
        let good = #"{"isAuthorized":true}"#
        let cases: [(UInt16, [AuthorizationRequest.Field], String, LambdaAnswer.Problem?)] = [
            (200, [], good, nil), (429, [], good, .failed), (502, [], "", .failed),
            (202, [], good, .failed),
            (200, [.init("X-Amz-Function-Error", "Unhandled")], good, .failed),
            (
                200, [.init("x-amz-function-error", "Handled")],
                #"{"errorMessage":"Unauthorized"}"#, .unauthorized
            ),
            (200, [], #"{"errorType":"E","errorMessage":"Unauthorized"}"#, .unauthorized),
            (200, [], "x", .malformed("the answer is no JSON that can be read")),
        ]
        for (status, fields, body, problem) in cases {
            let reply = AuthorizerReply(status: status, fields: fields, body: Array(body.utf8))
            do throws(LambdaAnswer.Problem) {
                _ = try target.answer(reply, format: .http2Simple)
                #expect(problem == nil)
            } catch {
                #expect(error == problem)
            }
        }
    }
}
