internal import COpenSSL

/// A distinguished name in a form in which equal names are equal bytes (RFC 5280 §7.1).
///
/// The rules are those of `X509_NAME_cmp`, by which OpenSSL builds chains: a text is taken as
/// UTF-8 whatever its string type was, ASCII letters in lower case, blanks at its ends left out,
/// inner runs of blanks one space; other values count as they are. Attributes of one relative name
/// have no order, relative names have.
struct CanonicalName: Equatable {
    /// One attribute in canonical form.
    private typealias Attribute = [UInt8]

    /// Every part with its length before it: no two names have one encoding, and none is the
    /// beginning of another.
    let encoding: [UInt8]

    /// SHA-256 of `encoding`.
    var digest: Fingerprint { Fingerprint(of: encoding) }

    /// The name of `name`, an `X509_NAME`; nil when a value of it cannot be read.
    init?(_ name: OpaquePointer?) {
        var relativeNames: [[Attribute]] = []
        var lastSet: Int32?
        for index in unsafe 0..<max(0, X509_NAME_entry_count(name)) {
            guard let entry = unsafe X509_NAME_get_entry(name, index),
                let attribute = unsafe Self.attribute(entry)
            else { return nil }
            let set = unsafe X509_NAME_ENTRY_set(entry)
            if set != lastSet { relativeNames.append([]) }
            relativeNames[relativeNames.count - 1].append(attribute)
            lastSet = set
        }
        self.init(relativeNames)
    }

    /// The name of texts: relative names in the certificate's order, OIDs as DER content.
    init(texts: [[(identifier: [UInt8], value: [UInt8])]]) {
        self.init(
            texts.map { relativeName in
                relativeName.map { attribute in
                    Self.attribute(
                        attribute.identifier, V_ASN1_UTF8STRING, Self.folded(attribute.value))
                }
            })
    }

    private init(_ relativeNames: [[Attribute]]) {
        var encoding: [UInt8] = []
        for attributes in relativeNames {
            Self.append(UInt32(attributes.count), to: &encoding)
            for attribute in attributes.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                encoding += attribute
            }
        }
        var whole: [UInt8] = []
        Self.append(UInt32(encoding.count), to: &whole)
        self.encoding = whole + encoding
    }

    private static func attribute(_ entry: OpaquePointer) -> Attribute? {
        guard let object = unsafe X509_NAME_ENTRY_get_object(entry),
            let value = unsafe X509_NAME_ENTRY_get_data(entry)
        else { return nil }
        let identifier = unsafe [UInt8](
            UnsafeBufferPointer(start: OBJ_get0_data(object), count: Int(OBJ_length(object))))
        let type = unsafe ASN1_STRING_type(value)
        guard isText(type) else {
            let bytes = unsafe [UInt8](
                UnsafeBufferPointer(
                    start: ASN1_STRING_get0_data(value), count: Int(ASN1_STRING_length(value))))
            return attribute(identifier, type, bytes)
        }
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe ASN1_STRING_to_UTF8(&start, value)
        guard count >= 0, let start = unsafe start else {
            ErrorQueue.clear()
            return nil
        }
        defer { unsafe COpenSSL_free(start) }
        let text = unsafe [UInt8](UnsafeBufferPointer(start: start, count: Int(count)))
        return attribute(identifier, V_ASN1_UTF8STRING, folded(text))
    }

    /// The string types that OpenSSL compares as text (`ASN1_MASK_CANON`).
    private static func isText(_ type: Int32) -> Bool {
        [
            V_ASN1_UTF8STRING, V_ASN1_BMPSTRING, V_ASN1_UNIVERSALSTRING, V_ASN1_PRINTABLESTRING,
            V_ASN1_T61STRING, V_ASN1_IA5STRING, V_ASN1_VISIBLESTRING,
        ].contains(type)
    }

    private static func attribute(
        _ identifier: [UInt8], _ type: Int32, _ value: [UInt8]
    ) -> Attribute {
        var attribute: Attribute = []
        append(UInt32(identifier.count), to: &attribute)
        attribute += identifier
        append(UInt32(bitPattern: type), to: &attribute)
        append(UInt32(value.count), to: &attribute)
        return attribute + value
    }

    private static func folded(_ text: [UInt8]) -> [UInt8] {
        text.split { $0 == 0x20 || (0x09...0x0D).contains($0) }
            .joined(separator: [0x20])
            .map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}
