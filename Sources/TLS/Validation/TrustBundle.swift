/// What a file of trusted certificates holds, for who has to judge it before it is used.
public struct TrustBundle: Sendable {
    /// One certificate.
    public struct Certificate: Sendable, Hashable {
        /// SHA-256 of its encoding.
        public let fingerprint: Fingerprint
        /// Its subject for people: printable ASCII, everything else escaped.
        public let subject: String
    }

    /// The certificates in order, each once.
    public let certificates: [Certificate]

    /// What the PEM file `bytes` holds, which is called `name` in errors.
    ///
    /// - Parameters:
    ///   - rules: those of the trust store that it would be alone; their sources do not matter.
    ///   - now: seconds since 1970.
    /// - Throws: when it could not be that store.
    public init(
        _ bytes: [UInt8], named name: String, rules: TrustStoreOptions, at now: Int64
    ) throws(TLSConfigurationError) {
        var options = rules.withoutContents
        options.sources = [name]
        options.contents = [name: bytes]
        options.listings = [:]
        var found: [Certificate] = []
        var seen: Set<Fingerprint> = []
        for entry in try TrustStore(options, at: now).entries {
            let fingerprint = Fingerprint(of: entry.parsed.der)
            guard seen.insert(fingerprint).inserted else { continue }
            found.append(
                Certificate(fingerprint: fingerprint, subject: entry.parsed.printableSubject))
        }
        certificates = found
    }
}
