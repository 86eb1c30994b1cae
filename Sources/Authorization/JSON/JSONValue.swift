/// A JSON value (RFC 8259).
public indirect enum JSONValue: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case flag(Bool)
    /// A number, spelt as it was: nothing is lost to binary fractions.
    case number(String)
    /// A string, its escapes undone.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object; each name stands in it once.
    case object([Member])

    /// A name and its value.
    public struct Member: Equatable, Sendable {
        /// The name.
        public let name: String
        /// The value.
        public let value: JSONValue

        /// The member `name` with `value`.
        public init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The value of the member `name`; nil when there is none, or this is no object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The string; nil when this is none.
    public var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}
