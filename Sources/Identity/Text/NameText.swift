import TLS

/// Distinguished names in OpenSSL's forms, as a header can carry them.
enum NameText {
    static func subject(
        _ input: IdentityInput, _ style: DistinguishedNameStyle
    ) throws(IdentityError) -> [UInt8]? {
        try value(input.leaf.subjectText(style))
    }

    static func issuer(
        _ input: IdentityInput, _ style: DistinguishedNameStyle
    ) throws(IdentityError) -> [UInt8]? {
        try value(input.leaf.issuerText(style))
    }

    private static func value(_ text: [UInt8]?) throws(IdentityError) -> [UInt8]? {
        guard let text else { throw .unrepresentable }
        return text.isEmpty ? nil : withoutTrailingBlank(text)
    }

    /// HTTP strips a blank from the end of a value and would leave the backslash before it, so it
    /// is written as `\20` there. No peer does; theirs is not the same name at the other end.
    static func withoutTrailingBlank(_ text: [UInt8]) -> [UInt8] {
        text.last == 0x20
            ? text.dropLast(text.dropLast().last == 0x5c ? 2 : 1) + Array("\\20".utf8) : text
    }
}
