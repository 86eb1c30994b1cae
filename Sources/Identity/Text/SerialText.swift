import Core

/// Serial numbers as text.
public enum SerialText {
    /// Decimal, `-` before a negative one.
    static func decimal(_ attributes: CertificateAttributes) -> [UInt8] {
        sign(attributes) + decimal(magnitude: attributes.serialNumber)
    }

    /// Decimal.
    public static func decimal(magnitude: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []
        var number = magnitude
        while let start = number.firstIndex(where: { $0 != 0 }) {
            number.removeFirst(start)
            var remainder = 0
            for index in number.indices {
                let value = remainder << 8 | Int(number[index])
                number[index] = UInt8(value / 10)
                remainder = value % 10
            }
            digits.append(UInt8(ascii: "0") + UInt8(remainder))
        }
        return digits.isEmpty ? [UInt8(ascii: "0")] : digits.reversed()
    }

    /// Hexadecimal, whole bytes, upper case, `-` before a negative one.
    static func upperHex(_ attributes: CertificateAttributes) -> [UInt8] {
        sign(attributes) + Hex.upper(attributes.serialNumber)
    }

    /// Hexadecimal, whole bytes, lower case, `-` before a negative one.
    static func lowerHex(_ attributes: CertificateAttributes) -> [UInt8] {
        sign(attributes) + Hex.lower(attributes.serialNumber)
    }

    /// The bytes of the encoding, sign byte included, lower case, `:` between them.
    public static func colons(_ attributes: CertificateAttributes) -> [UInt8] {
        Array(attributes.encodedSerialNumber.map { Hex.lower([$0]) }.joined(separator: [0x3a]))
    }

    private static func sign(_ attributes: CertificateAttributes) -> [UInt8] {
        (attributes.encodedSerialNumber.first ?? 0) < 0x80 ? [] : [UInt8(ascii: "-")]
    }
}
