import Core

/// Why a request is refused, and with which status.
///
/// The connection is closed afterwards: where the next request begins is not certain.
public struct RequestError: Error, Equatable, Sendable {
    /// Status of the answer: 400, 405, 414, 417, 431, 501 or 505.
    public let status: UInt16
    /// What was wrong, for logs and tests; never sent to the client.
    public let reason: StaticString

    /// A refusal with `status`, because of `reason`.
    public init(_ status: UInt16, _ reason: StaticString) {
        self.status = status
        self.reason = reason
    }

    static func badRequest(_ reason: StaticString) -> RequestError { RequestError(400, reason) }

    /// Equal status and reason.
    public static func == (left: RequestError, right: RequestError) -> Bool {
        left.status == right.status && ByteView(left.reason).equals(right.reason)
    }
}

/// Why a response of an upstream cannot be relayed; the client gets 502.
public struct ResponseError: Error, Equatable, Sendable {
    /// What was wrong, for logs and tests.
    public let reason: StaticString

    /// A refusal because of `reason`.
    public init(_ reason: StaticString) { self.reason = reason }

    /// Equal reasons.
    public static func == (left: ResponseError, right: ResponseError) -> Bool {
        ByteView(left.reason).equals(right.reason)
    }
}

/// What parsing an incomplete input yields, beside errors.
public enum Parsed<Head> {
    /// The head is whole; its `headLength` says where the body begins.
    case complete(Head)
    /// The head goes on: call again with more bytes, `from:` the number of bytes seen now.
    case needMore
}

/// How large a head may be.
public struct HeadLimits: Sendable {
    /// Octets of the whole head, start line and final CRLF included; more is 431.
    public var headBytes: Int
    /// Field lines; more is 431.
    public var fieldCount: Int
    /// Octets of the request target; more is 414.
    public var targetBytes: Int

    /// Limits, by default 16 KiB, 100 fields and a target of 8 KiB.
    public init(headBytes: Int = 16_384, fieldCount: Int = 100, targetBytes: Int = 8_192) {
        precondition(headBytes > 0 && fieldCount > 0 && targetBytes > 0)
        self.headBytes = headBytes
        self.fieldCount = fieldCount
        self.targetBytes = targetBytes
    }
}
