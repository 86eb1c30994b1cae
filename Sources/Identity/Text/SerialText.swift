/// Serial numbers as text.
enum SerialText {
    /// Decimal, `-` before a negative one.
    static func decimal(_ attributes: CertificateAttributes) -> [UInt8] {
        var digits: [UInt8] = []
        var number = attributes.serialNumber
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
        return sign(attributes) + (digits.isEmpty ? [UInt8(ascii: "0")] : digits.reversed())
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
    static func colons(_ attributes: CertificateAttributes) -> [UInt8] {
        Array(attributes.encodedSerialNumber.map { Hex.lower([$0]) }.joined(separator: [0x3a]))
    }

    private static func sign(_ attributes: CertificateAttributes) -> [UInt8] {
        (attributes.encodedSerialNumber.first ?? 0) < 0x80 ? [] : [UInt8(ascii: "-")]
    }
}

/// Base 16.
enum Hex {
    static func lower(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { [digit($0 >> 4, "a"), digit($0 & 15, "a")] }
    }

    static func upper(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { [digit($0 >> 4, "A"), digit($0 & 15, "A")] }
    }

    /// The value of a digit; nil when it is none.
    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func digit(_ value: UInt8, _ ten: Unicode.Scalar) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: ten) + value - 10
    }
}
