import Core
import Crypto
import HTTP

/// Where a file is that is fetched: an object in S3, or an address of the web.
public enum SourceAddress: Sendable, Hashable {
    /// An object, and which version of it; nil for the newest.
    case object(bucket: String, key: String, version: String?)
    /// `https://` or `http://`, as it goes out.
    case web(String)

    /// Why a text is no address.
    struct Mistake: Error, Equatable {
        let reason: String
    }

    /// Whether `text` is an address, good or bad, and not a path.
    static func isAddress(_ text: String) -> Bool {
        guard let end = text.firstRange(of: "://") else { return false }
        let scheme = text[..<end.lowerBound].utf8
        return !scheme.isEmpty
            && scheme.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// The address that `text` is. `mayBePlain` says whether `http://` will do.
    init(_ text: String, mayBePlain: Bool) throws(Mistake) {
        let plain = mayBePlain ? ", http://HOST/PATH" : ""
        if text.hasPrefix("s3://") {
            self = try Self.object(of: text.dropFirst("s3://".count))
        } else if text.hasPrefix("https://") || (mayBePlain && text.hasPrefix("http://")) {
            self = try Self.address(text)
        } else if text.hasPrefix("http://") {
            throw Mistake(
                reason: "anybody on the way could put another authority in; "
                    + "https://HOST/PATH and s3://BUCKET/KEY are allowed")
        } else {
            throw Mistake(
                reason: "only https://HOST/PATH\(plain) and s3://BUCKET/KEY are fetched")
        }
    }

    private static func object(of text: Substring) throws(Mistake) -> SourceAddress {
        guard let slash = text.firstIndex(of: "/") else {
            throw Mistake(reason: "there is no key: s3://BUCKET/KEY")
        }
        let bucket = text[..<slash]
        guard !bucket.contains("@") else {
            throw Mistake(reason: "names and passwords are not sent")
        }
        // As AWS names buckets, and the older names with capitals and `_`.
        guard (3...255).contains(bucket.utf8.count),
            bucket.utf8.allSatisfy({ $0.isUnreserved && $0 != UInt8(ascii: "~") })
        else { throw Mistake(reason: "'\(bucket)' is no name of a bucket") }
        var key = text[text.index(after: slash)...]
        var version: String?
        if let mark = key.ranges(of: "?versionId=").last {
            version = String(key[mark.upperBound...])
            key = key[..<mark.lowerBound]
        }
        guard !key.isEmpty, !key.hasSuffix("/"), key.utf8.count <= 1_024,
            key.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { throw Mistake(reason: "'\(key)' is no key of an object") }
        if let version {
            guard !version.isEmpty, version.utf8.count <= 1_024,
                version.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "&") })
            else { throw Mistake(reason: "'\(version)' is no version of an object") }
        }
        return .object(bucket: String(bucket), key: String(key), version: version)
    }

    private static func address(_ text: String) throws(Mistake) -> SourceAddress {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), text.utf8.count <= 4_096 else {
            throw Mistake(reason: "blanks and others but ASCII have to be percent-encoded")
        }
        let rest = text[(text.firstRange(of: "://")?.upperBound ?? text.endIndex)...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty else { throw Mistake(reason: "there is no host") }
        guard !authority.contains("@") else {
            throw Mistake(reason: "names and passwords are not sent")
        }
        guard !rest.contains("#") else { throw Mistake(reason: "a fragment is not sent") }
        return .web(text)
    }

    /// An address for people, good or bad: who signs in, and what a query has, which may be
    /// secrets, are left out, queries so that they can be told apart.
    static func shown(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://") else { return text }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let person = host.count < authority.count ? "…@" : ""
        var path = String(rest.dropFirst(authority.count))
        if !text.hasPrefix("s3://"), let mark = path.firstIndex(of: "?") {
            let digest = SHA256.hash(Array(path[mark...].utf8)).prefix(4)
            path =
                path[...mark] + "sha256:"
                + String(decoding: Hex.lower(Array(digest)), as: UTF8.self)
        }
        return text[..<scheme.upperBound] + person + host + path
    }

    /// Whether what is there can never be another. The version called `null`, of buckets that keep
    /// no versions, is replaced by every upload.
    public var isPinned: Bool {
        if case .object(_, _, .some(let version)) = self { version != "null" } else { false }
    }
}
