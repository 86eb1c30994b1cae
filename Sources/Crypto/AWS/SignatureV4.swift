internal import Core

/// Signs requests to AWS, and to whoever speaks its dialect (AWS Signature Version 4).
public struct SignatureV4: Sendable {
    /// What is signed: a request as it goes over the wire.
    public struct Request: Sendable {
        /// The method.
        public var method: String
        /// The target's path, percent-encoded.
        public var path: String
        /// The target's query without `?`, percent-encoded; empty without one.
        public var query = ""
        /// The fields to sign, Host among them.
        public var fields: [(name: String, value: String)]
        /// The body.
        public var body: [UInt8] = []

        /// A request without a query or a body.
        public init(method: String, path: String, fields: [(name: String, value: String)]) {
            self.method = method
            self.path = path
            self.fields = fields
        }
    }

    private let credentials: Credentials
    private let region: String
    private let service: String
    /// The key of one day, days since 1970, if it has been derived beforehand.
    private var derived: (day: Int64, key: [UInt8])?

    /// A signer for `service` in `region`.
    public init(credentials: Credentials, region: String, service: String) {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// Derives the key of the day of `wallSeconds`, for all that is signed on that day.
    public mutating func prepare(at wallSeconds: Int64) {
        let day = Self.day(wallSeconds)
        guard derived?.day != day else { return }
        derived = (day, derive(date: String(CalendarTime(wallSeconds).basicText.prefix(8))))
    }

    /// The fields that `request` has to have beside its own, when it is sent at `wallSeconds`
    /// (since 1970): the date, the session's token, for S3 the body's hash, the signature.
    public func fields(
        for request: Request, at wallSeconds: Int64
    ) -> [(name: String, value: String)] {
        let time = CalendarTime(wallSeconds).basicText
        let bodyHash = Self.hex(SHA256.hash(request.body))
        var added = [(name: "X-Amz-Date", value: time)]
        if let token = credentials.sessionToken { added.append(("X-Amz-Security-Token", token)) }
        if isS3 { added.append(("X-Amz-Content-SHA256", bodyHash)) }
        let fields = Self.canonical(request.fields + added)
        let names = fields.map(\.name).joined(separator: ";")
        let canonical = [
            request.method, canonicalPath(request.path), Self.canonicalQuery(request.query),
            fields.map { "\($0.name):\($0.value)\n" }.joined(), names, bodyHash,
        ].joined(separator: "\n")
        let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
        let text = [
            "AWS4-HMAC-SHA256", time, scope, Self.hex(SHA256.hash(Array(canonical.utf8))),
        ].joined(separator: "\n")
        let signature = Self.hex(
            HMACSHA256.authenticate(Array(text.utf8), key: key(at: wallSeconds, time)))
        added.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), "
                    + "SignedHeaders=\(names), Signature=\(signature)"
            ))
        return added
    }

    private var isS3: Bool { service == "s3" }

    private static func day(_ wallSeconds: Int64) -> Int64 {
        wallSeconds / 86_400 - (wallSeconds % 86_400 < 0 ? 1 : 0)
    }

    /// The day's key; `time` is `wallSeconds` in words.
    private func key(at wallSeconds: Int64, _ time: String) -> [UInt8] {
        if let derived, derived.day == Self.day(wallSeconds) { return derived.key }
        return derive(date: String(time.prefix(8)))
    }

    private func derive(date: String) -> [UInt8] {
        [date, region, service, "aws4_request"].reduce(Array("AWS4\(credentials.secretKey)".utf8)) {
            HMACSHA256.authenticate(Array($1.utf8), key: $0)
        }
    }

    /// The path, encoded a second time; S3 alone signs it as it is sent.
    private func canonicalPath(_ path: String) -> String {
        let path = path.isEmpty ? "/" : path
        guard !isS3 else { return path }
        return PercentEncoding.unreserved(Self.withoutDotSegments(path), also: "/")
    }

    /// RFC 3986 §5.2.4, and one slash for several.
    private static func withoutDotSegments(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": break
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        let isFolder = path.hasSuffix("/") && !segments.isEmpty
        return "/" + segments.joined(separator: "/") + (isFolder ? "/" : "")
    }

    /// Parameters in order of name, then of value.
    private static func canonicalQuery(_ query: String) -> String {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
        }
        .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
        .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    /// Names in lower case and order, blanks folded, the values of one name joined by commas.
    private static func canonical(
        _ fields: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for field in fields {
            values[field.name.lowercased(), default: []].append(folded(field.value))
        }
        return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value.joined(separator: ",")) }
    }

    private static func folded(_ value: String) -> String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        // Tokens are long and have no blanks.
        guard value.utf8.contains(where: isBlank) else { return value }
        return value.utf8.split(whereSeparator: isBlank)
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: Hex.lower(bytes), as: UTF8.self)
    }
}
