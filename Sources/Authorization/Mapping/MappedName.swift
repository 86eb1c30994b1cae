internal import Core
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
        unsafe String(unsafeUninitializedCapacity: name.utf8.count) { folded in
            var count = 0
            for byte in name.utf8 {
                let lowered = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
                let isPlain =
                    (0x61...0x7a).contains(lowered) || (0x30...0x39).contains(lowered)
                unsafe folded[count] = isPlain ? lowered : UInt8(ascii: "-")
                count += 1
            }
            return count
        }
    }

    /// Whether both are one name, in any case.
    static func isSame(_ left: ByteView, _ right: ByteView) -> Bool {
        guard left.count == right.count else { return false }
        var index = 0
        while index < left.count {
            guard lowered(left[index]) == lowered(right[index]) else { return false }
            index += 1
        }
        return true
    }

    /// Whether both are one name, in any case.
    static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { lowered($0) == lowered($1) }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }

    /// Whether a field can carry `value` as it is.
    static func isLegal(_ value: String) -> Bool {
        value.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !value.hasPrefix(" ")
            && !value.hasSuffix(" ")
    }
}
