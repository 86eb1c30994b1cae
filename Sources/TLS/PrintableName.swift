internal import COpenSSL

/// A distinguished name for people: RFC 2253, everything but printable ASCII escaped, capped.
enum PrintableName {
    /// The most bytes that are kept.
    static let limit = 512

    /// The text of `name`, an `X509_NAME`; nil when it cannot be printed.
    static func text(of name: OpaquePointer?) -> String? {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer {
            unsafe BIO_free(bio)
            ErrorQueue.clear()
        }
        guard unsafe X509_NAME_print_ex(bio, name, 0, COpenSSL_XN_FLAG_RFC2253) >= 0 else {
            return nil
        }
        var start: UnsafePointer<UInt8>?
        let count = unsafe COpenSSL_BIO_get_mem_data(bio, &start)
        guard let start = unsafe start, count > 0 else { return "" }
        let bytes = unsafe UnsafeBufferPointer(start: start, count: min(count, limit))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// The text of the DER of a name; empty when it is none.
    static func text(der: [UInt8]) -> String {
        unsafe DistinguishedName.withName(der) { name in
            unsafe name == nil ? "" : text(of: name) ?? ""
        }
    }
}

extension PrintableName {
    /// The subject of the DER of a certificate; nil when it is none.
    static func subject(certificate der: [UInt8]) -> String? {
        unsafe PeerCertificate.withCertificate(der) { certificate in
            unsafe text(of: X509_get_subject_name(certificate))
        }
    }
}

extension PeerCertificate {
    /// The subject for messages, RFC 2253 in printable ASCII, at most 512 bytes. Parses, allocates.
    public var printableSubject: String { PrintableName.text(der: subjectDER) }
    /// The issuer for messages, like `printableSubject`.
    public var printableIssuer: String { PrintableName.text(der: issuerDER) }
}
