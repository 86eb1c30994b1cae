internal import Core

/// The server name that a client asks for (RFC 6066 §3), strictly parsed.
enum ServerName {
    /// What the `server_name` extension says.
    enum Parsed: Equatable {
        /// Lowercase, without a trailing dot.
        case name([UInt8])
        /// Not a list of one host name.
        case malformed
        /// A list of one name that no host can have.
        case illegal
    }

    static let longest = 253

    /// Parses the extension's body.
    static func parse(_ body: ByteView) -> Parsed {
        guard body.count >= 5 else { return .malformed }
        let listCount = Int(body[0]) << 8 | Int(body[1])
        let nameCount = Int(body[3]) << 8 | Int(body[4])
        guard listCount == body.count - 2, body[2] == 0, nameCount == body.count - 5,
            nameCount > 0
        else { return .malformed }
        guard let name = normalise(body.dropFirst(5)) else { return .illegal }
        return .name(name)
    }

    /// Lowercases `name` and removes one trailing dot; nil when a label is empty or a byte is no
    /// letter, digit, `-`, `_` or `.` (an IPv6 literal's `:` included: RFC 6066 forbids those).
    static func normalise(_ name: ByteView) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(name.count)
        for index in 0..<name.count {
            let byte = name[index]
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): result.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                result.append(byte)
            case UInt8(ascii: "."):
                guard let last = result.last, last != UInt8(ascii: ".") else { return nil }
                result.append(byte)
            default: return nil
            }
        }
        if result.last == UInt8(ascii: ".") { result.removeLast() }
        return result.isEmpty || result.count > longest ? nil : result
    }

    /// Whether `name` is an IPv4 literal: digits and dots only.
    static func isIPv4Literal(_ name: [UInt8]) -> Bool {
        name.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    }
}

/// Which virtual host answers to which server name.
struct VirtualHostTable {
    private var exact: [[UInt8]: Int] = [:]
    private var wildcards: [[UInt8]: Int] = [:]
    private(set) var fallback: Int?

    /// The table for `hosts`; fails on a bad name and on one that two hosts claim.
    init(_ hosts: [VirtualHostOptions]) throws(TLSConfigurationError) {
        for (index, host) in hosts.enumerated() {
            if host.isDefault {
                guard fallback == nil else {
                    throw TLSConfigurationError(
                        host.name, "a second virtual host is marked default",
                        advice: "mark at most one")
                }
                fallback = index
            }
            for name in host.serverNames { try add(name, of: host, index) }
        }
    }

    /// The host for `name`: exact first, then a wildcard for its first label.
    ///
    /// An IP literal is no host name: only the default answers to it.
    func host(for name: [UInt8]) -> Int? {
        guard !ServerName.isIPv4Literal(name) else { return fallback }
        if let host = exact[name] { return host }
        if let dot = name.firstIndex(of: UInt8(ascii: ".")),
            let host = wildcards[Array(name[(dot + 1)...])]
        {
            return host
        }
        return fallback
    }

    private mutating func add(
        _ name: String, of host: VirtualHostOptions, _ index: Int
    ) throws(TLSConfigurationError) {
        let isWildcard = name.hasPrefix("*.")
        let bytes = Array((isWildcard ? name.dropFirst(2) : name[...]).utf8)
        let normalised = unsafe bytes.withUnsafeBytes { unsafe ServerName.normalise(ByteView($0)) }
        guard let normalised, !ServerName.isIPv4Literal(normalised) else {
            throw TLSConfigurationError(
                host.name, "'\(name)' is no server name",
                advice: "write a host name, or '*.' and a domain")
        }
        let taken = isWildcard ? wildcards[normalised] : exact[normalised]
        guard taken == nil || taken == index else {
            throw TLSConfigurationError(
                host.name, "'\(name)' already belongs to another virtual host",
                advice: "give each server name to one virtual host")
        }
        if isWildcard { wildcards[normalised] = index } else { exact[normalised] = index }
    }
}
