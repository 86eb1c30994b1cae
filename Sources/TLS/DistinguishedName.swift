internal import COpenSSL

/// A distinguished name (RFC 5280 §4.1.2.4), in the certificate's order.
public struct DistinguishedName: Equatable, Sendable {
    /// One attribute: a type and its value.
    public struct Attribute: Equatable, Sendable {
        /// The type, dotted: `2.5.4.3`.
        public let oid: String
        /// OpenSSL's short name, such as `CN`; nil when it knows none.
        public let shortName: String?
        /// The value as UTF-8, nil when it is no string or cannot be converted.
        public let utf8: [UInt8]?
        /// The ASN.1 tag of the original string: 12 UTF8String, 19 PrintableString, 22 IA5String…
        public let stringTag: Int
        /// The value's content as it is encoded, without tag and length.
        public let content: [UInt8]
        /// Whether the value holds a NUL character (S10).
        public let containsNUL: Bool
    }

    /// The relative names; more than one attribute in one of them is a multi-valued one.
    public let relativeNames: [[Attribute]]

    /// Parses a DER `Name`; nothing when it is not one.
    init(der: [UInt8]) {
        relativeNames = unsafe Self.withName(der) { unsafe Self.relativeNames(of: $0) }
    }

    /// Parses a DER `Name`; nil when it is not one.
    public init?(validating der: [UInt8]) {
        let names = unsafe Self.withName(der) { name in
            unsafe name == nil ? nil : Self.relativeNames(of: name)
        }
        guard let names else { return nil }
        relativeNames = names
    }

    /// Hands the `X509_NAME` of that encoding to `body`; nil when it is none.
    static func withName<Result>(_ der: [UInt8], _ body: (OpaquePointer?) -> Result) -> Result {
        let name = unsafe der.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            return unsafe d2i_X509_NAME(nil, &cursor, bytes.count)
        }
        defer {
            unsafe X509_NAME_free(name)
            ErrorQueue.clear()
        }
        return unsafe body(name)
    }

    private static func relativeNames(of name: OpaquePointer?) -> [[Attribute]] {
        var relativeNames: [[Attribute]] = []
        var lastSet: Int32?
        for index in unsafe 0..<max(0, X509_NAME_entry_count(name)) {
            guard let entry = unsafe X509_NAME_get_entry(name, index) else { continue }
            let set = unsafe X509_NAME_ENTRY_set(entry)
            let attribute = unsafe Self.attribute(entry)
            if set == lastSet {
                relativeNames[relativeNames.count - 1].append(attribute)
            } else {
                relativeNames.append([attribute])
            }
            lastSet = set
        }
        return relativeNames
    }

    private static func attribute(_ entry: OpaquePointer) -> Attribute {
        let object = unsafe X509_NAME_ENTRY_get_object(entry)
        let value = unsafe X509_NAME_ENTRY_get_data(entry)
        let identifier = unsafe OBJ_obj2nid(object)
        var shortName: String?
        if identifier != NID_undef, let text = unsafe OBJ_nid2sn(identifier) {
            unsafe shortName = String(cString: text)
        }
        var utf8: [UInt8]?
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe ASN1_STRING_to_UTF8(&start, value)
        if count >= 0, let bytes = unsafe start {
            unsafe utf8 = [UInt8](UnsafeBufferPointer(start: bytes, count: Int(count)))
            unsafe COpenSSL_free(bytes)
        }
        let content = unsafe [UInt8](
            UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(value), count: Int(ASN1_STRING_length(value))))
        return unsafe Attribute(
            oid: dotted(object), shortName: shortName, utf8: utf8,
            stringTag: unsafe Int(ASN1_STRING_type(value)), content: content,
            containsNUL: utf8?.contains(0) ?? true)
    }

    static func dotted(_ object: OpaquePointer?) -> String {
        var text = [CChar](repeating: 0, count: 256)
        let count = unsafe Int(OBJ_obj2txt(&text, Int32(text.count), object, 1))
        guard count > 0 else { return "" }
        return String(
            decoding: text.prefix(min(count, text.count - 1)).lazy.map(UInt8.init(bitPattern:)),
            as: UTF8.self)
    }
}
