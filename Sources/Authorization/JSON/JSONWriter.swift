/// Writes one JSON text (RFC 8259) without blanks, members in the order of the calls.
public struct JSONWriter {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// An empty text.
    public init() {}

    /// An object; `members` writes them.
    public mutating func object(_ members: (inout JSONWriter) -> Void) {
        nest("{", "}", members)
    }

    /// An array; `items` writes them.
    public mutating func array(_ items: (inout JSONWriter) -> Void) {
        nest("[", "]", items)
    }

    /// The name of the member whose value comes next.
    public mutating func name(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string. Quote, backslash and control characters are escaped, nothing else is.
    public mutating func string(_ text: String) {
        begin()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: bytes += Array("\\n".utf8)
            case 0x0D: bytes += Array("\\r".utf8)
            case 0x09: bytes += Array("\\t".utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8)
                bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A whole number.
    public mutating func number(_ number: Int64) { literal("\(number)") }

    /// `null`.
    public mutating func null() { literal("null") }

    /// A whole value.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .flag(let flag): literal("\(flag)")
        case .number(let number): literal(number)
        case .string(let text): string(text)
        case .array(let items): array { for item in items { $0.value(item) } }
        case .object(let members):
            object { writer in
                for member in members {
                    writer.name(member.name)
                    writer.value(member.value)
                }
            }
        }
    }

    /// The member `name`, a string.
    public mutating func member(_ name: String, _ text: String) {
        self.name(name)
        string(text)
    }

    /// The member `name`, an object of strings, in order.
    public mutating func member(_ name: String, _ pairs: [(name: String, value: String)]) {
        self.name(name)
        object { writer in
            for pair in pairs { writer.member(pair.name, pair.value) }
        }
    }

    private mutating func literal(_ text: String) {
        begin()
        bytes += Array(text.utf8)
    }

    private mutating func begin() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func nest(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void
    ) {
        begin()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }
}
