internal import COpenSSL

/// Builds and signs one `X509`.
enum CertificateBuilder {
    /// The signed certificate; the caller frees it.
    static func build(
        _ request: CertificateRequest, key: CertificateKey, issuer: CertificateAuthority?
    ) throws(CertificateError) -> OpaquePointer {
        guard let certificate = unsafe X509_new() else { throw CertificateError("out of memory") }
        do throws(CertificateError) {
            try unsafe fill(certificate, request, key, issuer)
            let signer = issuer?.key ?? key
            guard unsafe X509_sign(certificate, signer.pointer, signer.digest) > 0 else {
                throw CertificateError("the certificate cannot be signed")
            }
        } catch {
            unsafe X509_free(certificate)
            throw error
        }
        return unsafe certificate
    }

    private static func fill(
        _ certificate: OpaquePointer, _ request: CertificateRequest, _ key: CertificateKey,
        _ issuer: CertificateAuthority?
    ) throws(CertificateError) {
        guard request.version == 1 || request.version == 3,
            unsafe X509_set_version(certificate, request.version - 1) == 1
        else { throw CertificateError("version \(request.version) is not 1 or 3") }
        try unsafe setSerialNumber(request.serialNumber, of: certificate)
        guard
            unsafe ASN1_TIME_set(X509_getm_notBefore(certificate), Int(request.notBefore)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(certificate), Int(request.notAfter)) != nil
        else { throw CertificateError("the validity cannot be encoded") }
        let subject = try unsafe makeName(request.subject)
        defer { unsafe X509_NAME_free(subject) }
        let issuerName = unsafe issuer.map { unsafe X509_get_subject_name($0.pointer) } ?? subject
        guard unsafe X509_set_subject_name(certificate, subject) == 1,
            unsafe X509_set_issuer_name(certificate, issuerName) == 1,
            unsafe X509_set_pubkey(certificate, key.pointer) == 1
        else { throw CertificateError("names and key cannot be set") }
        if request.version == 3 {
            try unsafe addExtensions(
                to: certificate, request, issuer: issuer?.pointer ?? certificate)
        }
    }

    private static func setSerialNumber(
        _ bytes: [UInt8]?, of certificate: OpaquePointer
    ) throws(CertificateError) {
        var bytes = bytes ?? SecureRandom.bytes(16)
        // A positive number, as RFC 5280 §4.1.2.2 wants it; random ones get a short encoding.
        if bytes.count == 16, bytes[0] & 0x80 != 0 { bytes[0] &= 0x7F }
        guard let number = unsafe BN_bin2bn(bytes, Int32(bytes.count), nil) else {
            throw CertificateError("out of memory")
        }
        defer { unsafe BN_free(number) }
        let target = unsafe X509_get_serialNumber(certificate)
        guard unsafe BN_to_ASN1_INTEGER(number, target) != nil else {
            throw CertificateError("the serial number cannot be encoded")
        }
    }

    private static func makeName(
        _ attributes: [CertificateRequest.Attribute]
    ) throws(CertificateError) -> OpaquePointer {
        guard let name = unsafe X509_NAME_new() else { throw CertificateError("out of memory") }
        for attribute in attributes {
            let form = attribute.isAlwaysUTF8 ? V_ASN1_UTF8STRING : MBSTRING_UTF8
            // -1 adds to the relative name before, 0 begins a new one.
            let added = unsafe X509_NAME_add_entry_by_txt(
                name, attribute.type, form, attribute.value, Int32(attribute.value.count), -1,
                attribute.joinsPrevious ? -1 : 0)
            guard added == 1 else {
                unsafe X509_NAME_free(name)
                throw CertificateError("attribute \(attribute.type) cannot be encoded")
            }
        }
        return unsafe name
    }

    private static func addExtensions(
        to certificate: OpaquePointer, _ request: CertificateRequest, issuer: OpaquePointer
    ) throws(CertificateError) {
        var extensions: [(Int32, String)] = [(NID_subject_key_identifier, "hash")]
        switch request.constraint {
        case .authority(let pathLength):
            let limit = pathLength.map { ",pathlen:\($0)" } ?? ""
            extensions.append((NID_basic_constraints, "critical,CA:TRUE" + limit))
            let lists = request.signsRevocationLists ? ",cRLSign" : ""
            extensions.append((NID_key_usage, "critical,keyCertSign" + lists))
        case .leaf:
            extensions.append((NID_basic_constraints, "critical,CA:FALSE"))
            extensions.append((NID_key_usage, "critical,digitalSignature"))
        case .absent: break
        }
        if !request.extendedUsages.isEmpty {
            let usages = request.extendedUsages.map(\.rawValue).joined(separator: ",")
            extensions.append((NID_ext_key_usage, usages))
        }
        if !request.informationURLs.isEmpty {
            // One extension of a kind, whatever the number of URLs (RFC 5280 §4.2).
            let access = request.informationURLs.map { "OCSP;URI:\($0),caIssuers;URI:\($0)" }
            extensions.append((NID_info_access, access.joined(separator: ",")))
            let points = request.informationURLs.map { "URI:\($0)" }
            extensions.append((NID_crl_distribution_points, points.joined(separator: ",")))
        }
        extensions.append((NID_authority_key_identifier, "keyid"))
        for (identifier, value) in extensions {
            guard unsafe COpenSSL_addExtension(certificate, issuer, identifier, value) == 1 else {
                throw CertificateError("extension '\(value)' cannot be added")
            }
        }
        try unsafe addAlternativeNames(request.alternativeNames, to: certificate)
    }

    private static func addAlternativeNames(
        _ names: [CertificateRequest.AlternativeName], to certificate: OpaquePointer
    ) throws(CertificateError) {
        guard !names.isEmpty else { return }
        guard let stack = unsafe GENERAL_NAMES_new() else {
            throw CertificateError("out of memory")
        }
        defer { unsafe GENERAL_NAMES_free(stack) }
        for name in names {
            let added: Int32 =
                switch name {
                case .dns(let text): unsafe COpenSSL_addText(stack, GEN_DNS, text)
                case .uri(let text): unsafe COpenSSL_addText(stack, GEN_URI, text)
                case .email(let text): unsafe COpenSSL_addText(stack, GEN_EMAIL, text)
                case .ip(let text): unsafe COpenSSL_addAddress(stack, text)
                }
            guard added == 1 else { throw CertificateError("\(name) cannot be encoded") }
        }
        let added = unsafe X509_add1_ext_i2d(
            certificate, NID_subject_alt_name, UnsafeMutableRawPointer(stack), 0, 0)
        guard added == 1 else { throw CertificateError("the names cannot be added") }
    }
}
