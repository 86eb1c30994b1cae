import Core
import Crypto
import TLS

extension TemplateVariable {
    /// The variables with one name each.
    static let fixed: [String: TemplateVariable] = {
        var table = names(of: "subject", \.subjectDER, NameText.subject)
        let others = [
            names(of: "issuer", \.issuerDER, NameText.issuer),
            times("notBefore", \.notBefore), times("notAfter", \.notAfter), digests, lists,
            certificates, facts,
        ]
        for other in others { table.merge(other) { first, _ in first } }
        return table
    }()

    private static func names(
        of base: String, _ der: @escaping @Sendable (PeerCertificate) -> [UInt8],
        _ text:
            @escaping @Sendable (IdentityInput, DistinguishedNameStyle)
            throws(IdentityError) -> [UInt8]?
    ) -> [String: TemplateVariable] {
        func style(_ style: DistinguishedNameStyle) -> TemplateVariable {
            TemplateVariable(.text) { (input) throws(IdentityError) in try text(input, style) }
        }
        return [
            base: style(.rfc2253), "\(base).rfc2253": style(.rfc2253),
            "\(base).rfc4514": style(.rfc4514), "\(base).inOrder": style(.rfc2253InOrder),
            "\(base).oneline": style(.oneline), "\(base).sample": style(.sample),
            "\(base).der": TemplateVariable(.bytes) { input in der(input.leaf) },
        ]
    }

    private static func times(
        _ base: String, _ time: @escaping @Sendable (PeerCertificate) -> Int64
    ) -> [String: TemplateVariable] {
        func style(_ text: @escaping @Sendable (DateText) -> String?) -> TemplateVariable {
            TemplateVariable(.text) { input in
                text(DateText(time(input.leaf))).map { Array($0.utf8) }
            }
        }
        return [
            base: style { $0.iso }, "\(base).iso": style { $0.iso },
            "\(base).offset": style { $0.isoWithOffset },
            "\(base).milliseconds": style { $0.isoWithMilliseconds },
            "\(base).openssl": style { $0.openSSL }, "\(base).utcTime": style { $0.utcTime },
            "\(base).epoch": TemplateVariable(.text) { Array("\(time($0.leaf))".utf8) },
        ]
    }

    private static let digests: [String: TemplateVariable] = [
        "serial": serial(SerialText.decimal), "serial.decimal": serial(SerialText.decimal),
        "serial.hex": serial(SerialText.lowerHex), "serial.upperHex": serial(SerialText.upperHex),
        "serial.colons": serial(SerialText.colons),
        "fingerprint.sha256": digest(\.sha256), "fingerprint.sha1": digest(\.sha1),
        "fingerprint.sha256.colons": colons(\.sha256),
        "fingerprint.sha1.colons": colons(\.sha1),
        "fingerprint.sha256.der": TemplateVariable(.bytes) { (input) throws(IdentityError) in
            try input.attributes.sha256
        },
        "publicKey.sha256": digest(\.key.sha256),
        "publicKey.sha256.der": TemplateVariable(.bytes) { (input) throws(IdentityError) in
            try input.attributes.key.sha256
        },
    ]

    private static func serial(
        _ text: @escaping @Sendable (CertificateAttributes) -> [UInt8]
    ) -> TemplateVariable {
        TemplateVariable(.text) { (input) throws(IdentityError) in text(try input.attributes) }
    }

    private static func digest(
        _ digest: @escaping @Sendable (CertificateAttributes) -> [UInt8]
    ) -> TemplateVariable {
        TemplateVariable(.text) { (input) throws(IdentityError) in
            Hex.lower(digest(try input.attributes))
        }
    }

    private static func colons(
        _ digest: @escaping @Sendable (CertificateAttributes) -> [UInt8]
    ) -> TemplateVariable {
        TemplateVariable(.text) { (input) throws(IdentityError) in
            Array(digest(try input.attributes).map { Hex.upper([$0]) }.joined(separator: [0x3a]))
        }
    }

    private static let lists: [String: TemplateVariable] = [
        "san.dns": list(\.dnsNames), "san.uri": list(\.uris), "san.email": list(\.emails),
        "san.ip": list(\.addresses), "extendedKeyUsage": list(\.extendedKeyUsages),
        "policies": list(\.policies), "keyUsage": list { $0.keyUsage?.names ?? [] },
    ]

    private static func list(
        _ names: @escaping @Sendable (CertificateAttributes) -> [String]
    ) -> TemplateVariable {
        TemplateVariable(.name) { (input) throws(IdentityError) in
            try list(names(try input.attributes))
        }
    }

    private static let certificates: [String: TemplateVariable] = [
        "certificate.der": TemplateVariable(.bytes) { $0.leaf.der },
        "certificate.pem": TemplateVariable(.bytes) { PEMText.encode($0.leaf.der) },
        "certificate.base64": TemplateVariable(.text) { Base64.encode($0.leaf.der) },
        "chain.pem": TemplateVariable(.bytes) { PEMText.encode($0.chainWithoutAnchor) },
        "chain.base64": TemplateVariable(.text) { input in
            Array(input.chainWithoutAnchor.map { Base64.encode($0) }.joined(separator: [0x2c]))
        },
    ]

    private static let facts: [String: TemplateVariable] = [
        "spiffe": fact(\.spiffeID), "publicKey.type": fact(\.key.name),
        "publicKey.bits": fact { "\($0.key.bits)" }, "version": fact { "\($0.version)" },
        "signatureAlgorithm": fact(\.signatureAlgorithm),
        "verify": TemplateVariable(.text) { _ in Array("SUCCESS".utf8) },
    ]

    private static func fact(
        _ text: @escaping @Sendable (CertificateAttributes) -> String?
    ) -> TemplateVariable {
        TemplateVariable(.text) { (input) throws(IdentityError) in
            text(try input.attributes).map { Array($0.utf8) }
        }
    }
}
