/// Reads DER (X.690 §10) from front to back: what is not DER is an error.
///
/// Tags from 31 on and lengths from 16 MiB on are errors as well; no certificate has them.
struct DERReader {
    /// The bytes are no DER, or not of the type that must stand here.
    struct Mistake: Error, Equatable {}

    /// One value.
    struct Element: Equatable {
        let tag: UInt8
        let content: ArraySlice<UInt8>
        /// Tag, length and content.
        let whole: ArraySlice<UInt8>

        /// A reader of what is inside.
        var reader: DERReader { DERReader(content) }
    }

    static let boolean: UInt8 = 0x01
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06
    static let sequence: UInt8 = 0x30

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Whether nothing is left.
    var isAtEnd: Bool { position == bytes.endIndex }

    /// Whether the next value has `tag`.
    func isNext(_ tag: UInt8) -> Bool { !isAtEnd && bytes[position] == tag }

    /// The next value, of any type.
    mutating func element() throws(Mistake) -> Element {
        let start = position
        let tag = try byte()
        guard tag & 0x1f != 0x1f else { throw Mistake() }
        let count = try length()
        guard count <= bytes.endIndex - position else { throw Mistake() }
        let content = bytes[position..<position + count]
        position += count
        return Element(tag: tag, content: content, whole: bytes[start..<position])
    }

    /// The next value, which must have `tag`.
    mutating func element(_ tag: UInt8) throws(Mistake) -> Element {
        let found = try element()
        guard found.tag == tag else { throw Mistake() }
        return found
    }

    /// The next value if it has `tag`.
    mutating func optional(_ tag: UInt8) throws(Mistake) -> Element? {
        isNext(tag) ? try element(tag) : nil
    }

    /// Nothing may be left.
    func finish() throws(Mistake) {
        guard isAtEnd else { throw Mistake() }
    }

    /// The next value, an object identifier, dotted.
    mutating func dottedIdentifier() throws(Mistake) -> String {
        try Self.dotted(try element(Self.objectIdentifier).content)
    }

    /// The next value, a boolean.
    mutating func flag() throws(Mistake) -> Bool {
        let content = try element(Self.boolean).content
        switch (content.count, content.first) {
        case (1, 0): return false
        case (1, 0xff): return true
        default: throw Mistake()
        }
    }

    /// The next value, a number from 0 on that fits.
    mutating func number() throws(Mistake) -> Int {
        let content = try element(Self.integer).content
        guard let first = content.first, first < 0x80, content.count <= 7 else { throw Mistake() }
        return content.reduce(0) { $0 << 8 | Int($1) }
    }

    /// The content of an object identifier (X.690 §8.19), dotted.
    static func dotted(_ content: ArraySlice<UInt8>) throws(Mistake) -> String {
        guard let last = content.last, last < 0x80 else { throw Mistake() }
        var numbers: [UInt64] = []
        var number: UInt64 = 0
        var isFirstByte = true
        for byte in content {
            guard !(isFirstByte && byte == 0x80), number >> 56 == 0 else { throw Mistake() }
            number = number << 7 | UInt64(byte & 0x7f)
            isFirstByte = byte < 0x80
            guard isFirstByte else { continue }
            if numbers.isEmpty {
                let root = min(number / 40, 2)
                numbers = [root, number - root * 40]
            } else {
                numbers.append(number)
            }
            number = 0
        }
        return numbers.map { String($0) }.joined(separator: ".")
    }

    private mutating func byte() throws(Mistake) -> UInt8 {
        guard !isAtEnd else { throw Mistake() }
        defer { position += 1 }
        return bytes[position]
    }

    /// The length: definite, and in the fewest bytes.
    private mutating func length() throws(Mistake) -> Int {
        let first = try byte()
        guard first >= 0x80 else { return Int(first) }
        let size = Int(first & 0x7f)
        guard (1...3).contains(size) else { throw Mistake() }
        var count = 0
        for index in 0..<size {
            let next = try byte()
            guard index > 0 || next != 0 else { throw Mistake() }
            count = count << 8 | Int(next)
        }
        guard count >= 0x80 else { throw Mistake() }
        return count
    }
}
