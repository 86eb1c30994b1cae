import Authorization
import Crypto
import Testing

@Suite("an authorizer function is invoked by one request") struct LambdaTargetTests {
    private let credentials = SignatureV4.Credentials(
        accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

    private func text(_ target: LambdaTarget, signed: Bool = false) -> String {
        String(
            decoding: target.request(
                event: Array("{}".utf8), credentials: signed ? credentials : nil,
                at: 1_795_435_200), as: UTF8.self)
    }

    @Test("of Lambda, signed") func lambda() {
        let named = LambdaTarget.lambda(function: "authz", region: "us-east-1")
        #expect(
            text(named, signed: true)
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
            function: "arn:aws:lambda:eu-central-1:123456789012:function:authz",
            qualifier: "$LATEST", region: "eu-central-1", host: "lambda.internal:8443")
        #expect(
            text(whole, signed: true).hasPrefix(
                "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012"
                    + "%3Afunction%3Aauthz/invocations?Qualifier=%24LATEST HTTP/1.1\r\n"
                    + "Host: lambda.internal:8443\r\n"))
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
