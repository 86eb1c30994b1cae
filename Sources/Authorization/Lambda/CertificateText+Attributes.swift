internal import Core
internal import Crypto
public import Identity
internal import TLS

extension CertificateText {
    /// How the serial number is written.
    public enum SerialStyle: String, CaseIterable, Sendable {
        /// As API Gateway is seen to send it.
        case decimal
        /// As its documentation has it: lower-case hexadecimal, `:` between the bytes.
        case colons
    }

    /// The description of a verified certificate; nil when a name of it cannot be written.
    public init?(_ attributes: CertificateAttributes, serial: SerialStyle = .decimal) {
        let certificate = attributes.certificate
        guard let subject = certificate.subjectText(.rfc2253InOrder),
            let issuer = certificate.issuerText(.rfc2253InOrder)
        else { return nil }
        self.init(
            pem: Self.pem(certificate.der), subject: String(decoding: subject, as: UTF8.self),
            issuer: String(decoding: issuer, as: UTF8.self),
            serialNumber: serial == .decimal
                ? Self.decimal(attributes.serialNumber)
                : Self.colons(attributes.encodedSerialNumber),
            notBefore: CalendarTime(attributes.notBefore).certificateText,
            notAfter: CalendarTime(attributes.notAfter).certificateText)
    }

    /// PEM (RFC 7468): 64 columns, a line feed behind each line.
    private static func pem(_ der: [UInt8]) -> String {
        let text = Base64.encode(der)
        let lines = stride(from: 0, to: text.count, by: 64).map { start in
            String(decoding: text[start..<min(start + 64, text.count)], as: UTF8.self) + "\n"
        }
        return "-----BEGIN CERTIFICATE-----\n" + lines.joined()
            + "-----END CERTIFICATE-----\n"
    }

    private static func decimal(_ magnitude: [UInt8]) -> String {
        var number = magnitude
        var digits = ""
        while number.contains(where: { $0 != 0 }) {
            var remainder = 0
            for index in number.indices {
                let value = remainder << 8 | Int(number[index])
                number[index] = UInt8(value / 10)
                remainder = value % 10
            }
            digits = "\(remainder)" + digits
        }
        return digits.isEmpty ? "0" : digits
    }

    private static func colons(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
