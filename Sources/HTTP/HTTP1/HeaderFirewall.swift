public import Core

/// Decides which field names a client may send through (S23, S24, S25).
///
/// Names are compared by alias class: lower case, and every byte that is not a letter or digit
/// folded to `-`, because back ends fold them so (CGI, WSGI, Rack, PHP). An ordinary name costs a
/// bit test on its first four bytes; the hash table and the prefixes are looked at only when an
/// owned name begins alike. Built once per configuration; immutable; never allocates after that.
public struct HeaderFirewall: Sendable {
    /// What a field name is to the firewall.
    public enum Classification: UInt8, Sendable {
        /// An ordinary name.
        case pass
        /// A name that only Postern may set: the field is dropped.
        case owned
        /// A name that claims a forwarding path (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`), or an
        /// identifier given on it (`X-Request-Id`): dropped unless the sender is a trusted hop.
        case forwarding
        /// A name that a back end may take for Host or a framing name: the request gets 400.
        case framingAlias
        /// A name with `_` or `.` that is no exception: the field is dropped.
        case suspicious
    }

    /// Why a firewall cannot be built.
    public enum ConfigurationError: Error, Equatable, Sendable {
        /// Not an HTTP token, or empty.
        case invalidName(String)
        /// Host, framing, hop-by-hop, Trailer and Expect cannot be owned (S28).
        case reservedName(String)
        /// A prefix needs at least four characters.
        case prefixTooShort(String)
    }

