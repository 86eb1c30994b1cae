import Core
import Crypto
import Fetch
import GatewayConfiguration

/// Why a source has nothing to say.
struct SourceProblem: Error, Equatable {
    let reason: String
}

/// The request for a source, and what its answer means.
struct SourceRequest {
    /// What is new.
    enum Outcome: Equatable {
        case unchanged
        /// Bytes, and what is said of them; the digest is not known yet.
        case changed([UInt8], tag: String, modified: String, version: String)
    }

    let address: SourceAddress
    let settings: SourceSettings
    /// Most bytes that are taken.
    let limit: Int

    /// Most of an answer's error code that is repeated, so that the log stays readable.
    private static let codeLimit = 64
    private static let fieldLimit = 1_024

    /// The request for what is newer than `known`. `credentials` are for S3; nil signs nothing.
    func request(
        after known: Mirror.State?, credentials: SignatureV4.Credentials?, at wallSeconds: Int64
    ) -> FetchRequest {
        var request: FetchRequest
        switch address {
        case .web(let url): request = FetchRequest(url)
        case .object(let bucket, let key, let version):
            request = object(bucket, key, version, credentials, at: wallSeconds)
        }
        if let known, !known.tag.isEmpty {
            request.fields.append(("If-None-Match", known.tag))
        } else if let known, !known.modified.isEmpty {
            request.fields.append(("If-Modified-Since", known.modified))
        }
        request.limit = limit
        request.timeout = settings.timeout
        request.authorities = settings.authorities
        return request
    }

    private func object(
        _ bucket: String, _ key: String, _ version: String?,
        _ credentials: SignatureV4.Credentials?, at wallSeconds: Int64
    ) -> FetchRequest {
        var path = "/" + PercentEncoding.unreserved(key, also: "/")
        let origin: String
        if let endpoint = settings.endpoint {
            origin = endpoint
            path = "/\(bucket)" + path
        } else {
            let suffix = settings.region.hasPrefix("cn-") ? ".cn" : ""
            let service = "s3.\(settings.region).amazonaws.com\(suffix)"
            // A certificate for `*.s3…` is not for a name with more dots.
            let isLabel = bucket.utf8.allSatisfy {
                $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "_")
            }
            origin = isLabel ? "https://\(bucket).\(service)" : "https://\(service)"
            if !isLabel { path = "/\(bucket)" + path }
        }
        let query = version.map { "versionId=" + PercentEncoding.unreserved($0) } ?? ""
        var request = FetchRequest(origin + path + (query.isEmpty ? "" : "?" + query))
        guard let credentials else { return request }
        let host = origin[(origin.firstRange(of: "://")?.upperBound ?? origin.startIndex)...]
        var signed = SignatureV4.Request(
            method: "GET", path: path, fields: [("Host", String(host))])
        signed.query = query
        let region = settings.region.isEmpty ? "us-east-1" : settings.region
        // Said as it is signed: a default port would be left out otherwise.
        request.fields =
            signed.fields
            + SignatureV4(credentials: credentials, region: region, service: "s3")
            .fields(for: signed, at: wallSeconds)
        return request
    }

    /// What `answer` says.
    func outcome(of answer: FetchAnswer) throws(SourceProblem) -> Outcome {
        switch answer.status {
        case 200:
            func field(_ name: String) -> String {
                let value = answer.field(name) ?? ""
                // What is too long, or not printable, is not repeated to the source.
                let isPlain = value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
                return isPlain && value.utf8.count <= Self.fieldLimit ? value : ""
            }
            return .changed(
                answer.body, tag: field("ETag"), modified: field("Last-Modified"),
                version: field("x-amz-version-id"))
        case 304: return .unchanged
        case let status:
            throw SourceProblem(reason: "the answer is \(status)\(details(of: answer))")
        }
    }

    /// S3's code of an error, and where it says the bucket is.
    private func details(of answer: FetchAnswer) -> String {
        var details = ""
        let text = String(decoding: answer.body.prefix(4_096), as: UTF8.self)
        if let start = text.firstRange(of: "<Code>"), let end = text.firstRange(of: "</Code>"),
            start.upperBound < end.lowerBound
        {
            let code = text[start.upperBound..<end.lowerBound].prefix(Self.codeLimit)
            if code.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { details += " (\(code))" }
        }
        if let region = answer.field("x-amz-bucket-region"), region != settings.region,
            region.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        {
            details += "; the bucket is in the region \(region.prefix(Self.codeLimit))"
        }
        return details
    }
}
