internal import Authorization

/// What the echo backend says that it received.
struct EchoedRequest: Equatable {
    struct Field: Equatable {
        /// Lower case.
        let name: String
        /// Several fields of one name are joined by `, `.
        let value: String
    }

    /// The path as it arrived.
    var path = ""
    /// Fields of the head.
    var fields: [Field] = []
    /// Fields behind a chunked body.
    var trailers: [Field] = []
    /// Why it was no HTTP; nil when it was.
    var refusal: String?

    /// The most bytes of an answer that is read.
    private static let limit = 1 << 20

    /// Reads the body of an answer; nil when it is not the echo backend's.
    init?(_ body: [UInt8]) {
        guard let value = try? JSONReader.read(body, limit: Self.limit) else { return nil }
        if let refusal = value["refused"]?.text {
            self.refusal = refusal
            return
        }
        guard let path = value["path"]?.text, let fields = Self.fields(value["requestHeaders"])
        else { return nil }
        self.path = path
        self.fields = fields
        trailers = Self.fields(value["requestTrailers"]) ?? []
    }

    private static func fields(_ value: JSONValue?) -> [Field]? {
        guard case .object(let members) = value else { return nil }
        return members.map { Field(name: $0.name, value: $0.value.text ?? "") }
    }

    func value(of name: String) -> String? {
        fields.first { $0.name == name.lowercased() }?.value
    }
}
