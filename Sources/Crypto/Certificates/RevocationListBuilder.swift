internal import COpenSSL

extension CertificateAuthority {
    /// A revocation list of this authority, DER, whether or not it may sign one.
    public func revocationList(
        _ request: RevocationListRequest
    ) throws(CertificateError) -> [UInt8] {
        let list = try unsafe RevocationListBuilder.build(request, issuer: self)
        defer { unsafe X509_CRL_free(list) }
        let count = unsafe i2d_X509_CRL(list, nil)
        guard count > 0 else { throw CertificateError("the list cannot be written") }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { room, filled in
            var cursor = room.baseAddress
            filled = unsafe max(0, Int(i2d_X509_CRL(list, &cursor)))
        }
    }

    /// A revocation list of this authority as PEM.
    public func revocationListPEM(
        _ request: RevocationListRequest
    ) throws(CertificateError) -> String {
        let list = try unsafe RevocationListBuilder.build(request, issuer: self)
        defer { unsafe X509_CRL_free(list) }
        guard let text = unsafe PEMText.write({ unsafe PEM_write_bio_X509_CRL($0, list) }) else {
            throw CertificateError("the list cannot be written")
        }
        return text
    }
}

/// Builds and signs one `X509_CRL`.
enum RevocationListBuilder {
    /// An arc for private use that no software knows.
    private static let unknownIdentifier = "1.3.6.1.4.1.32473.1"

    /// The signed list; the caller frees it.
    static func build(
        _ request: RevocationListRequest, issuer: CertificateAuthority
    ) throws(CertificateError) -> OpaquePointer {
        guard let list = unsafe X509_CRL_new() else { throw CertificateError("out of memory") }
        do throws(CertificateError) {
            try unsafe fill(list, request, issuer)
            guard unsafe X509_CRL_sort(list) == 1,
                unsafe X509_CRL_sign(list, issuer.key.pointer, issuer.key.digest) > 0
            else { throw CertificateError("the list cannot be signed") }
        } catch {
            unsafe X509_CRL_free(list)
            throw error
        }
        return unsafe list
    }

