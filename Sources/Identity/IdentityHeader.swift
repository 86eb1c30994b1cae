/// One header that carries the identity: its name, and how its value is made.
public struct IdentityHeader: Sendable {
    /// The field name, as sent.
    public let name: String
    /// How the value is made.
    public let format: IdentityFormat
    /// The value that says that there is no certificate; nil sends no header then.
    let anonymous: String?

    /// Whether it is Envoy's, whose received values may go on.
    var isForwardedClientCert: Bool { name.lowercased() == "x-forwarded-client-cert" }

    /// Names that frame or route a message: an identity header of that name would break it.
    private static let reserved: Set<String> = [
        "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer",
        "keep-alive", "proxy-connection", "expect", "via", "date", "authorization", "cookie",
        "content-type", "content-encoding", "x-request-id",
    ]

    /// The header `name` in the format called `format`.
    public init(name: String, format: String) throws(IdentityError) {
        guard let found = IdentityFormat.all.first(where: { $0.name == format }) else {
            try Self.check(name)
            throw .unknownFormat(format)
        }
        try self.init(name: name, format: found)
    }

    /// The header `name` in `format`.
    init(name: String, format: IdentityFormat) throws(IdentityError) {
        try Self.check(name)
        self.name = name
        self.format = format
        anonymous = nil
    }

    private static func check(_ name: String) throws(IdentityError) {
        guard isToken(name), !reserved.contains(name.lowercased()) else {
            throw .invalidName(name)
        }
    }

    /// A header of a preset.
    init(
        preset: String, name: String, anonymous: String?,
        render: @escaping @Sendable (IdentityInput) throws(IdentityError) -> [UInt8]?
    ) {
        precondition(Self.isToken(name) && !Self.reserved.contains(name.lowercased()))
        self.name = name
        self.anonymous = anonymous
        format = IdentityFormat(name: "preset \(preset)", render: render)
    }

    /// The value for `input`: a legal field value (RFC 9110 §5.5) without blanks at its ends, which
    /// would be lost. Nil when there is nothing to say, and then no header is sent.
    public func value(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        guard let value = try format.render(input), let first = value.first, let last = value.last
        else { return nil }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }), first != 0x20,
            first != 0x09, last != 0x20, last != 0x09
        else { throw .unrepresentable }
        return value
    }

    /// RFC 9110 §5.6.2, without `_` and `.`, which back ends fold to `-`.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
