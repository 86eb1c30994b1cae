public import Core
public import HTTP

/// The response of an authorizer's service: plain values.
public struct AuthorizerReply: Equatable, Sendable {
    /// The status.
    public var status: UInt16
    /// Field lines in order.
    public var fields: [AuthorizationRequest.Field]
    /// The body.
    public var body: [UInt8]

    /// The reply with the given parts.
    public init(status: UInt16, fields: [AuthorizationRequest.Field] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// The reply with a parsed head, whose bytes are `bytes`, and `body`.
    public init(
        _ head: ResponseHead, in bytes: ByteView, _ fields: borrowing HeadStorage, body: [UInt8]
    ) {
        self.init(status: head.status, body: body)
        for index in 0..<fields.count {
            let field = fields[index]
            self.fields.append(.init(bytes[field.name].string, bytes[field.value].string))
        }
    }

    /// The values of the fields called `name`, in any case, in order.
    func values(ofField name: String) -> [String] {
        fields.filter { MappedName.isSame($0.name, name) }.map(\.value)
    }
}
