internal import COpenSSL
internal import Core

/// Certificates that are trusted, as loaded: anchors and the intermediates beside them.
@safe
final class TrustStore {
    let certificates = CertificateList()
    /// Where each of them comes from, and what it says.
    private(set) var entries: [Entry] = []
    /// SHA-256 over every certificate, in order: two stores of one digest trust the same.
    let digest: Fingerprint
    /// SHA-256 of each.
    let fingerprints: Set<Fingerprint>

    /// A certificate of the store.
    struct Entry {
        /// The file.
        let path: String
        /// Which of the file's certificates it is, from 1.
        let position: Int
        let parsed: PeerCertificate
    }

    /// Loads what `options` names. Fatal when there is nothing in it that could be an anchor
    /// today: an empty store would refuse everybody, and nobody wants the system's roots instead.
    /// A store with a source that is suspended may do that.
    init(_ options: TrustStoreOptions, at now: Int64) throws(TLSConfigurationError) {
        var encodings: [UInt8] = []
        var fingerprints: Set<Fingerprint> = []
        var anchors = 0
        var expired = 0
        for path in try Self.files(of: options) {
            let loaded = try PEMFile(path: path, contents: options.contents[path]).certificates()
            for index in 0..<loaded.count {
                let certificate = unsafe loaded[index]
                guard let parsed = unsafe PeerCertificate(certificate) else {
                    throw TLSConfigurationError(
                        path, "certificate \(index + 1) cannot be trusted (its dates are broken)",
                        advice: "remove that certificate")
                }
                let isSelfSigned =
                    unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_SS) != 0
                if options.allowsPartialChains || isSelfSigned {
                    anchors += 1
                    if parsed.notAfter < now { expired += 1 }
                }
                unsafe X509_up_ref(certificate)
                unsafe certificates.append(certificate)
                encodings += parsed.der
                fingerprints.insert(Fingerprint(of: parsed.der))
                entries.append(Entry(path: path, position: index + 1, parsed: parsed))
            }
        }
        digest = Fingerprint(of: encodings)
        self.fingerprints = fingerprints
        let isSuspended = !options.suspended.isDisjoint(with: options.sources)
        let subject = options.sources.joined(separator: ", ")
        guard anchors > 0 || isSuspended else {
            throw TLSConfigurationError(
                subject, "contains no self-signed certificate, so nothing could be an anchor",
                advice: "add the root, or allow partial chains")
        }
        guard expired < anchors || isSuspended else {
            throw TLSConfigurationError(
                subject, "all anchors have expired", advice: "name a store with a valid anchor")
        }
        if options.mode == .apiGateway { try refuseConflicts() }
    }

    /// API Gateway takes one issuer for each subject of a store; the words are its own.
    private func refuseConflicts() throws(TLSConfigurationError) {
        var issuers: [Fingerprint: Fingerprint] = [:]
        for (index, entry) in entries.enumerated() {
            guard let subject = unsafe CanonicalName(X509_get_subject_name(certificates[index])),
                let issuer = unsafe CanonicalName(X509_get_issuer_name(certificates[index]))
            else { continue }
            let known = issuers.updateValue(issuer.digest, forKey: subject.digest)
            if let known, known != issuer.digest {
                throw TLSConfigurationError(
                    entry.path,
                    "certificate \(entry.position): The certificate subject "
                        + "\(entry.parsed.printableSubject) conflicts with an existing certificate "
                        + "from a different issuer",
                    advice: "keep one of the two, or set the trust store's mode to standard")
            }
        }
    }

    /// The PEM files that the sources name, those of a directory in order of name.
    private static func files(
        of options: TrustStoreOptions
    ) throws(TLSConfigurationError) -> [String] {
        var files: [String] = []
        for source in options.sources where !options.suspended.contains(source) {
            guard let found = options.listings[source] ?? listing(source) else {
                files.append(source)
                continue
            }
            guard !found.isEmpty else {
                throw TLSConfigurationError(
                    source, "the directory holds no .pem, .crt or .cer file",
                    advice: "add the trusted certificates, or name another directory")
            }
            files += found
        }
        return files
    }

    /// The certificates of the directory at `path`, in order of name; nil when it is none.
    private static func listing(_ path: String) -> [String]? {
        (try? FileBytes.names(in: path))?.filter(TrustStoreOptions.isCertificate)
            .map { path + "/" + $0 }
    }
}
