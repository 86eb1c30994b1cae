import Foundation
import Testing

@testable import TLS

/// A certificate of the vectors, and what other products make of it.
struct Vector: CustomTestStringConvertible, Sendable {
    let id: String
    private let expected: Data

    var testDescription: String { id }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Vectors").path

    /// Every vector, in order.
    static let all: [Vector] = {
        let data = FileManager.default.contents(atPath: folder + "/expected.json") ?? Data()
        let document = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        let certificates = document?["certs"] as? [String: [String: Any]] ?? [:]
        return certificates.keys.sorted().map { id in
            let member = certificates[id] ?? [:]
            let data = try? JSONSerialization.data(withJSONObject: member)
            return Vector(id: id, expected: data ?? Data())
        }
    }()

    private func member(_ path: [String]) -> Any? {
        var value = try? JSONSerialization.jsonObject(with: expected)
        for key in path { value = (value as? [String: Any])?[key] }
        return value
    }

    /// The text at `path`; nil when there is none or it is null.
    func text(_ path: String...) -> String? { text(path) }

    /// The text at `path`; nil when there is none or it is null.
    func text(_ path: [String]) -> String? { member(path) as? String }

    /// The number at `path`.
    func number(_ path: String...) -> Int64? { (member(path) as? NSNumber)?.int64Value }

    /// Pairs of kind and text.
    func pairs(_ path: String...) -> [[String]] { member(path) as? [[String]] ?? [] }

    /// The header value of `format` called `name`, exact; nil where there is none.
    func value(_ format: String, _ name: String) -> [UInt8]? {
        let path = ["formats", format, name]
        if let text = member(path) as? String { return Array(text.utf8) }
        if let encoded = member(path + ["value_b64"]) as? String {
            return Data(base64Encoded: encoded).map(Array.init)
        }
        return (member(path + ["value"]) as? String).map { Array($0.utf8) }
    }

    /// The chain that a gateway which trusts the root makes of it: leaf, intermediate, root.
    func chain() throws -> ValidatedChain {
        try Self.chain(["certs/\(id)-chain.pem", "certs/root-ca.pem"])
    }

    /// The certificates in `files`, as one chain.
    static func chain(_ files: [String]) throws -> ValidatedChain {
        var certificates: [PeerCertificate] = []
        for file in files {
            let list = try PEMFile(path: folder + "/" + file).certificates()
            for index in 0..<list.count {
                certificates.append(
                    try #require(unsafe PeerCertificate(list[index]), "\(file)"))
            }
        }
        return try chain(certificates)
    }

    /// `certificates` as a chain; nobody verified it.
    static func chain(_ certificates: [PeerCertificate]) throws -> ValidatedChain {
        let leaf = try #require(certificates.first)
        return try #require(
            ValidatedChain(certificates, fingerprint: Fingerprint(of: leaf.der), members: []))
    }
}
