extension KeyTable {
    /// The keys of authorizers. What a condition lists are alternatives; conditions are joined.
    static let authorizers =
        [
            ConfigurationKey(
                "authorizers.*.reportOnly", .flag, "false",
                "Whether nobody is refused, but counted and logged."),
            rule(
                "effect", .choice(["allow", "deny"]), nil,
                "What becomes of clients that meet all conditions, if no rule before decides; who "
                    + "meets no rule is refused."),
            rule(
                "reportOnly", .flag, "false",
                "Whether what the rule would deny is only counted and logged."),
            rule(
                "client", .choice(["any", "verified", "anonymous"]), "any",
                "Which clients the rule is about; those without a certificate meet no condition."),
        ] + certificateConditions + nameConditions + qualityConditions

    private static let certificateConditions = [
        rule(
            "certificate", .list, "",
            "Certificates: sha256:HEX, spki-sha256:HEX, issuer:NAME serial:HEX, as in a deny list."
        ),
        rule("issuer", .list, "", "Names of their issuers, such as CN=Issuing CA,C=DE."),
        rule(
            "authority", .list, "",
            "Authorities in their chains: sha256:HEX or spki-sha256:HEX of one."),
        rule("trustStore", .list, "", "Names of trust stores that have the anchor of their chain."),
    ]

    private static let nameConditions = [
        rule(
            "subject.*", .list, "",
            "Values of that attribute of the subject (CN, O, OU); `*` is any text, `?` any byte."),
        rule("dns", .list, "", "Host names; `*` is any text, dots too."),
        rule("uri", .list, "", "URIs; `*` is any text, slashes too."),
        rule("email", .list, "", "Mail addresses; `*` is any text."),
        rule("ip", .list, "", "Addresses, IPv4 or IPv6."),
        rule("spiffeTrustDomain", .list, "", "Trust domains of SPIFFE identities."),
        rule("spiffePath", .list, "", "Paths of SPIFFE identities: prefixes, by whole segments."),
    ]

    private static let qualityConditions = [
        rule(
            "extendedKeyUsage", .list, "",
            "Extended key usages: clientAuth and its like, or OIDs."),
        rule("policy", .list, "", "OIDs of certificate policies."),
        rule("keyType", .list, "", "Kinds of key: rsa, ec, ed25519 or ed448."),
        rule(
            "minimumRSABits", .integer(0...16_384), "0",
            "Fewest bits that a key has if it is RSA; 0 for any."),
        rule(
            "minimumECBits", .integer(0...521), "0",
            "Fewest bits that a key has if it is on a curve; 0 for any."),
        rule(
            "maximumAge", .duration, nil,
            "How long ago the certificate may have become valid; any time when unset."),
    ]

    private static func rule(
        _ name: String, _ kind: ValueKind, _ fallback: String?, _ help: String
    ) -> ConfigurationKey {
        ConfigurationKey("authorizers.*.rules.*.\(name)", kind, fallback, help)
    }
}
