public import Core

/// A request of the control plane: for small things, seldom, by one who can wait.
public struct FetchRequest: Sendable {
    /// `http://` or `https://`, percent-encoded; the path goes out as it is here.
    public var url: String
    /// The method. A body is sent with all but GET, empty or not.
    public var method: String
    /// Fields beside those that any request has (Host, User-Agent, Accept, Content-Length).
    public var fields: [(name: String, value: String)]
    /// The body; of a GET there is none.
    public var body: [UInt8] = []
    /// How long finding and reaching the server may take, its TLS handshake included.
    public var connectTimeout = Nanoseconds.seconds(5)
    /// How long all of it may take.
    public var timeout = Nanoseconds.seconds(30)
    /// Most bytes of the answer's body.
    public var limit = 1 << 20
    /// PEM file of the only authorities that servers are verified by; nil for the system's.
    public var authorities: String?

    /// A request without a body.
    public init(
        _ url: String, method: String = "GET", fields: [(name: String, value: String)] = []
    ) {
        self.url = url
        self.method = method
        self.fields = fields
    }
}

/// What a server said, whatever its status: a redirect is an answer like any other.
public struct FetchAnswer: Sendable {
    /// The status.
    public var status: Int
    /// The fields, in order, blanks around values removed.
    public var fields: [(name: String, value: String)]
    /// The body.
    public var body: [UInt8]

    /// The answer with the given parts.
    public init(status: Int, fields: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// The value of the first field called `name`, in any case.
    public func field(_ name: String) -> String? {
        let name = name.lowercased()
        return fields.first { $0.name.lowercased() == name }?.value
    }
}

/// Why there is no answer.
public struct FetchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong.
    public enum Kind: Sendable, Equatable {
        /// The request cannot be made as it is.
        case request
        /// The server's name has no address, for now.
        case unresolved
        /// Nobody listens at its address.
        case unreachable
        /// It took longer than it may.
        case timeout
        /// The server is not who it should be, or the file of authorities is of no use.
        case untrusted
        /// The answer is larger than it may be.
        case tooLarge
        /// `Fetcher.cancel` was called.
        case cancelled
        /// The conversation broke, or is none.
        case broken
    }

    /// What went wrong.
    public let kind: Kind
    /// The same in words, one line.
    public let reason: String

    /// An error in the given words.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// The reason.
    public var description: String { reason }
}
