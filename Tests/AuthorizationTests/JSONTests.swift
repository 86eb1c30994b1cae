import Authorization
import Testing

@Suite("JSON is read strictly and written exactly") struct JSONTests {
    private func read(_ text: String, limit: Int = 1_000) -> JSONValue? {
        try? JSONReader.read(Array(text.utf8), limit: limit)
    }

    @Test(
        "what RFC 8259 allows",
        arguments: [
            ("null", .null), (" true ", .flag(true)), ("false", .flag(false)),
            ("-0.5e+10", .number("-0.5e+10")), ("12", .number("12")),
            (#""a\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e""#, .string("a\"\\/\u{8}\u{c}\n\r\té𝄞")),
            ("[]", .array([])), ("[1, \"x\"]", .array([.number("1"), .string("x")])),
            ("{}", .object([])),
            (#"{"a":{"b":[null]}}"#, .object([.init("a", .object([.init("b", .array([.null]))]))])),
        ] as [(String, JSONValue)])
    func reads(text: String, value: JSONValue) { #expect(read(text) == value) }

    @Test(
        "nothing else",
        arguments: [
            "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "0x1", "NaN", "'a'", "\"a",
            "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud834""#, #""\ud834\u0041""#, #""\udd1e""#,
            "[1,]", "[1 2]", "[", "{", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "1 1", "]",
            "// x\n1",
        ])
    func refuses(text: String) { #expect(read(text) == nil) }

    @Test("a name that stands twice, bytes that are no UTF-8, and what is too large or too deep")
    func limits() {
        #expect(throws: JSONError.duplicateName("a")) {
            try JSONReader.read(Array(#"{"a":1,"b":2,"\u0061":3}"#.utf8), limit: 100)
        }
        #expect(throws: JSONError.notUTF8) {
            try JSONReader.read([0x22, 0xC3, 0x22], limit: 100)
        }
        #expect(throws: JSONError.tooLarge) { try JSONReader.read([0x31, 0x31], limit: 1) }
        let depth = JSONReader.depthLimit
        let nested = { (count: Int) in
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(read(nested(depth)) != nil)
        #expect(read(nested(depth + 1)) == nil)
        #expect(throws: JSONError.malformed(offset: 3)) {
            try JSONReader.read(Array("[1,x]".utf8), limit: 100)
        }
    }

    @Test("what is written is read as it was") func writes() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("a", "q\"\\\u{1}\n\u{7f}é")
            writer.name("b")
            writer.array { writer in
                writer.number(-5)
                writer.null()
                writer.object { $0.member("c", [("d", "e"), ("f", "")]) }
                writer.array { _ in }
            }
            writer.name("g")
            writer.value(.object([.init("h", .array([.flag(true), .number("1.50")]))]))
        }
        let text = String(decoding: writer.bytes, as: UTF8.self)
        let expected =
            #"{"a":"q\"\\\u0001\n"# + "\u{7f}é"
            + #"","b":[-5,null,{"c":{"d":"e","f":""}},[]],"g":{"h":[true,1.50]}}"#
        #expect(text == expected)
        #expect(read(text)?["g"]?["h"] == .array([.flag(true), .number("1.50")]))
    }
}
