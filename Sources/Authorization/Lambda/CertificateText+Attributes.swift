internal import Core
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
        let number =
            serial == .decimal
            ? SerialText.decimal(magnitude: attributes.serialNumber)
            : SerialText.colons(attributes)
        self.init(
            pem: String(decoding: PEMText.encode(certificate.der), as: UTF8.self),
            subject: String(decoding: subject, as: UTF8.self),
            issuer: String(decoding: issuer, as: UTF8.self),
            serialNumber: String(decoding: number, as: UTF8.self),
            notBefore: CalendarTime(attributes.notBefore).certificateText,
            notAfter: CalendarTime(attributes.notAfter).certificateText)
    }
}
