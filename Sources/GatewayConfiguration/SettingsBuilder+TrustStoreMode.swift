import TLS

extension SettingsBuilder {
    /// Makes API Gateway's rules those of `store`: what was given may be stricter, not laxer.
    mutating func applyAPIGatewayRules(_ store: inout TrustStoreOptions, _ base: String) {
        let longest = TrustStoreMode.apiGatewayChainLength
        if store.maximumChainLength > longest {
            refuse(base + "chainLength", "\(store.maximumChainLength)", "2 to \(longest)")
        }
        store.minimumRSABits = least(
            TrustStoreMode.apiGatewayRSABits, base + "minimumRSABits", store.minimumRSABits)
        store.minimumECBits = least(
            TrustStoreMode.apiGatewayECBits, base + "minimumECBits", store.minimumECBits)
        if store.securityLevel < 2 {
            refuse(base + "securityLevel", "\(store.securityLevel)", "2 to 5")
        }
        if store.allowsPartialChains { refuse(base + "partialChains", "true", "false") }
        for name in store.signatureAlgorithms where !Self.isStrong(name) {
            refuse(
                base + "signatureAlgorithms", name, "a name with SHA256, SHA384, SHA512 or PSS")
        }
    }

    /// The value at `path` if one was given, else `least`, below which it may not be.
    private mutating func least(_ least: Int, _ path: String, _ value: Int) -> Int {
        guard reader.isGiven(path) else { return least }
        if value < least { refuse(path, "\(value)", "\(least) or more") }
        return value
    }

    private mutating func refuse(_ path: String, _ value: String, _ allowed: String) {
        reader.fail(
            path, "'\(value)' is laxer than the store's mode aws-apigw: \(allowed) is allowed")
    }

    /// Whether OpenSSL's name of a signature algorithm says a digest of SHA-256 or better. RSA-PSS
    /// has its digest in the certificate.
    private static func isStrong(_ name: String) -> Bool {
        let name = name.uppercased()
        return ["SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-384", "SHA3-512", "PSS"]
            .contains { name.contains($0) }
    }
}
