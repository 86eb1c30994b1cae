internal import COpenSSL

extension SignedRevocationList {
    /// How far in the future a list may have been made: clocks differ.
    static let clockTolerance: Int64 = 300

    /// The list in the form that handshakes look up. Its signature must have been verified.
    ///
    /// Refuses what would be read wrongly: a list that does not speak for all certificates of its
    /// issuer, or that has a critical extension we do not know (RFC 5280 §5.2, §5.3).
    func compiled(now: Int64) throws(TLSConfigurationError) -> RevocationList {
        try checkExtensions()
        guard let thisUpdate = unsafe PeerCertificate.seconds(X509_CRL_get0_lastUpdate(pointer))
        else { throw refusal("has no readable thisUpdate") }
        guard thisUpdate <= now + Self.clockTolerance else {
            throw refusal("comes from the future (thisUpdate \(thisUpdate), now \(now))")
        }
        // RFC 5280 §5.1.2.5: conforming issuers must say it, and freshness depends on it.
        guard let nextUpdate = unsafe PeerCertificate.seconds(X509_CRL_get0_nextUpdate(pointer))
        else { throw refusal("has no readable nextUpdate") }
        return RevocationList(
            number: try number(), thisUpdate: thisUpdate, nextUpdate: nextUpdate,
            serials: try serials())
    }

    private func number() throws(TLSConfigurationError) -> [UInt8]? {
        var isCritical: Int32 = 0
        guard let value = unsafe X509_CRL_get_ext_d2i(pointer, NID_crl_number, &isCritical, nil)
        else {
            // -1 says that there is none; anything else, that it is broken or there are two.
            guard isCritical == -1 else { throw refusal("has no readable number") }
            return nil
        }
        let number = unsafe value.assumingMemoryBound(to: ASN1_INTEGER.self)
        defer { unsafe ASN1_INTEGER_free(number) }
        guard unsafe ASN1_STRING_type(number) == V_ASN1_INTEGER else {
            throw refusal("has a negative number")
        }
        let bytes = unsafe UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(number), count: Int(ASN1_STRING_length(number)))
        return unsafe Array(bytes.drop { $0 == 0 })
    }

    private func checkExtensions() throws(TLSConfigurationError) {
        let extensions = unsafe X509_CRL_get0_extensions(pointer)
        var seen: Set<Int32> = []
        for index in unsafe 0..<max(0, COpenSSL_sk_X509_EXTENSION_num(extensions)) {
            let item = unsafe COpenSSL_sk_X509_EXTENSION_value(extensions, index)
            let identifier = unsafe OBJ_obj2nid(X509_EXTENSION_get_object(item))
            let isCritical = unsafe X509_EXTENSION_get_critical(item) != 0
            guard identifier == NID_undef || seen.insert(identifier).inserted else {
                throw refusal("has an extension twice")
            }
            switch identifier {
            case NID_delta_crl:
                throw refusal("is a delta: it names changes to another list only")
            case NID_issuing_distribution_point: try checkScope()
            case NID_crl_number, NID_authority_key_identifier: break
            default:
                if isCritical {
                    throw unsafe refusal(
                        "has a critical extension that is not known (\(Self.name(of: item)))")
                }
            }
        }
    }

    /// RFC 5280 §5.2.5: the list must speak for every certificate of the issuer, and only those.
    private func checkScope() throws(TLSConfigurationError) {
        guard
            let value = unsafe X509_CRL_get_ext_d2i(
                pointer, NID_issuing_distribution_point, nil, nil)
        else { throw refusal("has an issuingDistributionPoint that cannot be read") }
        let point = unsafe value.assumingMemoryBound(to: ISSUING_DIST_POINT.self)
        defer { unsafe ISSUING_DIST_POINT_free(point) }
        if unsafe point.pointee.indirectCRL != 0 {
            throw refusal("is indirect: it names certificates of other issuers")
        }
        for (isLimited, limit) in unsafe [
            (point.pointee.onlyuser != 0, "onlyContainsUserCerts"),
            (point.pointee.onlyCA != 0, "onlyContainsCACerts"),
            (point.pointee.onlyattr != 0, "onlyContainsAttributeCerts"),
            (point.pointee.onlysomereasons != nil, "onlySomeReasons"),
            (point.pointee.distpoint != nil, "distributionPoint"),
        ] where isLimited {
            throw refusal("is limited in scope (\(limit))")
        }
    }

    private func serials() throws(TLSConfigurationError) -> SerialTable {
        let entries = unsafe X509_CRL_get_REVOKED(pointer)
        let count = unsafe max(0, COpenSSL_sk_X509_REVOKED_num(entries))
        guard count <= SerialTable.limit else { throw refusal("has too many entries") }
        var table = SerialTable(capacity: Int(count))
        for index in 0..<count {
            guard let entry = unsafe COpenSSL_sk_X509_REVOKED_value(entries, index),
                let serial = unsafe X509_REVOKED_get0_serialNumber(entry)
            else { throw refusal("has an entry that cannot be read") }
            guard let reason = try unsafe reason(of: entry) else { continue }
            let magnitude = unsafe UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(serial), count: Int(ASN1_STRING_length(serial)))
            unsafe table.insert(SerialNumber(magnitude), reason)
        }
        return table
    }

    /// Why the certificate of `entry` is revoked; nil when it is not any more (removeFromCRL).
    private func reason(
        of entry: OpaquePointer
    ) throws(TLSConfigurationError) -> RevocationReason? {
        var reason = RevocationReason.unspecified
        for index in unsafe 0..<max(0, X509_REVOKED_get_ext_count(entry)) {
            let item = unsafe X509_REVOKED_get_ext(entry, index)
            switch unsafe OBJ_obj2nid(X509_EXTENSION_get_object(item)) {
            case NID_crl_reason:
                guard let value = unsafe X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nil, nil)
                else { throw refusal("has an entry whose reason cannot be read") }
                let code = unsafe value.assumingMemoryBound(to: ASN1_ENUMERATED.self)
                defer { unsafe ASN1_ENUMERATED_free(code) }
                let number = unsafe ASN1_ENUMERATED_get(code)
                if number == Int(CRL_REASON_REMOVE_FROM_CRL) { return nil }
                // A reason that we do not know revokes as well.
                reason = UInt8(exactly: number).flatMap { Self.reasons[$0] } ?? .unspecified
            case NID_certificate_issuer:
                throw refusal("is indirect: an entry names another issuer")
            case NID_invalidity_date: break
            default:
                if unsafe X509_EXTENSION_get_critical(item) != 0 {
                    throw unsafe refusal(
                        "has an entry with a critical extension that is not known "
                            + "(\(Self.name(of: item)))")
                }
            }
        }
        return reason
    }

    /// The reasons that an issuer may give.
    private static let reasons: [UInt8: RevocationReason] = Dictionary(
        uniqueKeysWithValues: (0...10).compactMap { code in
            RevocationReason(rawValue: code).map { (code, $0) }
        })

    private static func name(of item: OpaquePointer?) -> String {
        var text = [CChar](repeating: 0, count: 80)
        let object = unsafe X509_EXTENSION_get_object(item)
        let count = unsafe Int(OBJ_obj2txt(&text, Int32(text.count), object, 1))
        return String(
            decoding: text.prefix(max(0, min(count, text.count - 1))).lazy.map(
                UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func refusal(_ reason: String) -> TLSConfigurationError {
        TLSConfigurationError(
            origin, "a revocation list here " + reason,
            advice: "have its issuer make a complete, current list for its own certificates")
    }
}
