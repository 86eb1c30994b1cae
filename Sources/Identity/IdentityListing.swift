import Crypto

/// All that can be said of a certificate, for people to look at.
public struct IdentityListing: Sendable {
    /// A line of the listing; the value is a text, or why there is none.
    public struct Line: Sendable, Equatable {
        /// A variable, or a header.
        public let name: String
        /// Its value.
        public let value: String
    }

    private let input: IdentityInput

    /// The listing of `input`.
    public init(_ input: IdentityInput) { self.input = input }

    /// Every variable that has a value, in order; bytes are in base64.
    public var variables: [Line] {
        TemplateVariable.fixed.sorted { $0.key < $1.key }.compactMap { name, variable in
            Self.line(name) { () throws(IdentityError) in
                let value = try variable.value(input)
                return variable.kind == .bytes ? value.map { Base64.encode($0) } : value
            }
        }
    }

    /// Every header that `preset` sends.
    public func headers(of preset: IdentityPreset) -> [Line] {
        preset.headers.compactMap { header in
            Self.line(header.name) { () throws(IdentityError) in try header.value(input) }
        }
    }

    private static func line(
        _ name: String, _ value: () throws(IdentityError) -> [UInt8]?
    ) -> Line? {
        do throws(IdentityError) {
            return try value().map { Line(name: name, value: String(decoding: $0, as: UTF8.self)) }
        } catch {
            return Line(name: name, value: "(refused: \(error.explanation))")
        }
    }
}

extension IdentityError {
    /// For people: why a certificate's identity cannot be sent.
    public var explanation: String {
        switch self {
        case .unrepresentable: "no header can carry the certificate's names"
        case .tooLarge: "larger than the limits of the identity set"
        case .malformed(let part): "\(part) of the certificate is malformed"
        case .invalidName(let name): "'\(name)' is no header name"
        case .invalidDefault: "the default is no header value"
        case .unknownFormat(let name): "there is no format '\(name)'"
        case .unknownPreset(let name): "there is no preset '\(name)'"
        case .template(let mistake): "character \(mistake.position): \(mistake.reason)"
        }
    }
}