    /// The identity header families of all products that Postern imitates (spec §10.1).
    public static let identityPrefixes = [
        "x-amzn-mtls-", "cloudfront-viewer-cert-", "ssl-client-", "x-ssl-", "x-client-cert-",
        "x-forwarded-tls-client-cert", "x-forwarded-client-cert", "client-cert",
    ]
    /// The identity header names outside those families.
    public static let identityNames = [
        "x-client-cert", "x-arr-clientcert", "x-amzn-request-context",
    ]
    static let forwardingPrefix = "x-forwarded-"
    static let forwardingNames = ["forwarded", "x-real-ip", "x-request-id"]
    static let reservedNames = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive",
        "proxy-connection", "te", "trailer", "upgrade", "expect", "http2-settings",
        "proxy-authorization", "proxy-authenticate",
    ]

    private enum Kind: UInt8 {
        case empty
        case owned
        case exception
        case forwarding
        case reserved
    }

    private struct Entry {
        var start: Int = 0
        var count: Int = 0
        var kind = Kind.empty
    }

    /// All names and prefixes, folded, one after the other.
    private var text: [UInt8] = []
    /// Open addressing; the size is a power of two and at most half of it is used.
    private var table: [Entry]
    private var prefixes: [Entry] = []
    /// Names with `_` or `.` that pass: lower case, not folded.
    private var spelled: [Entry] = []
    private var filter = InlineArray<4, UInt64>(repeating: 0)
    /// Interned names that are owned.
    let ownedKnown: UInt64

    /// A firewall that owns `ownedNames` beside the names and families of spec §10.1.
    ///
    /// - Parameters:
    ///   - ownedNames: Every configured identity header and every authorizer-mapped name.
    ///   - ownedPrefixes: Families; by default those of the specification.
    ///   - ownedExceptions: Exact names that pass although the specification's list or families
    ///     cover them; a name in `ownedNames` stays owned.
    ///   - spellingExceptions: Exact names that pass although they hold `_` or `.`.
    public init(
        ownedNames: [String], ownedPrefixes: [String] = HeaderFirewall.identityPrefixes,
        ownedExceptions: [String] = [], spellingExceptions: [String] = []
    ) throws(ConfigurationError) {
        let total =
            ownedNames.count + Self.identityNames.count + ownedExceptions.count
            + Self.forwardingNames.count + Self.reservedNames.count
        var size = 64
        while size < total * 2 { size *= 2 }
        table = Array(repeating: Entry(), count: size)
        var known: UInt64 = 0
        for name in ownedNames {
            let folded = try Self.fold(name)
            guard !Self.reservedNames.contains(String(decoding: folded, as: UTF8.self)) else {
                throw .reservedName(name)
            }
            known |= Self.knownBit(folded)
        }
        ownedKnown = known & ~FieldName.other.bit
        // The first of two equal names counts: no exception undoes a reserved or configured name.
        for name in Self.reservedNames { insert(try Self.fold(name), .reserved) }
        for name in ownedNames { insert(try Self.fold(name), .owned) }
        for name in ownedExceptions { insert(try Self.fold(name), .exception) }
        for name in Self.identityNames { insert(try Self.fold(name), .owned) }
        for name in Self.forwardingNames { insert(try Self.fold(name), .forwarding) }
        for prefix in ownedPrefixes {
            let folded = try Self.fold(prefix)
            guard folded.count >= 4 else { throw .prefixTooShort(prefix) }
            prefixes.append(store(folded, .owned))
        }
        prefixes.append(store(try Self.fold(Self.forwardingPrefix), .forwarding))
        for name in spellingExceptions {
            _ = try Self.fold(name)
            spelled.append(keep(name.utf8.map(\.lowered), .exception))
        }
    }

    /// Classifies a field name, or a name nominated in `Connection`.
    public func classify(_ name: ByteView) -> Classification {
        let isPlain = ByteScanner(name).endOfPlainName(from: 0) == name.count
        return isPlain ? classifyPlain(name) : classifyUnusual(name)
    }

    /// Classifies a name of letters, digits and `-` only.
    @inline(__always)
    func classifyPlain(_ name: ByteView) -> Classification {
        guard name.count > 0 else { return .pass }
        let key = UInt32(
            truncatingIfNeeded: ByteScanner(name).foldedWord(at: 0, count: min(name.count, 4)))
        guard mayBeListed(key) else { return .pass }
        return classifyListed(name)
    }

    /// The slow half of `classifyPlain`: some listed name has the same first four bytes.
    @inline(never)
    private func classifyListed(_ name: ByteView) -> Classification {
        switch find(name) {
        case .owned: return .owned
        case .forwarding: return .forwarding
        case .exception: return .pass
        case .reserved, .empty: return classifyPrefix(name)
        }
    }

    /// Classifies a name with a character other than letters, digits and `-`.
    @inline(never)
    func classifyUnusual(_ name: ByteView) -> Classification {
        switch find(name) {
        case .reserved: return .framingAlias
        case .owned, .exception: return .owned
        case .forwarding: return .forwarding
        case .empty: break
        }
        let family = classifyPrefix(name)
        guard family == .pass else { return family }
        var index = 0
        while index < name.count {
            if name[index] == 0x5f || name[index] == 0x2e {
                return isSpellingException(name) ? .pass : .suspicious
            }
            index += 1
        }
        return .pass
    }

    private func classifyPrefix(_ name: ByteView) -> Classification {
        for prefix in prefixes where prefix.count <= name.count {
            if matches(name, prefix) { return prefix.kind == .owned ? .owned : .forwarding }
        }
        return .pass
    }

    private func find(_ name: ByteView) -> Kind {
        var hash = Self.hashSeed
        var index = 0
        while index < name.count {
            hash = Self.mix(hash, name[index].folded)
            index += 1
        }
        var slot = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[slot].kind != .empty {
            if table[slot].count == name.count, matches(name, table[slot]) {
                return table[slot].kind
            }
            slot = (slot + 1) & (table.count - 1)
        }
        return .empty
    }

    /// Whether `name` folds to, or begins with, the text of `entry`.
    private func matches(_ name: ByteView, _ entry: Entry) -> Bool {
        var index = 0
        while index < entry.count {
            guard name[index].folded == text[entry.start + index] else { return false }
            index += 1
        }
        return true
    }

    private func isSpellingException(_ name: ByteView) -> Bool {
        for entry in spelled where entry.count == name.count {
            var index = 0
            while index < name.count, name[index].lowered == text[entry.start + index] {
                index += 1
            }
            if index == name.count { return true }
        }
        return false
    }

    @inline(__always)
    private func mayBeListed(_ key: UInt32) -> Bool {
        let bit = (key &* 0x9e37_79b1) &>> 24
        return (filter[Int(bit &>> 6)] &>> UInt64(bit & 63)) & 1 == 1
    }

    private mutating func insert(_ folded: [UInt8], _ kind: Kind) {
        var hash = Self.hashSeed
        for byte in folded { hash = Self.mix(hash, byte) }
        var slot = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[slot].kind != .empty {
            let entry = table[slot]
            if Array(text[entry.start..<(entry.start + entry.count)]) == folded { return }
            slot = (slot + 1) & (table.count - 1)
        }
        table[slot] = store(folded, kind)
    }

    /// Keeps `folded` and lets its first four bytes pass the filter.
    private mutating func store(_ folded: [UInt8], _ kind: Kind) -> Entry {
        var key: UInt32 = 0
        for (index, byte) in folded.prefix(4).enumerated() {
            key |= UInt32(byte) << UInt32(index * 8)
        }
        let bit = (key &* 0x9e37_79b1) &>> 24
        filter[Int(bit &>> 6)] |= 1 &<< UInt64(bit & 63)
        return keep(folded, kind)
    }

    private mutating func keep(_ bytes: [UInt8], _ kind: Kind) -> Entry {
        let entry = Entry(start: text.count, count: bytes.count, kind: kind)
        text += bytes
        return entry
    }

    private static func fold(_ name: String) throws(ConfigurationError) -> [UInt8] {
        let bytes = Array(name.utf8)
        for byte in bytes where !byte.isTokenByte { throw .invalidName(name) }
        guard !bytes.isEmpty else { throw .invalidName(name) }
        return bytes.map(\.folded)
    }

    private static func knownBit(_ folded: [UInt8]) -> UInt64 {
        for name in FieldName.allCases where ByteView(name.text).array == folded {
            return name.bit
        }
        return 0
    }

    private static var hashSeed: UInt32 { 0x811c_9dc5 }

    /// FNV-1a.
    @inline(__always)
    private static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
        (hash ^ UInt32(byte)) &* 0x0100_0193
    }
}
