import Identity

extension KeyTable {
    /// Which headers say who the client is.
    static let identity = [
        ConfigurationKey(
            "identitySets.*.presets", .list, "",
            "Products whose headers are sent; `postern formats` lists them."),
        ConfigurationKey(
            "identitySets.*.headers.*.template", .text, nil,
            "Value of the header of that name, such as `{subject.OU}`."),
        ConfigurationKey(
            "identitySets.*.headers.*.format", .text, nil,
            "Its format instead of a template: `subject` or `subjectBase64`."),
        ConfigurationKey(
            "identitySets.*.headers.*.encoding", .choice(HeaderEncoding.names), "raw",
            "How the template's text becomes a value."),
        ConfigurationKey(
            "identitySets.*.headers.*.default", .text, nil,
            "Value where the certificate has none of what the template names; no header when unset."
        ),
        ConfigurationKey(
            "identitySets.*.valueLimit", .size(64...65_536), "8KiB", "Bytes of one value."),
        ConfigurationKey(
            "identitySets.*.totalLimit", .size(64...262_144), "16KiB", "Bytes of all its headers."),
        ConfigurationKey(
            "identitySets.*.onExcess", .choice(IdentityLimits.Excess.allCases.map(\.rawValue)),
            "refuse",
            "What follows when they are larger: 431, or a header less and `NAME-Too-Large: 1`."),
        ConfigurationKey(
            "identitySets.*.forwardClientCert",
            .choice(ClientCertForwarding.Mode.allCases.map(\.rawValue)), "sanitizeSet",
            "What becomes of a received X-Forwarded-Client-Cert, in Envoy's words."),
        ConfigurationKey(
            "identitySets.*.trustedHops", .list, "",
            "Verified peers whose X-Forwarded-Client-Cert may go on: `sha256:` and the "
                + "certificate's fingerprint, or a SPIFFE identity."),
        ConfigurationKey(
            "identitySets.*.proxyURIs", .list, "",
            "URIs for `By` of X-Forwarded-Client-Cert; those of the virtual host's first "
                + "certificate when empty."),
    ]
}
