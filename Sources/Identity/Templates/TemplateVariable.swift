import Crypto
import TLS

/// What may stand between the braces of a template.
struct TemplateVariable: Sendable {
    /// What the bytes of a value are.
    enum Kind: Sendable {
        /// Characters of a name, nothing escaped.
        case name
        /// Text with escapes of its own, or that needs none.
        case text
        /// Any bytes.
        case bytes
    }

    /// A value, and what it is.
    struct Value {
        let bytes: [UInt8]
        let kind: Kind
    }

    typealias Render = @Sendable (IdentityInput) throws(IdentityError) -> [UInt8]?

    let kind: Kind
    private let render: Render

    init(_ kind: Kind, _ render: @escaping Render) {
        self.kind = kind
        self.render = render
    }

    /// The value for `input`; nil where the certificate has none.
    ///
    /// Text with a control character is refused whatever the encoding (security rule S10).
    func value(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        guard let value = try render(input), !value.isEmpty else { return nil }
        if kind != .bytes {
            guard let text = String(validating: value, as: UTF8.self),
                !text.unicodeScalars.contains(where: \.isControlOrSeparator)
            else { throw .unrepresentable }
        }
        return value
    }

    /// Names with a part to fill in, in capitals.
    static let patterns = [
        "subject.TYPE", "subject.TYPE[N]", "issuer.TYPE", "issuer.TYPE[N]", "san.dns[N]",
        "san.uri[N]", "san.email[N]", "san.ip[N]", "san.other.OID",
    ]

    /// What may be named.
    static let names: [String] = fixed.keys.sorted() + patterns

    /// The variable called `name`; nil when there is none.
    static func named(_ name: String) -> TemplateVariable? {
        if let found = fixed[name] { return found }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        let (base, rest) = (name[..<dot], String(name[name.index(after: dot)...]))
        switch base {
        case "subject": return attribute(rest) { $0.leaf.subject }
        case "issuer": return attribute(rest) { $0.leaf.issuer }
        case "san" where rest.hasPrefix("other."): return otherName(String(rest.dropFirst(6)))
        case "san": return alternativeName(rest)
        default: return nil
        }
    }

    // MARK: Names

    /// `TYPE` or `TYPE[N]`, N from 0, or negative from the end.
    private static func attribute(
        _ text: String, _ name: @escaping @Sendable (IdentityInput) -> DistinguishedName
    ) -> TemplateVariable? {
        let (type, index) = indexed(text)
        guard let type, let oid = DistinguishedName.identifier(ofType: type) else { return nil }
        return TemplateVariable(.name) { (input) throws(IdentityError) in
            let found = name(input).attributes(oid)
            // Several common names are no identity unless one is asked for (security rule S10).
            guard index != nil || oid != "2.5.4.3" || found.count < 2 else {
                throw .unrepresentable
            }
            guard let attribute = name(input).attribute(oid, at: index ?? 0) else { return nil }
            guard let value = attribute.utf8 else { throw .unrepresentable }
            return value
        }
    }

    /// The base and the number of `base[N]`; the number is nil without brackets, and the base is
    /// for brackets without a number.
    private static func indexed(_ text: String) -> (base: String?, index: Int?) {
        guard text.hasSuffix("]"), let open = text.firstIndex(of: "[") else {
            return (text.isEmpty ? nil : text, nil)
        }
        guard let index = Int(text[text.index(after: open)...].dropLast()) else {
            return (nil, nil)
        }
        return (String(text[..<open]), index)
    }

    private static func alternativeName(_ text: String) -> TemplateVariable? {
        guard case (let kind?, let index?) = indexed(text) else { return nil }
        let names: @Sendable (CertificateAttributes) -> [String]
        switch kind {
        case "dns": names = { $0.dnsNames }
        case "uri": names = { $0.uris }
        case "email": names = { $0.emails }
        case "ip": names = { $0.addresses }
        default: return nil
        }
        return TemplateVariable(.name) { (input) throws(IdentityError) in
            let found = names(try input.attributes)
            let position = index < 0 ? found.count + index : index
            return found.indices.contains(position) ? Array(found[position].utf8) : nil
        }
    }

    private static func otherName(_ oid: String) -> TemplateVariable? {
        guard DistinguishedName.identifier(ofType: oid) == oid else { return nil }
        return TemplateVariable(.name) { (input) throws(IdentityError) in
            for name in try input.attributes.alternativeNames {
                guard case .other(oid, _) = name else { continue }
                guard let text = name.text(ofOther: oid) else { throw .unrepresentable }
                return Array(text.utf8)
            }
            return nil
        }
    }

    /// Names with a comma between them; one that holds a comma would be two.
    static func list(_ names: [String]) throws(IdentityError) -> [UInt8]? {
        guard !names.contains(where: { $0.utf8.contains(0x2c) }) else { throw .unrepresentable }
        return Array(names.joined(separator: ",").utf8)
    }
}
