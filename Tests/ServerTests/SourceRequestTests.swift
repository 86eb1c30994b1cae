import Crypto
import Fetch
import GatewayConfiguration
import Testing

@testable import Server

@Suite("a source is asked by its address") struct SourceRequestTests {
    private let keys = SignatureV4.Credentials(accessKey: "AKIDEXAMPLE", secretKey: "secret")

    private func asking(
        _ address: SourceAddress, endpoint: String? = nil, region: String = "eu-central-1"
    ) -> SourceRequest {
        var settings = SourceSettings()
        settings.endpoint = endpoint
        settings.region = region
        return SourceRequest(address: address, settings: settings, limit: 1_000)
    }

    private func object(
        _ bucket: String, _ key: String = "ca.pem", version: String? = nil
    ) -> SourceAddress { .object(bucket: bucket, key: key, version: version) }

    @Test("hosts are AWS's by bucket and region, or the endpoint's") func urls() {
        func url(_ asking: SourceRequest) -> String {
            asking.request(after: nil, credentials: nil, at: 0).url
        }
        #expect(
            url(asking(object("trust"))) == "https://trust.s3.eu-central-1.amazonaws.com/ca.pem")
        #expect(
            url(asking(object("trust.example", "a b/ü?.pem", version: "v/1")))
                == "https://s3.eu-central-1.amazonaws.com/trust.example/a%20b/%C3%BC%3F.pem"
                + "?versionId=v%2F1")
        #expect(
            url(asking(object("trust"), region: "cn-north-1"))
                == "https://trust.s3.cn-north-1.amazonaws.com.cn/ca.pem")
        #expect(
            url(asking(object("trust"), endpoint: "http://127.0.0.1:9000", region: ""))
                == "http://127.0.0.1:9000/trust/ca.pem")
        #expect(url(asking(.web("https://a/b?c"))) == "https://a/b?c")
    }

    @Test("conditions are what was said before; without keys nothing is signed") func fields() {
        let asking = asking(object("trust"))
        var known = Mirror.State(digest: "", tag: "\"t\"", modified: "Mon", checked: 0)
        func names(_ credentials: SignatureV4.Credentials?) -> [String] {
            asking.request(after: known, credentials: credentials, at: 0).fields.map(\.name)
        }
        #expect(names(nil) == ["If-None-Match"])
        #expect(
            names(keys) == [
                "Host", "X-Amz-Date", "X-Amz-Content-SHA256", "Authorization", "If-None-Match",
            ])
        known.tag = ""
        #expect(names(nil) == ["If-Modified-Since"])
        known.modified = ""
        #expect(names(nil) == [])
    }

    /// botocore 1.43.11 at 2026-11-23T12:00:00Z, with a path-style endpoint.
    @Test("the request is signed as botocore signs it") func signature() {
        let asking = asking(
            object("trust", "edge/a b.pem", version: "v/1"), endpoint: "http://127.0.0.1:9000")
        let request = asking.request(after: nil, credentials: keys, at: 1_795_435_200)
        #expect(
            request.fields.last?.value
                == "AWS4-HMAC-SHA256 "
                + "Credential=AKIDEXAMPLE/20261123/eu-central-1/s3/aws4_request, "
                + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
                + "Signature=86d7ea99518997cefa2da63e0d44dae411991fc2ad18e0843fe6d6f603a231f4")
    }

    @Test("answers but 200 and 304 are problems that say what S3 says") func outcomes() throws {
        let asking = asking(object("trust"))
        func answer(
            _ status: Int, _ body: String = "", _ fields: [(String, String)] = []
        ) -> FetchAnswer { FetchAnswer(status: status, fields: fields, body: Array(body.utf8)) }
        func problem(_ answer: FetchAnswer) -> String? {
            do throws(SourceProblem) {
                _ = try asking.outcome(of: answer)
                return nil
            } catch { return error.reason }
        }
        #expect(try asking.outcome(of: answer(304)) == .unchanged)
        let fields = [("etag", "\"t\""), ("Last-Modified", "Mon"), ("X-Amz-Version-Id", "v")]
        #expect(
            try asking.outcome(of: answer(200, "x", fields))
                == .changed(Array("x".utf8), tag: "\"t\"", modified: "Mon", version: "v"))
        // A line feed in the state on disk would be another line of it.
        #expect(
            try asking.outcome(of: answer(200, "x", [("ETag", "a\nb")]))
                == .changed(Array("x".utf8), tag: "", modified: "", version: ""))
        #expect(problem(answer(500)) == "the answer is 500")
        #expect(
            problem(answer(403, "<Error><Code>AccessDenied</Code><X/></Error>"))
                == "the answer is 403 (AccessDenied)")
        #expect(
            problem(answer(301, "", [("x-amz-bucket-region", "us-west-2")]))
                == "the answer is 301; the bucket is in the region us-west-2")
        for odd in ["<Code>\u{1B}[2J</Code>", "</Code><Code>", "<Code>", "<Code>a b</Code>"] {
            #expect(problem(answer(400, odd)) == "the answer is 400")
        }
    }
}