    private static func fill(
        _ list: OpaquePointer, _ request: RevocationListRequest, _ issuer: CertificateAuthority
    ) throws(CertificateError) {
        guard unsafe X509_CRL_set_version(list, Int(X509_CRL_VERSION_2)) == 1,
            unsafe X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.pointer)) == 1
        else { throw CertificateError("the issuer cannot be set") }
        guard let time = unsafe ASN1_TIME_set(nil, Int(request.thisUpdate)) else {
            throw CertificateError("thisUpdate cannot be encoded")
        }
        defer { unsafe ASN1_TIME_free(time) }
        guard unsafe X509_CRL_set1_lastUpdate(list, time) == 1 else {
            throw CertificateError("thisUpdate cannot be set")
        }
        for entry in request.entries { try unsafe add(entry, to: list, at: time) }
        if let nextUpdate = request.nextUpdate {
            guard unsafe ASN1_TIME_set(time, Int(nextUpdate)) != nil,
                unsafe X509_CRL_set1_nextUpdate(list, time) == 1
            else { throw CertificateError("nextUpdate cannot be set") }
        }
        try unsafe addExtensions(request, to: list)
    }

    private static func add(
        _ entry: RevocationListRequest.Entry, to list: OpaquePointer,
        at time: UnsafeMutablePointer<ASN1_TIME>
    ) throws(CertificateError) {
        guard let revoked = unsafe X509_REVOKED_new() else {
            throw CertificateError("out of memory")
        }
        do throws(CertificateError) {
            try unsafe fill(revoked, entry, time)
            guard unsafe X509_CRL_add0_revoked(list, revoked) == 1 else {
                throw CertificateError("an entry cannot be added")
            }
        } catch {
            unsafe X509_REVOKED_free(revoked)
            throw error
        }
    }

    private static func fill(
        _ revoked: OpaquePointer, _ entry: RevocationListRequest.Entry,
        _ time: UnsafeMutablePointer<ASN1_TIME>
    ) throws(CertificateError) {
        guard
            let number = unsafe BN_bin2bn(
                entry.serialNumber, Int32(entry.serialNumber.count), nil)
        else { throw CertificateError("out of memory") }
        defer { unsafe BN_free(number) }
        guard let serial = unsafe BN_to_ASN1_INTEGER(number, nil) else {
            throw CertificateError("the serial number cannot be encoded")
        }
        defer { unsafe ASN1_INTEGER_free(serial) }
        guard unsafe X509_REVOKED_set_serialNumber(revoked, serial) == 1,
            unsafe X509_REVOKED_set_revocationDate(revoked, time) == 1
        else { throw CertificateError("an entry cannot be filled") }
        if let reason = entry.reason {
            guard let code = unsafe ASN1_ENUMERATED_new() else {
                throw CertificateError("out of memory")
            }
            defer { unsafe ASN1_ENUMERATED_free(code) }
            guard unsafe ASN1_ENUMERATED_set(code, reason) == 1,
                unsafe X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, code, 0, 0) == 1
            else { throw CertificateError("a reason cannot be added") }
        }
        if entry.namesItsIssuer {
            guard let names = unsafe GENERAL_NAMES_new() else {
                throw CertificateError("out of memory")
            }
            defer { unsafe GENERAL_NAMES_free(names) }
            guard unsafe COpenSSL_addText(names, GEN_URI, "urn:another-issuer") == 1,
                unsafe X509_REVOKED_add1_ext_i2d(
                    revoked, NID_certificate_issuer, UnsafeMutableRawPointer(names), 1, 0) == 1
            else { throw CertificateError("an entry's issuer cannot be added") }
        }
        if entry.hasUnknownExtension {
            let unknown = try unsafe unknownExtension()
            defer { unsafe X509_EXTENSION_free(unknown) }
            guard unsafe X509_REVOKED_add_ext(revoked, unknown, -1) == 1 else {
                throw CertificateError("an entry's extension cannot be added")
            }
        }
    }

    private static func addExtensions(
        _ request: RevocationListRequest, to list: OpaquePointer
    ) throws(CertificateError) {
        for (identifier, value, isCritical) in [
            (NID_crl_number, request.number, 0 as Int32), (NID_delta_crl, request.deltaBase, 1),
        ] {
            guard let value else { continue }
            guard let number = unsafe ASN1_INTEGER_new() else {
                throw CertificateError("out of memory")
            }
            defer { unsafe ASN1_INTEGER_free(number) }
            guard unsafe ASN1_INTEGER_set_uint64(number, value) == 1,
                unsafe X509_CRL_add1_ext_i2d(list, identifier, number, isCritical, 0) == 1
            else { throw CertificateError("a number cannot be added") }
        }
        var extensions: [OpaquePointer] = unsafe []
        defer {
            for index in unsafe extensions.indices { unsafe X509_EXTENSION_free(extensions[index]) }
        }
        if let value = request.distributionPoint {
            guard
                let point = unsafe X509V3_EXT_conf_nid(
                    nil, nil, NID_issuing_distribution_point, "critical," + value)
            else { throw CertificateError("'\(value)' is no distribution point") }
            unsafe extensions.append(point)
        }
        if request.hasUnknownExtension { unsafe extensions.append(try unsafe unknownExtension()) }
        for index in unsafe extensions.indices {
            guard unsafe X509_CRL_add_ext(list, extensions[index], -1) == 1 else {
                throw CertificateError("an extension cannot be added")
            }
        }
    }

    private static func unknownExtension() throws(CertificateError) -> OpaquePointer {
        guard let identifier = unsafe OBJ_txt2obj(unknownIdentifier, 1) else {
            throw CertificateError("out of memory")
        }
        defer { unsafe ASN1_OBJECT_free(identifier) }
        guard let content = unsafe ASN1_OCTET_STRING_new() else {
            throw CertificateError("out of memory")
        }
        defer { unsafe ASN1_OCTET_STRING_free(content) }
        guard unsafe ASN1_OCTET_STRING_set(content, [5, 0], 2) == 1,
            let made = unsafe X509_EXTENSION_create_by_OBJ(nil, identifier, 1, content)
        else { throw CertificateError("an extension cannot be made") }
        return unsafe made
    }
}
