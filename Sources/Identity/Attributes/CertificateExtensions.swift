import TLS

/// The extensions of a certificate (RFC 5280 §4.2), read one by one when asked for.
struct CertificateExtensions {
    /// Content of each by dotted identifier.
    private var contents: [String: ArraySlice<UInt8>] = [:]

    /// `element` is the certificate's `[3]`; nil without extensions.
    init(_ element: DERReader.Element?) throws(CertificateMistake) {
        guard let element else { return }
        do throws(DERReader.Mistake) {
            var explicit = element.reader
            var list = try explicit.element(DERReader.sequence).reader
            try explicit.finish()
            while !list.isAtEnd {
                var item = try list.element(DERReader.sequence).reader
                let name = try item.dottedIdentifier()
                if item.isNext(DERReader.boolean) { _ = try item.flag() }
                let content = try item.element(DERReader.octetString).content
                try item.finish()
                // RFC 5280 §4.2: no extension stands there twice.
                guard contents.updateValue(content, forKey: name) == nil else {
                    throw DERReader.Mistake()
                }
            }
        } catch {
            throw CertificateMistake(part: "extensions")
        }
    }

    func alternativeNames() throws(CertificateMistake) -> [AlternativeName] {
        try read("2.5.29.17", "subjectAltName") { (reader) throws(DERReader.Mistake) in
            try Self.list(&reader) { (list) throws(DERReader.Mistake) in
                try Self.alternativeName(try list.element())
            }
        } ?? []
    }

    func extendedKeyUsages() throws(CertificateMistake) -> [String] {
        try read("2.5.29.37", "extendedKeyUsage") { (reader) throws(DERReader.Mistake) in
            try Self.list(&reader) { (list) throws(DERReader.Mistake) in
                try list.dottedIdentifier()
            }
        } ?? []
    }

    func policies() throws(CertificateMistake) -> [String] {
        try read("2.5.29.32", "certificatePolicies") { (reader) throws(DERReader.Mistake) in
            try Self.list(&reader) { (list) throws(DERReader.Mistake) in
                var policy = try list.element(DERReader.sequence).reader
                let name = try policy.dottedIdentifier()
                _ = try policy.optional(DERReader.sequence)
                try policy.finish()
                return name
            }
        } ?? []
    }

    func keyUsage() throws(CertificateMistake) -> KeyUsage? {
        try read("2.5.29.15", "keyUsage") { (reader) throws(DERReader.Mistake) in
            let content = try reader.element(DERReader.bitString).content
            guard let unused = content.first, unused < 8, content.count <= 3,
                content.count > 1 || unused == 0
            else { throw DERReader.Mistake() }
            var bits = 0
            for (position, byte) in content.dropFirst().enumerated() {
                for bit in 0..<8 where byte >> (7 - UInt8(bit)) & 1 == 1 {
                    bits |= 1 << (position * 8 + bit)
                }
            }
            return KeyUsage(rawValue: bits)
        }
    }

    func basicConstraints() throws(CertificateMistake) -> (isAuthority: Bool, pathLength: Int?) {
        try read("2.5.29.19", "basicConstraints") { (reader) throws(DERReader.Mistake) in
            var content = try reader.element(DERReader.sequence).reader
            let isAuthority = content.isNext(DERReader.boolean) ? try content.flag() : false
            let pathLength = content.isAtEnd ? nil : try content.number()
            try content.finish()
            return (isAuthority, pathLength)
        } ?? (false, nil)
    }

    func subjectKeyIdentifier() throws(CertificateMistake) -> [UInt8]? {
        try read("2.5.29.14", "subjectKeyIdentifier") { (reader) throws(DERReader.Mistake) in
            Array(try reader.element(DERReader.octetString).content)
        }
    }

    func authorityKeyIdentifier() throws(CertificateMistake) -> [UInt8]? {
        let found: [UInt8]?? = try read("2.5.29.35", "authorityKeyIdentifier") {
            (reader) throws(DERReader.Mistake) in
            var content = try reader.element(DERReader.sequence).reader
            let identifier = try content.optional(0x80).map { Array($0.content) }
            while !content.isAtEnd { _ = try content.element() }
            return identifier
        }
        return found ?? nil
    }

    // MARK: Values

    /// What `body` makes of the extension called `oid`; nil without one.
    private func read<Value>(
        _ oid: String, _ name: String, _ body: (inout DERReader) throws(DERReader.Mistake) -> Value
    ) throws(CertificateMistake) -> Value? {
        guard let content = contents[oid] else { return nil }
        do throws(DERReader.Mistake) {
            var reader = DERReader(content)
            let value = try body(&reader)
            try reader.finish()
            return value
        } catch {
            throw CertificateMistake(part: name)
        }
    }

    /// A SEQUENCE of at least one value.
    private static func list<Value>(
        _ reader: inout DERReader, _ value: (inout DERReader) throws(DERReader.Mistake) -> Value
    ) throws(DERReader.Mistake) -> [Value] {
        var list = try reader.element(DERReader.sequence).reader
        var values: [Value] = []
        repeat { values.append(try value(&list)) } while !list.isAtEnd
        return values
    }

    private static func alternativeName(
        _ element: DERReader.Element
    ) throws(DERReader.Mistake) -> AlternativeName {
        switch element.tag {
        case 0xa0:
            var reader = element.reader
            let oid = try reader.dottedIdentifier()
            var explicit = try reader.element(0xa0).reader
            try reader.finish()
            let value = try explicit.element().whole
            try explicit.finish()
            return .other(oid: oid, value: Array(value))
        case 0x81: return .email(try printable(element.content))
        case 0x82: return .dns(try printable(element.content))
        case 0x86: return .uri(try printable(element.content))
        case 0xa4:
            var reader = element.reader
            let encoding = Array(try reader.element(DERReader.sequence).whole)
            try reader.finish()
            guard let name = DistinguishedName(validating: encoding) else {
                throw DERReader.Mistake()
            }
            return .directory(name)
        case 0x87:
            guard [4, 16].contains(element.content.count) else { throw DERReader.Mistake() }
            return .ip(Array(element.content))
        case 0x88: return .registeredID(try DERReader.dotted(element.content))
        case 0xa3, 0xa5: return .obsolete(tag: element.tag & 0x1f, content: Array(element.content))
        default: throw DERReader.Mistake()
        }
    }

    /// An IA5String without control characters: no name has any, and one with NUL means one thing
    /// to us and another to who stops there (security rule S10).
    private static func printable(
        _ content: ArraySlice<UInt8>
    ) throws(DERReader.Mistake) -> String {
        guard content.allSatisfy({ (0x20...0x7e).contains($0) }) else { throw DERReader.Mistake() }
        return String(decoding: content, as: UTF8.self)
    }
}
