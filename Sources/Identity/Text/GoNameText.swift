import Core
import TLS

/// A distinguished name as Go 1.26 prints it (`pkix.Name.String`): nine known types in a fixed
/// order, each type once, and others behind them as `oid=#` and the DER of a string.
enum GoNameText {
    /// In the order in which they are printed. Of the first two, the last value counts.
    private static let known = [
        ("2.5.4.5", "SERIALNUMBER"), ("2.5.4.3", "CN"), ("2.5.4.11", "OU"), ("2.5.4.10", "O"),
        ("2.5.4.17", "POSTALCODE"), ("2.5.4.9", "STREET"), ("2.5.4.7", "L"), ("2.5.4.8", "ST"),
        ("2.5.4.6", "C"),
    ]

    /// Nil for an empty name.
    static func render(_ name: DistinguishedName) throws(IdentityError) -> [UInt8]? {
        var parts: [[UInt8]] = []
        for (position, (oid, label)) in known.enumerated() {
            var values: [[UInt8]] = []
            for attribute in name.attributes(oid) where isString(attribute) {
                values.append(try text(of: attribute))
            }
            if position < 2 { values = values.suffix(1).filter { !$0.isEmpty } }
            guard !values.isEmpty else { continue }
            let pairs = values.map { Array("\(label)=".utf8) + escaped($0) }
            parts.append(Array(pairs.joined(separator: [UInt8(ascii: "+")])))
        }
        for attribute in name.attributes.reversed()
        where !known.contains(where: { $0.0 == attribute.oid }) {
            let string = marshalled(try text(of: attribute))
            parts.append(Array("\(attribute.oid)=#".utf8) + Hex.lower(string))
        }
        guard !parts.isEmpty else { return nil }
        return NameText.withoutTrailingBlank(Array(parts.joined(separator: [UInt8(ascii: ",")])))
    }

    /// Go reads no UniversalString.
    static func isString(_ attribute: DistinguishedName.Attribute) -> Bool {
        attribute.stringTag != 28
    }

    private static func text(
        of attribute: DistinguishedName.Attribute
    ) throws(IdentityError) -> [UInt8] {
        guard let text = attribute.utf8 else { throw .unrepresentable }
        return text
    }

    private static func escaped(_ text: [UInt8]) -> [UInt8] {
        text.enumerated().flatMap { index, byte -> [UInt8] in
            let isSpecial =
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "\""), UInt8(ascii: "\\"),
                    UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ";"):
                    true
                case UInt8(ascii: " "): index == 0 || index == text.count - 1
                case UInt8(ascii: "#"): index == 0
                default: false
                }
            return isSpecial ? [UInt8(ascii: "\\"), byte] : [byte]
        }
    }

    /// The DER of a PrintableString, or of a UTF8String where that cannot hold the text.
    private static func marshalled(_ text: [UInt8]) -> [UInt8] {
        let isPrintable = text.allSatisfy { byte in
            (0x61...0x7a).contains(byte | 0x20) && byte != 0x40 && byte != 0x60
                || (0x30...0x39).contains(byte) || " '()+,-./:=?".utf8.contains(byte)
        }
        let tag: UInt8 = isPrintable ? 0x13 : 0x0c
        let count = text.count
        let length: [UInt8] =
            count < 0x80
            ? [UInt8(count)]
            : count < 0x100
                ? [0x81, UInt8(count)]
                : [0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
        return [tag] + length + text
    }
}
