import Core

extension SettingsBuilder {
    /// How TLS is spoken to an upstream whose keys begin with `base`; nil when nothing says that
    /// it is.
    mutating func upstreamTLS(
        _ base: String, _ members: [MemberSettings]
    ) -> UpstreamTLSSettings? {
        guard reader.hasSection(base + "tls") else { return nil }
        let base = base + "tls."
        var tls = UpstreamTLSSettings()
        tls.trust = reader.file(base + "trust")
        tls.serverName = reader.text(base + "serverName")?.lowercased()
        tls.sni = reader.text(base + "sni")?.lowercased()
        if let name = tls.serverName, !Self.isAddress(name), !Self.isHostName(name) {
            reader.fail(
                base + "serverName", "'\(name)' is neither a host name nor an IP address")
        }
        if let name = tls.sni, Self.isAddress(name) || !Self.isHostName(name) {
            reader.fail(base + "sni", "'\(name)' is no host name")
        }
        if tls.sni != nil, tls.serverName == nil {
            reader.fail(base + "sni", "needs serverName: what the certificates are for")
        }
        checkVerifiedName(tls, base, members)
        tls.certificate = ownCertificate(base)
        tls.minimumVersion = reader.choice(base + "minimumVersion")
        tls.sessionReuse = reader.choice(base + "sessionReuse") == "on"
        return tls
    }

    /// A socket in the file system has no name of its own that a certificate could be for.
    private mutating func checkVerifiedName(
        _ tls: UpstreamTLSSettings, _ base: String, _ members: [MemberSettings]
    ) {
        guard tls.serverName == nil else { return }
        for case .address(.unix(let path)) in members {
            reader.fail(
                base + "serverName", "is required: no certificate is for the member unix:\(path)")
        }
    }

    /// The gateway's certificate: chain and key, or neither.
    private mutating func ownCertificate(_ base: String) -> VirtualHostSettings.Certificate? {
        let given = ["certificate", "key", "passphraseFile"].filter {
            !(reader.text(base + $0)?.isEmpty ?? true)
        }
        guard !given.isEmpty else { return nil }
        return VirtualHostSettings.Certificate(
            chain: reader.file(base + "certificate"), key: reader.file(base + "key"),
            passphraseFile: reader.optionalFile(base + "passphraseFile"))
    }

    private static func isAddress(_ name: String) -> Bool {
        SocketAddress.parseIPv4(name) != nil || SocketAddress.parseIPv6(name) != nil
    }

    /// A server name of at least one letter, without a wildcard.
    private static func isHostName(_ name: String) -> Bool {
        !name.hasPrefix("*") && name.contains(where: \.isLetter) && isServerName(name)
    }
}
