internal import COpenSSL
internal import Core

/// Looks for certificates of a trust store by which nobody will be verified, or not for long.
struct TrustStoreInspection {
    private let options: TrustStoreOptions
    private let store: TrustStore
    private let policy: ChainPolicy
    private let now: Int64

    /// How long before its end a certificate is worth a word.
    private static let notice: Int64 = 30 * 86_400
    /// A certificate may have many issuers of one name; no more of them are tried.
    private static let issuerLimit = 16
    /// Security bits that OpenSSL's levels 1 to 5 ask for (SSL_CTX_set_security_level(3)).
    private static let securityBits: [Int32] = [0, 80, 112, 128, 192, 256]

    /// Loads the store. `now` is in seconds since 1970.
    init(_ options: TrustStoreOptions, at now: Int64) throws(TLSConfigurationError) {
        self.options = options
        self.now = now
        store = try TrustStore(options, at: now)
        policy = try ChainPolicy(options, .clients, stored: store.fingerprints)
    }

    /// What there is to say, in the order of the store.
    func warnings() -> [TrustStoreWarning] {
        var found: [TrustStoreWarning] = []
        var seen: [Fingerprint: Int] = [:]
        let lengths = pathLengths()
        for (index, entry) in store.entries.enumerated() {
            let fingerprint = Fingerprint(of: entry.parsed.der)
            if let first = seen[fingerprint] {
                let earlier = store.entries[first]
                let place = earlier.path == entry.path ? "" : " of \(earlier.path)"
                found.append(
                    warning(index, "is certificate \(earlier.position)\(place) once more"))
                continue
            }
            seen[fingerprint] = index
            let problems =
                [validity(entry.parsed)] + strength(index) + [standing(index, lengths[index])]
            found += problems.compactMap { $0 }.map { warning(index, $0) }
        }
        return found
    }

    private func warning(_ index: Int, _ problem: String) -> TrustStoreWarning {
        let entry = store.entries[index]
        return TrustStoreWarning(
            path: entry.path, position: entry.position, subject: entry.parsed.printableSubject,
            problem: problem)
    }

    private func validity(_ certificate: PeerCertificate) -> String? {
        let end = CalendarTime(certificate.notAfter).certificateText
        if now < certificate.notBefore {
            let begin = CalendarTime(certificate.notBefore).certificateText
            return "is not valid before \(begin)"
        }
        if now > certificate.notAfter { return "has expired on \(end)" }
        return certificate.notAfter - now < Self.notice ? "expires soon, on \(end)" : nil
    }

    private func strength(_ index: Int) -> [String?] {
        let certificate = unsafe store.certificates[index]
        let least = Self.securityBits[min(max(options.securityLevel, 0), 5)]
        let bits = unsafe X509_get0_pubkey(certificate).map {
            unsafe EVP_PKEY_get_security_bits($0)
        }
        let hasStrongKey = unsafe bits ?? 0 >= least && policy.hasStrongKey(certificate)
        var digestBits: Int32 = 0
        _ = unsafe X509_get_signature_info(certificate, nil, nil, &digestBits, nil)
        let hasStrongSignature =
            unsafe isSelfSigned(index)
            || digestBits >= least && policy.hasStrongSignature(certificate)
        return [
            hasStrongKey ? nil : "has a key that the store's rules refuse: chains with it fail",
            hasStrongSignature
                ? nil
                : "is signed by an algorithm that the store's rules refuse: chains with it fail",
        ]
    }

    /// Whether it can stand above a client's certificate. `length` is of its path to an anchor.
    private func standing(_ index: Int, _ length: Int?) -> String? {
        guard isAuthority(index) else {
            return "is no certificate authority: no certificate below it is trusted"
        }
        guard let length else {
            return "leads to no self-signed root of the store: chains with it fail"
        }
        guard length + 1 <= options.maximumChainLength else {
            return "makes chains of \(length + 1) certificates, and the store allows "
                + "\(options.maximumChainLength): they fail"
        }
        return nil
    }

    private func isSelfSigned(_ index: Int) -> Bool {
        unsafe X509_get_extension_flags(store.certificates[index]) & UInt32(EXFLAG_SS) != 0
    }

    private func isAuthority(_ index: Int) -> Bool {
        unsafe X509_check_ca(store.certificates[index]) != 0
    }

    // MARK: Paths

    /// For each certificate, how many stand on its shortest way to an anchor of the store, both
    /// included; nil where there is none.
    private func pathLengths() -> [Int?] {
        var lengths = store.entries.indices.map { index in
            options.allowsPartialChains || isSelfSigned(index) ? 1 : nil
        }
        let issuers = issuersWithin()
        // Each round reaches what is one certificate further from the anchors.
        for _ in 0..<options.maximumChainLength + 1 {
            let known = lengths
            for index in lengths.indices where known[index] == nil {
                lengths[index] = issuers[index].compactMap { known[$0] }.min().map { $0 + 1 }
            }
        }
        return lengths
    }

    /// For each certificate, which of the store issued it.
    private func issuersWithin() -> [[Int]] {
        var named: [UInt: [Int]] = [:]
        for index in store.entries.indices where isAuthority(index) {
            let name = unsafe X509_subject_name_hash(store.certificates[index])
            named[name, default: []].append(index)
        }
        return store.entries.indices.map { index in
            guard !isSelfSigned(index) else { return [] }
            let certificate = unsafe store.certificates[index]
            let candidates = unsafe named[X509_issuer_name_hash(certificate)] ?? []
            let found = candidates.prefix(Self.issuerLimit).filter { candidate in
                let issuer = unsafe store.certificates[candidate]
                guard unsafe X509_check_issued(issuer, certificate) == X509_V_OK,
                    let key = unsafe X509_get0_pubkey(issuer)
                else { return false }
                return unsafe X509_verify(certificate, key) == 1
            }
            ErrorQueue.clear()
            return found
        }
    }
}
