internal import COpenSSL

/// How a distinguished name is written: the forms of OpenSSL, byte for byte.
public enum DistinguishedNameStyle: Sendable, CaseIterable {
    /// RFC 2253, all but printable ASCII as `\XX`: the last relative name first. What nginx, Envoy
    /// and Amazon's load balancers send.
    case rfc2253
    /// RFC 2253 in UTF-8 (RFC 4514 allows that): only special and control characters are escaped.
    case rfc4514
    /// `rfc2253` in the certificate's order.
    case rfc2253InOrder
    /// One attribute after the other in the certificate's order, UTF-8, `,` between relative
    /// names and ` + ` within one: Node's `subject` with its line ends replaced, as the API Gateway
    /// sample does.
    case sample
    /// `/C=DE/CN=client`, all but printable ASCII as `\xXX` (`X509_NAME_oneline`).
    case oneline

    fileprivate var flags: UInt {
        let escaping = UInt(ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL)
        switch self {
        case .rfc2253: return COpenSSL_XN_FLAG_RFC2253
        case .rfc4514: return COpenSSL_XN_FLAG_RFC2253 & ~UInt(ASN1_STRFLGS_ESC_MSB)
        case .rfc2253InOrder: return COpenSSL_XN_FLAG_RFC2253 & ~UInt(XN_FLAG_DN_REV)
        case .sample:
            return escaping | UInt(ASN1_STRFLGS_UTF8_CONVERT) | UInt(XN_FLAG_SEP_MULTILINE)
        case .oneline: return 0
        }
    }
}

extension PeerCertificate {
    /// The subject in `style`; empty for an empty one, nil when it cannot be written. Allocates.
    public func subjectText(_ style: DistinguishedNameStyle) -> [UInt8]? {
        Self.text(subjectDER, style)
    }

    /// The issuer in `style`; empty for an empty one, nil when it cannot be written. Allocates.
    public func issuerText(_ style: DistinguishedNameStyle) -> [UInt8]? {
        Self.text(issuerDER, style)
    }

    private static func text(_ der: [UInt8], _ style: DistinguishedNameStyle) -> [UInt8]? {
        unsafe DistinguishedName.withName(der) { name -> [UInt8]? in
            guard let name = unsafe name else { return nil }
            // OpenSSL writes an empty name as "NO X509_NAME" or as nothing, by version and form.
            guard unsafe X509_NAME_entry_count(name) > 0 else { return [] }
            return unsafe style == .oneline ? oneline(name) : text(of: name, style)
        }
    }

    private static func oneline(_ name: OpaquePointer) -> [UInt8]? {
        guard let text = unsafe X509_NAME_oneline(name, nil, 0) else { return nil }
        defer { unsafe COpenSSL_free(text) }
        return unsafe Array(String(cString: text).utf8)
    }

    private static func text(
        of name: OpaquePointer, _ style: DistinguishedNameStyle
    ) -> [UInt8]? {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(bio) }
        guard unsafe X509_NAME_print_ex(bio, name, 0, style.flags) >= 0 else { return nil }
        var start: UnsafePointer<UInt8>?
        let count = unsafe COpenSSL_BIO_get_mem_data(bio, &start)
        guard let start = unsafe start, count > 0 else { return [] }
        let text = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
        // Line ends within a value are escaped, so each is a separator.
        return style == .sample ? text.map { $0 == 0x0a ? UInt8(ascii: ",") : $0 } : text
    }
}

extension DistinguishedName {
    /// The dotted identifier of a type that is written as OpenSSL's name in any case (`CN`,
    /// `commonName`), or dotted; nil when there is none.
    public static func identifier(ofType type: String) -> String? {
        defer { ErrorQueue.clear() }
        for spelling in [type, type.uppercased(), type.lowercased()] {
            guard let object = unsafe OBJ_txt2obj(spelling, 0) else { continue }
            defer { unsafe ASN1_OBJECT_free(object) }
            let text = unsafe dotted(object)
            if !text.isEmpty { return text }
        }
        return nil
    }
}

extension PeerCertificate {
    /// The first certificate in `pem`; nil when there is none. Nobody vouches for it.
    public init?(firstOf pem: [UInt8]) {
        guard let list = try? PEMFile(path: "", contents: pem).certificates() else { return nil }
        unsafe self.init(list[0])
    }

    /// Parses `der`; nil unless it is one certificate. Nobody vouches for it.
    public init?(der: [UInt8]) {
        guard let parsed = unsafe Self.withCertificate(der, { unsafe PeerCertificate($0) }),
            parsed.der == der
        else { return nil }
        self = parsed
    }

    /// The result of `body` for the `X509` that `der` begins with; nil when it is none.
    static func withCertificate<Result>(
        _ der: [UInt8], _ body: (OpaquePointer) -> Result?
    ) -> Result? {
        let certificate = unsafe der.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            return unsafe d2i_X509(nil, &cursor, bytes.count)
        }
        defer {
            unsafe X509_free(certificate)
            ErrorQueue.clear()
        }
        return unsafe certificate.flatMap { unsafe body($0) }
    }
}
