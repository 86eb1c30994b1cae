internal import COpenSSL
internal import Core

/// Parses a distinguished name as people write it (RFC 4514): `CN=Issuing CA,O=Acme\, Inc.,C=DE`.
///
/// The last relative name of a certificate comes first, as `openssl x509 -nameopt RFC2253` prints
/// it. Types are OpenSSL's names in any case that it knows, or dotted numbers. Values in `#hex`
/// form are refused: which string type they have matters to nobody who writes a name.
struct DistinguishedNameText {
    /// What is wrong, where, and what may stand there.
    struct Mistake: Error, Equatable {
        /// From 0, in bytes.
        let offset: Int
        let reason: String
        let allowed: String
    }

    private typealias Attribute = (identifier: [UInt8], value: [UInt8])

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The whole text as a name.
    mutating func name() throws(Mistake) -> CanonicalName {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw mistake("the name is not UTF-8", "write it as UTF-8 or with \\HH escapes")
        }
        var relativeNames: [[Attribute]] = []
        var joins = false
        while true {
            let attribute = try attribute()
            if joins {
                relativeNames[relativeNames.count - 1].append(attribute)
            } else {
                relativeNames.append([attribute])
            }
            guard position < bytes.count else { break }
            joins = bytes[position] == UInt8(ascii: "+")
            position += 1
        }
        return CanonicalName(texts: relativeNames.reversed())
    }

    private func mistake(_ reason: String, _ allowed: String, at place: Int? = nil) -> Mistake {
        Mistake(offset: place ?? position, reason: reason, allowed: allowed)
    }

    private mutating func attribute() throws(Mistake) -> Attribute {
        while position < bytes.count, bytes[position] == 0x20 { position += 1 }
        let start = position
        let type = bytes[start...].prefix { $0 != UInt8(ascii: "=") }
        guard type.endIndex < bytes.count else {
            throw mistake("an attribute has no value", "write a name such as CN=Issuing CA,C=DE")
        }
        position = type.endIndex + 1
        let text = String(decoding: type, as: UTF8.self)
        guard let identifier = Self.identifier(text) else {
            throw mistake(
                "'\(text)' is no type of attribute", "write CN, O, OU, C or another, or its OID",
                at: start)
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: "#") {
            throw mistake("a value is written as #hex", "write text, or use issuer-sha256:")
        }
        return (identifier, try value())
    }

    private mutating func value() throws(Mistake) -> [UInt8] {
        var value: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "+"): return value
            case UInt8(ascii: "\\"): value.append(try escaped())
            case UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: ">"):
                throw mistake(
                    "this character must not stand in a value", "put \\ before it")
            default:
                value.append(byte)
                position += 1
            }
        }
        return value
    }

    /// A character or two hexadecimal digits behind a backslash (RFC 4514 §2.4).
    private mutating func escaped() throws(Mistake) -> UInt8 {
        let rest = bytes[(position + 1)...]
        guard let first = rest.first else {
            throw mistake("nothing follows the \\", "put a character or two digits behind it")
        }
        if !Self.isHexadecimal(first) {
            guard " \"#+,;<=>\\".utf8.contains(first) else {
                throw mistake(
                    "this character needs no \\", "escape one of space \" # + , ; < = > \\")
            }
            position += 2
            return first
        }
        guard let second = rest.dropFirst().first, let high = Hex.value(first),
            let low = Hex.value(second)
        else { throw mistake("this is no \\HH escape", "put two hexadecimal digits behind it") }
        position += 3
        return high << 4 | low
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        Hex.value(byte) != nil
    }

    /// The content of the OID that `type` names. RFC 4514 ignores case, OpenSSL does not.
    private static func identifier(_ type: String) -> [UInt8]? {
        defer { ErrorQueue.clear() }
        for spelling in [type, type.uppercased(), type.lowercased()] {
            guard let object = unsafe OBJ_txt2obj(spelling, 0) else { continue }
            defer { unsafe ASN1_OBJECT_free(object) }
            let count = unsafe Int(OBJ_length(object))
            guard count > 0 else { continue }
            return unsafe [UInt8](
                UnsafeBufferPointer(start: OBJ_get0_data(object), count: count))
        }
        return nil
    }
}
