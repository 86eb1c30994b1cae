public import Core
public import HTTP

/// A request as authorizers see it: plain values, without what only the gateway may say (S28).
public struct AuthorizationRequest: Equatable, Sendable {
    /// One field line.
    public struct Field: Equatable, Sendable {
        /// The name, as the client spelt it.
        public var name: String
        /// The value.
        public var value: String

        /// The field `name` with `value`.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The method.
    public var method: String
    /// Authority of the request.
    public var host: String
    /// The target's path, as it was sent.
    public var path: String
    /// The target's query without its `?`, as it was sent.
    public var query = ""
    /// `HTTP/1.1` and its like.
    public var protocolName = "HTTP/1.1"
    /// Field lines in order.
    public var fields: [Field] = []
    /// The client's address, without a port.
    public var source = ""
    /// The request's id.
    public var id = ""
    /// When it came: milliseconds since 1970.
    public var time: Int64 = 0
    /// The verified certificate; nil when the client has shown none.
    public var certificate: CertificateText?

    /// A request for `path` at `host`.
    public init(method: String, host: String, path: String) {
        self.method = method
        self.host = host
        self.path = path
    }

    /// What a parsed and screened head says, whose bytes are `bytes`.
    ///
    /// Fields stay away that the gateway does not forward: owned, nominated, of this hop, or of a
    /// sender that is not trusted to forward (S28). Bytes that are not UTF-8 are repaired.
    public init(_ head: RequestHead, in bytes: ByteView, _ fields: borrowing HeadStorage) {
        self.init(
            method: bytes[head.methodRange].string, host: bytes[head.host].string,
            path: bytes[head.path].string)
        let query = bytes[head.query]
        self.query = query.isEmpty ? "" : query.dropFirst(1).string
        protocolName = head.isHTTP11 ? "HTTP/1.1" : "HTTP/1.0"
        for index in 0..<fields.count {
            let field = fields[index]
            guard field.isTold else { continue }
            self.fields.append(Field(bytes[field.name].string, bytes[field.value].string))
        }
    }

    /// The values of the fields called `name`, in any case, in order.
    func values(ofField name: String) -> [String] {
        fields.filter { MappedName.isSame($0.name, name) }.map(\.value)
    }

    /// The query's names and values in order, percent-decoded, `+` as a blank.
    var parameters: [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                Self.decoded(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : ""
            )
        }
    }

    private static func decoded(_ text: Substring) -> String {
        var result: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.count,
                // A number may have a sign; an octet has none.
                bytes[index + 1] != UInt8(ascii: "+"), bytes[index + 1] != UInt8(ascii: "-"),
                let value = UInt8(
                    String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                result.append(value)
                index += 3
            } else {
                result.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension Field {
    /// Whether the field is the request's own, and no mere hop's or the gateway's.
    var isTold: Bool { disposition == .keep || disposition == .rewritten }
}

/// The six values by which API Gateway describes a client's certificate.
public struct CertificateText: Equatable, Sendable {
    /// The certificate, PEM.
    public var pem: String
    /// The subject: in the certificate's order, joined by commas, escaped by RFC 2253.
    public var subject: String
    /// The issuer, likewise.
    public var issuer: String
    /// The serial number.
    public var serialNumber: String
    /// First second of validity: `May 28 12:30:02 2019 GMT`.
    public var notBefore: String
    /// Last second of validity.
    public var notAfter: String

    /// The description with the given values.
    public init(
        pem: String, subject: String, issuer: String, serialNumber: String, notBefore: String,
        notAfter: String
    ) {
        self.pem = pem
        self.subject = subject
        self.issuer = issuer
        self.serialNumber = serialNumber
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}
