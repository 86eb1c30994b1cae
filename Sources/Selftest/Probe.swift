/// One attempt to make a gateway pass on what only it may say.
public struct Probe: Sendable {
    /// The kinds of attempts, in the order of the report.
    public enum Kind: String, CaseIterable, Sendable {
        /// The header as it is spelt.
        case plain
        /// Other upper and lower case.
        case letterCase = "case"
        /// Other characters for `-`, or around the name.
        case alias
        /// The header more than once.
        case duplicate
        /// Fields nominated in `Connection`, which the next hop drops.
        case connection
        /// Fields behind a chunked body.
        case trailer
        /// Lines that are no fields (RFC 9112 §5).
        case syntax
        /// Bodies whose end is ambiguous (RFC 9112 §6).
        case framing
        /// Behind another request of the same connection.
        case pipelining
        /// `Forwarded`, `X-Forwarded-*`, `X-Real-IP`.
        case forwarding
        /// Elements of `X-Forwarded-Client-Cert`.
        case xfcc
        /// Another protocol on the same connection.
        case upgrade
        /// Paths that proxies and backends read differently.
        case path
    }

    /// What is attempted.
    public let kind: Kind
    /// What exactly, for the report.
    public let name: String
    /// What stands in the value that must not arrive; no other probe has it.
    public let marker: String
    /// What the client sends.
    public let bytes: [UInt8]
    /// Requests in it, as the sender counts: answers to wait for.
    public let requests: Int
    /// For `Kind.path`: the path that must not arrive as it is.
    public let path: String?

    init(
        _ kind: Kind, _ name: String, marker: String, _ text: String, requests: Int = 1,
        path: String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.marker = marker
        // Each scalar is one byte, so that probes can hold bytes that are no UTF-8.
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.requests = requests
        self.path = path
    }
}

/// Names that backends do not tell apart: lower case, all but letters and digits as `-`.
enum AliasClass {
    static func of(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte in
                switch byte {
                case 0x30...0x39, 0x61...0x7a: byte
                case 0x41...0x5a: byte | 0x20
                default: UInt8(ascii: "-")
                }
            }, as: UTF8.self)
    }
}
