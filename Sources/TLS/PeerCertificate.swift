internal import COpenSSL
internal import Glibc

/// A certificate that a peer presented or that stands in its validated chain, as plain bytes.
///
/// Making one copies the encoding and reads the dates; names are parsed each time they are asked
/// for, so ask once and keep the result.
public struct PeerCertificate: Equatable, Sendable {
    /// The whole certificate, DER.
    public let der: [UInt8]
    /// The subject's encoding, DER.
    public let subjectDER: [UInt8]
    /// The issuer's encoding, DER.
    public let issuerDER: [UInt8]
    /// The serial number: big-endian magnitude, no sign, at least one byte.
    public let serialNumber: [UInt8]
    /// First second of validity, since 1970.
    public let notBefore: Int64
    /// Last second of validity, since 1970.
    public let notAfter: Int64

    /// Copies what `certificate`, an `X509`, says; nil when it cannot be encoded.
    init?(_ certificate: OpaquePointer) {
        guard let der = unsafe Self.encoding(of: certificate),
            let subject = unsafe Self.nameEncoding(X509_get_subject_name(certificate)),
            let issuer = unsafe Self.nameEncoding(X509_get_issuer_name(certificate)),
            let notBefore = unsafe Self.seconds(unsafe X509_get0_notBefore(certificate)),
            let notAfter = unsafe Self.seconds(unsafe X509_get0_notAfter(certificate)),
            let serial = unsafe X509_get0_serialNumber(certificate)
        else { return nil }
        self.der = der
        subjectDER = subject
        issuerDER = issuer
        self.notBefore = notBefore
        self.notAfter = notAfter
        let magnitude = unsafe [UInt8](
            UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(serial), count: Int(ASN1_STRING_length(serial))))
        serialNumber = magnitude.isEmpty ? [0] : magnitude
    }

    /// The subject, relative names in the certificate's order. Parses and allocates.
    public var subject: DistinguishedName { DistinguishedName(der: subjectDER) }

    /// The issuer, relative names in the certificate's order. Parses and allocates.
    public var issuer: DistinguishedName { DistinguishedName(der: issuerDER) }

    /// SHA-256 of `der`, 32 bytes. Computed each time.
    public var sha256Fingerprint: [UInt8] { Fingerprint(of: der).bytes }

    private static func encoding(of certificate: OpaquePointer) -> [UInt8]? {
        let count = unsafe i2d_X509(certificate, nil)
        guard count > 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { room, filled in
            var cursor = room.baseAddress
            filled = unsafe max(0, Int(i2d_X509(certificate, &cursor)))
        }
    }

    private static func nameEncoding(_ name: OpaquePointer?) -> [UInt8]? {
        var start: UnsafePointer<UInt8>?
        var count = 0
        guard unsafe X509_NAME_get0_der(name, &start, &count) == 1 else { return nil }
        return unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    }

    /// Seconds since 1970; nil when `time` is none.
    static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var broken = unsafe tm()
        guard let time = unsafe time, unsafe ASN1_TIME_to_tm(time, &broken) == 1 else {
            return nil
        }
        return unsafe Int64(timegm(&broken))
    }
}
