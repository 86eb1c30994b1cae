import Core
import Crypto
import TLS

// Traefik's passTLSClientCert.
extension IdentityPreset {
    /// Of the leaf.
    static let traefik = IdentityPreset(
        "traefik", "Traefik's passTLSClientCert, of the leaf.",
        [
            Member("X-Forwarded-Tls-Client-Cert") { input in Base64.encode(input.leaf.der) },
            Member("X-Forwarded-Tls-Client-Cert-Info") { (input) throws(IdentityError) in
                PercentEncoding.query(information(try input.attributes))
            },
        ])

    /// Of the leaf and its intermediates.
    static let traefikChain = IdentityPreset(
        "traefik-chain", "Traefik's passTLSClientCert, of the leaf and its intermediates.",
        [
            Member("X-Forwarded-Tls-Client-Cert") { input in
                Array(input.chainWithoutAnchor.map { Base64.encode($0) }.joined(separator: [0x2c]))
            },
            Member("X-Forwarded-Tls-Client-Cert-Info") { (input) throws(IdentityError) in
                var parts = [information(try input.attributes)]
                for der in input.chainWithoutAnchor.dropFirst() {
                    do throws(CertificateMistake) {
                        parts.append(information(try CertificateAttributes(der: der)))
                    } catch {
                        throw .malformed(error.part)
                    }
                }
                return PercentEncoding.query(Array(parts.joined(separator: [0x2c])))
            },
        ])

    private static let issuerTypes = [
        ("0.9.2342.19200300.100.1.25", "DC"), ("2.5.4.6", "C"), ("2.5.4.8", "ST"),
        ("2.5.4.7", "L"), ("2.5.4.10", "O"), ("2.5.4.5", "SN"), ("2.5.4.3", "CN"),
    ]
    private static let subjectTypes =
        issuerTypes.prefix(5) + [("2.5.4.11", "OU")] + issuerTypes.suffix(2)

    private static func information(_ attributes: CertificateAttributes) -> [UInt8] {
        let names =
            attributes.dnsNames + attributes.emails + attributes.addresses + attributes.uris
        // A comma in one of them would make two.
        let list = names.map { name in
            PercentEncoding.encode(Array(name.utf8)) { $0 != 0x2c }
        }
        let parts: [(String, [UInt8])] = [
            ("Subject", text(attributes.subject, subjectTypes)),
            ("Issuer", text(attributes.issuer, issuerTypes[...])),
            ("SerialNumber", SerialText.decimal(attributes)),
            ("NB", Array("\(attributes.notBefore)".utf8)),
            ("NA", Array("\(attributes.notAfter)".utf8)),
            ("SAN", Array(list.joined(separator: [0x2c]))),
        ]
        return Array(
            parts.filter { !$0.1.isEmpty }.map { key, value in
                // Traefik writes a quotation mark as it is; it would end the part.
                let safe = PercentEncoding.encode(value) { $0 != 0x22 }
                return Array("\(key)=\"".utf8) + safe + Array("\"".utf8)
            }.joined(separator: [UInt8(ascii: ";")]))
    }

    /// Attributes in a fixed order, the last of several common names and serial numbers.
    private static func text(
        _ name: DistinguishedName, _ types: ArraySlice<(String, String)>
    ) -> [UInt8] {
        let parts: [[UInt8]] = types.flatMap { oid, label -> [[UInt8]] in
            let found = name.attributes(oid).filter(GoNameText.isString)
            let used = ["SN", "CN"].contains(label) ? Array(found.suffix(1)) : found
            return used.compactMap { $0.utf8 }.filter { !$0.isEmpty }
                .map { Array("\(label)=".utf8) + $0 }
        }
        return Array(parts.joined(separator: [0x2c]))
    }
}
