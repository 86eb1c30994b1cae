import Core
import HTTP
import Testing

@Suite("a table of fields can be kept for later") struct HeadStorageTests {
    private static let head = """
        GET / HTTP/1.1\r
        Host: a\r
        Connection: X-Drop\r
        X-Drop: 1\r
        Accept: b\r
        Accept: c\r
        \r

        """

    private func parse(_ text: String, into fields: inout HeadStorage) throws {
        try unsafe Array(text.utf8).withUnsafeBytes {
            _ = try unsafe RequestParser.parse(ByteView($0), into: &fields)
        }
    }

    /// Name, value, kind and fate of each field, once the head is screened.
    private func screened(_ fields: inout HeadStorage) throws -> [String] {
        try unsafe Array(Self.head.utf8).withUnsafeBytes { raw in
            let bytes = unsafe ByteView(raw)
            try HeaderFirewall(ownedNames: []).screenRequest(bytes, &fields)
            return (0..<fields.count).map { index in
                let field = fields[index]
                return "\(bytes[field.name].string) \(bytes[field.value].string) \(field.id) "
                    + "\(field.disposition)"
            }
        }
    }

    @Test("what is restored is what was parsed, whatever came between") func restored() throws {
        var fields = HeadStorage(capacity: 8)
        var buffer = try #require(BufferPool(chunkSize: 1_024, limit: 1).take())
        buffer.append(ByteView("before"))
        try parse(Self.head, into: &fields)
        let isSaved = fields.save(to: &buffer)
        let present = (fields.present, fields.repeated, fields.hasNominations)
        let expected = try screened(&fields)
        #expect(expected.contains("X-Drop 1 other nominated"))
        try parse("GET / HTTP/1.1\r\nHost: other\r\nCookie: a\r\n\r\n", into: &fields)
        fields.restore(from: buffer.filled.dropFirst(6))
        let isScreened = fields.isScreened
        let restored = (fields.present, fields.repeated, fields.hasNominations)
        let found = try screened(&fields)
        #expect(isSaved && !isScreened)
        #expect(restored == present && found == expected)
    }

    @Test("a table without room is not kept in part") func room() throws {
        var fields = HeadStorage(capacity: 8)
        try parse(Self.head, into: &fields)
        var large = try #require(BufferPool(chunkSize: 1_024, limit: 1).take())
        let fitsLarge = fields.save(to: &large)
        var small = try #require(BufferPool(chunkSize: large.count - 1, limit: 1).take())
        let fitsSmall = fields.save(to: &small)
        var exact = try #require(BufferPool(chunkSize: large.count, limit: 1).take())
        let fitsExact = fields.save(to: &exact)
        #expect(fitsLarge && !fitsSmall && fitsExact && small.count == 0)
    }
}
