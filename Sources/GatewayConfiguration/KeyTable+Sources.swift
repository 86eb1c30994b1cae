extension KeyTable {
    /// How s3://, https:// and http:// sources are fetched.
    static let sources = [
        ConfigurationKey(
            "sources.stateDirectory", .file, nil,
            "Folder for the last good copy of every source that is fetched; systemd's "
                + "STATE_DIRECTORY when unset."),
        ConfigurationKey(
            "sources.pollInterval", .duration, "60s", "How often sources are asked for changes."),
        ConfigurationKey("sources.timeout", .duration, "30s", "For one fetch, at most 10m."),
        ConfigurationKey(
            "sources.authorities", .file, "",
            "PEM file of the authorities that their servers are verified by; the system's when "
                + "empty."),
        ConfigurationKey(
            "sources.s3.region", .text, nil,
            "AWS region; AWS_REGION or AWS_DEFAULT_REGION when unset."),
        ConfigurationKey(
            "sources.s3.endpoint", .text, "",
            "Other service that speaks S3, https://HOST:PORT; http:// on loopback only."),
        ConfigurationKey(
            "sources.s3.credentials", .choice(SourceSettings.Credentials.allCases.map(\.rawValue)),
            SourceSettings.Credentials.environment.rawValue,
            "Whose keys sign requests: those that AWS's tools would find here, or nobody's."),
    ]

    /// What has to hold for trust stores that are fetched.
    static let fetchedTrust = [
        ConfigurationKey(
            "trustStores.*.maxStale", .duration, "168h",
            "How long a fetched source counts while it cannot be asked; half of it warns."),
        ConfigurationKey(
            "trustStores.*.whenStale", .choice(["refuse", "keep"]), "refuse",
            "After that: trust nobody by that source, or only warn."),
        ConfigurationKey(
            "trustStores.*.acceptedDigest", .text, "",
            "SHA-256 of the one bundle that may drop most authorities, as its refusal said it."),
    ]
}
