public import Core
public import HTTP

/// The response of an authorizer's service, or what its authorizer looks at of it: plain values.
public struct AuthorizerReply: Equatable, Sendable {
    /// The status.
    public var status: UInt16
    /// Field lines in order, each `name: value` and CRLF.
    public var lines: [UInt8]
    /// The body.
    public var body: [UInt8]

    /// The reply with the given parts.
    public init(status: UInt16, lines: [UInt8] = [], body: [UInt8] = []) {
        self.status = status
        self.lines = lines
        self.body = body
    }

    /// The reply with `fields`, whose values have no line breaks.
    public init(status: UInt16, fields: [AuthorizationRequest.Field], body: [UInt8] = []) {
        self.init(
            status: status, lines: fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) },
            body: body)
    }

    /// The reply with a parsed head, whose bytes are `bytes`, and `body`.
    public init(
        _ head: ResponseHead, in bytes: ByteView, _ fields: borrowing HeadStorage, body: [UInt8]
    ) {
        self.init(status: head.status, body: body)
        lines.reserveCapacity(head.headLength)
        for index in 0..<fields.count {
            let field = fields[index]
            append(bytes[field.name], bytes[field.value])
        }
    }

    /// Adds the line of `name` with `value` at the end.
    mutating func append(_ name: ByteView, _ value: ByteView) {
        unsafe lines.append(contentsOf: name.raw)
        unsafe lines.append(contentsOf: ByteView(": ").raw)
        unsafe lines.append(contentsOf: value.raw)
        unsafe lines.append(contentsOf: ByteView("\r\n").raw)
    }

    /// The values of the fields called `name`, in any case, in order.
    func values(ofField name: String) -> [String] {
        String(decoding: lines, as: UTF8.self).split(separator: "\r\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, MappedName.isSame(String(parts[0]), name) else { return nil }
            return String(parts[1].dropFirst())
        }
    }
}
