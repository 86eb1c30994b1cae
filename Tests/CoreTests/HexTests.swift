import Core
import Testing

@Suite("base 16") struct HexTests {
    @Test(
        "pairs of digits spell bytes, with colons between all or none",
        arguments: [
            ("", []), ("00", [0]), ("0aFf", [10, 255]), ("0a:Ff:7e", [10, 255, 126]),
            ("0", nil), ("0g", nil), ("0a:f", nil), ("0a:", nil), (":0a", nil), ("0a::0b", nil),
            ("0a0b:0c", nil), ("0a:0b0c", nil), (":", nil), ("+1", nil), (" 1", nil),
        ] as [(String, [UInt8]?)])
    func bytes(text: String, expected: [UInt8]?) {
        #expect(Hex.bytes(Array(text.utf8)) == expected)
        guard let expected, !text.contains(":") else { return }
        #expect(Hex.lower(expected) == Array(text.lowercased().utf8))
    }
}
