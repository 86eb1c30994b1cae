internal import HTTP

/// Names of fields that an authorizer may set (S28).
enum MappedName {
    /// Fails for Host, framing, hop-by-hop, Trailer and Expect, in any spelling, and for what is no
    /// field name.
    static func check(_ name: String) throws(MappingError) {
        do throws(HeaderFirewall.ConfigurationError) {
            _ = try HeaderFirewall(ownedNames: [name])
        } catch {
            switch error {
            case .reservedName: throw .reservedName(name)
            case .invalidName, .prefixTooShort: throw .unknownTarget(name)
            }
        }
    }

    /// Names that back ends may take for one are one.
    static func folded(_ name: String) -> String {
        String(
            decoding: name.lowercased().utf8.map { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
                    ? byte : UInt8(ascii: "-")
            }, as: UTF8.self)
    }

    /// Whether a field can carry `value` as it is.
    static func isLegal(_ value: String) -> Bool {
        value.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !value.hasPrefix(" ")
            && !value.hasSuffix(" ")
    }
}
