import Crypto
import TLS

// Google's load balancers: custom header variables client_cert_…, in their usual headers.
extension IdentityPreset {
    static let gcp = IdentityPreset(
        "gcp", "Google's load balancers.",
        [
            Member("X-Client-Cert-Present", anonymous: "false") { _ in Array("true".utf8) },
            Member("X-Client-Cert-Chain-Verified", anonymous: "false") { _ in Array("true".utf8) },
            Member("X-Client-Cert-Error") { (input) throws(IdentityError) in try overflows(input) },
            Member("X-Client-Cert-Sha256-Fingerprint") { input in
                Base64.encode(input.fingerprint)
            },
            Member("X-Client-Cert-Serial-Number") { (input) throws(IdentityError) in
                SerialText.decimal(try input.attributes)
            },
            Member("X-Client-Cert-SPIFFE") { (input) throws(IdentityError) in
                try input.attributes.spiffeID.map { Array($0.utf8) }
            },
            Member("X-Client-Cert-URI-SANs") { (input) throws(IdentityError) in try uris(input) },
            Member("X-Client-Cert-DNSName-SANs") { (input) throws(IdentityError) in try dns(input)
            },
            Member("X-Client-Cert-Valid-Not-Before") { input in
                Array(DateText(input.leaf.notBefore).isoWithOffset.utf8)
            },
            Member("X-Client-Cert-Valid-Not-After") { input in
                Array(DateText(input.leaf.notAfter).isoWithOffset.utf8)
            },
            Member("X-Client-Cert-Issuer-DN") { input in issuer(input) },
            Member("X-Client-Cert-Subject-DN") { input in subject(input) },
            Member("X-Client-Cert-Leaf") { input in certificates(input)?.leaf },
            Member("X-Client-Cert-Chain") { input in certificates(input)?.chain },
        ])

    /// Bytes of a list of names, or of a distinguished name's DER.
    private static let nameLimit = 512
    /// Bytes of all certificates' DER.
    private static let certificateLimit = 16_384

    private static func issuer(_ input: IdentityInput) -> [UInt8]? {
        input.leaf.issuerDER.count > nameLimit ? nil : Base64.encode(input.leaf.issuerDER)
    }

    private static func subject(_ input: IdentityInput) -> [UInt8]? {
        input.leaf.subjectDER.count > nameLimit ? nil : Base64.encode(input.leaf.subjectDER)
    }

    /// Nil for too long a list; empty without names.
    private static func list(_ names: [String]) -> [UInt8]? {
        let list = Array(names.map { Base64.encode(Array($0.utf8)) }.joined(separator: [0x2c]))
        return list.count > nameLimit ? nil : list
    }

    private static func uris(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        list(try input.attributes.uris.filter { !$0.lowercased().hasPrefix("spiffe:") })
    }

    private static func dns(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        list(try input.attributes.dnsNames)
    }

    private static func certificates(_ input: IdentityInput) -> (leaf: [UInt8], chain: [UInt8]?)? {
        let chain = input.chainWithoutAnchor
        guard chain.reduce(0, { $0 + $1.count }) <= certificateLimit else { return nil }
        return (byteSequence(input.leaf.der), byteSequences(Array(chain.dropFirst())))
    }

    /// What is too long to be sent; nil for nothing.
    private static func overflows(_ input: IdentityInput) throws(IdentityError) -> [UInt8]? {
        var parts: [String] = []
        if try uris(input) == nil { parts.append("uri_sans") }
        if try dns(input) == nil { parts.append("dnsname_sans") }
        if issuer(input) == nil { parts.append("issuer_dn") }
        if subject(input) == nil { parts.append("subject_dn") }
        if certificates(input) == nil { parts += ["validated_leaf", "validated_chain"] }
        guard !parts.isEmpty else { return nil }
        let names = parts.map { "client_cert_\($0)_exceeded_size_limit" }
        return Array(names.joined(separator: ",").utf8)
    }
}
