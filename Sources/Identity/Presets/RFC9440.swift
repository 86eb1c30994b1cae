import Crypto
import TLS

// RFC 9440: `Client-Cert` is a Byte Sequence, `Client-Cert-Chain` a list of them without the leaf.
extension IdentityPreset {
    /// The anchor is left out, as §2.3 allows.
    static let rfc9440 = IdentityPreset(
        "rfc9440", "RFC 9440, the chain without its anchor.",
        [
            Member("Client-Cert") { input in byteSequence(input.leaf.der) },
            Member("Client-Cert-Chain") { input in
                byteSequences(Array(input.chainWithoutAnchor.dropFirst()))
            },
        ])

    /// The whole chain.
    static let rfc9440WithRoot = IdentityPreset(
        "rfc9440-with-root", "RFC 9440, the chain with its anchor.",
        [
            Member("Client-Cert") { input in byteSequence(input.leaf.der) },
            Member("Client-Cert-Chain") { input in
                byteSequences(Array(input.certificates.dropFirst()))
            },
        ])

    /// RFC 8941 §4.1.8.
    static func byteSequence(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(ascii: ":")] + Base64.encode(bytes) + [UInt8(ascii: ":")]
    }

    /// RFC 8941 §4.1.1; nil for none.
    static func byteSequences(_ list: [[UInt8]]) -> [UInt8]? {
        list.isEmpty ? nil : Array(list.map(byteSequence).joined(separator: Array(", ".utf8)))
    }
}
